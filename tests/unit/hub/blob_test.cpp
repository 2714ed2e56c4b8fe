#include <fcntl.h>
#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "valence/base/file.h"
#include "valence/hub/blob_hash.h"
#include "valence/hub/blob_name.h"
#include "valence/hub/partial_blob.h"

namespace valence::hub {
namespace {

// FIPS 180-2, appendix B.1.
constexpr auto kSha256OfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
// `printf 'hello\n' | git hash-object --stdin`, as in git's own documentation.
constexpr auto kGitOidOfHello = "ce013625030ba8dba906f756967f9e9ca394464a";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The cases of huggingface_hub's own TestNormalizeEtag.
TEST(Etag, QuotesAndWeaknessGo) {
  EXPECT_EQ(normalized_etag("\"a16a55fda99d2f2e7b69cce5cf93ff4ad3049930\""),
            "a16a55fda99d2f2e7b69cce5cf93ff4ad3049930");
  EXPECT_EQ(normalized_etag("W/\"a16a55fda99d2f2e7b69cce5cf93ff4ad3049930\""),
            "a16a55fda99d2f2e7b69cce5cf93ff4ad3049930");
  EXPECT_EQ(normalized_etag("a16a55fda99d2f2e7b69cce5cf93ff4ad3049930"), "a16a55fda99d2f2e7b69cce5cf93ff4ad3049930");
  EXPECT_EQ(normalized_etag(""), "");
}

TEST(BlobName, LengthTellsTheHash) {
  EXPECT_EQ(parse_blob_name(kSha256OfAbc)->kind, BlobName::Kind::kSha256);
  EXPECT_EQ(parse_blob_name(kGitOidOfHello)->kind, BlobName::Kind::kGitSha1);
  for (const std::string name : {std::string(), std::string("../x"), std::string(40, 'G'), std::string(40, 'A'),
                                 std::string(39, 'a'), std::string(64, 'a') + ".incomplete"}) {
    EXPECT_FALSE(parse_blob_name(name)) << name;
  }
}

TEST(BlobHash, IsSha256OrTheObjectIdOfGit) {
  BlobHash sha256(BlobName::Kind::kSha256, 3);
  sha256.update(bytes_of("a"));
  sha256.update(bytes_of("bc"));
  EXPECT_EQ(sha256.hex(), kSha256OfAbc);
  BlobHash git(BlobName::Kind::kGitSha1, 6);
  git.update(bytes_of("hello\n"));
  EXPECT_EQ(git.hex(), kGitOidOfHello);
}

class PartialBlobTest : public ::testing::Test {
 protected:
  Result<PartialBlob> open() {
    return PartialBlob::open(target_, *parse_blob_name(kSha256OfAbc), 3, [](std::uint64_t) { return true; });
  }

  testing::TemporaryDirectory directory_;
  std::filesystem::path target_ = directory_.path() / kSha256OfAbc;
};

TEST_F(PartialBlobTest, AppearsUnderItsNameOnlyWhenCommitted) {
  auto blob = open();
  ASSERT_TRUE(blob);
  ASSERT_TRUE(blob->append(bytes_of("abc")));
  EXPECT_FALSE(std::filesystem::exists(target_));
  EXPECT_TRUE(blob->is_whole());
  EXPECT_TRUE(blob->has_right_hash());
  ASSERT_TRUE(blob->commit());
  EXPECT_EQ(*read_file(target_, 100), "abc");
  EXPECT_FALSE(std::filesystem::exists(incomplete_path(target_)));
}

TEST_F(PartialBlobTest, GoesOnWhereAnEarlierProcessStopped) {
  directory_.write(incomplete_path(target_).filename().string(), "ab");
  auto blob = open();
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->received(), 2U);
  EXPECT_TRUE(blob->is_continued());
  ASSERT_TRUE(blob->append(bytes_of("c")));
  EXPECT_TRUE(blob->has_right_hash());
}

TEST_F(PartialBlobTest, WrongBytesAreKnown) {
  directory_.write(incomplete_path(target_).filename().string(), "ax");
  auto blob = open();
  ASSERT_TRUE(blob);
  ASSERT_TRUE(blob->append(bytes_of("c")));
  EXPECT_FALSE(blob->has_right_hash());
  ASSERT_TRUE(blob->restart());
  ASSERT_TRUE(blob->append(bytes_of("abc")));
  EXPECT_TRUE(blob->has_right_hash());
}

TEST_F(PartialBlobTest, MoreThanTheBlobHasIsRefusedOrStartedOver) {
  directory_.write(incomplete_path(target_).filename().string(), "abcdef");
  auto blob = open();
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->received(), 0U);
  const Status refused = blob->append(bytes_of("abcd"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kRemote);
}

TEST_F(PartialBlobTest, LinkInItsPlaceIsNotFollowed) {
  const auto victim = directory_.write("victim", "precious");
  std::filesystem::create_symlink(victim, incomplete_path(target_));
  EXPECT_FALSE(open());
  EXPECT_EQ(*read_file(victim, 100), "precious");
}

}  // namespace
}  // namespace valence::hub
