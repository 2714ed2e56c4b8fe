#include "valence/hub/cache.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "valence/base/file.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

const std::string kFirst(40, 'a');
const std::string kSecond(40, 'b');
const BlobName kBlob{BlobName::Kind::kSha256, std::string(64, 'c')};

class HubCacheTest : public ::testing::Test {
 protected:
  /// A file of a snapshot, with its blob.
  void add(const std::string& commit, const std::string& file, const BlobName& blob = kBlob) {
    fs::create_directories(cache_.repo_dir("org/name") / "blobs");
    directory_.write(fs::relative(cache_.blob_path("org/name", blob), directory_.path()).string(), "bytes");
    ASSERT_TRUE(cache_.link("org/name", commit, file, blob));
  }

  void write_ref(const std::string& name, std::string_view text) {
    fs::create_directories(cache_.repo_dir("org/name") / "refs");
    directory_.write("models--org--name/refs/" + name, text);
  }

  testing::TemporaryDirectory directory_;
  HubCache cache_{directory_.path()};
};

// Files are held against the cache's paths by their text, by what removes them for one.
TEST_F(HubCacheTest, RootIsSpelledTheSameHoweverItIsGiven) {
  const fs::path plain = directory_.path() / "hub";
  fs::create_directories(plain);
  for (const fs::path& given :
       {plain / "", plain / ".", plain / ".." / "hub", fs::relative(plain), "." / fs::relative(plain)})
    EXPECT_EQ(HubCache(given).root(), plain) << given;
}

TEST_F(HubCacheTest, LinksAreRelativeAndReplaceWhatWasThere) {
  add(kFirst, "onnx/model.onnx");
  const fs::path link = cache_.snapshot_dir("org/name", kFirst) / "onnx/model.onnx";
  EXPECT_EQ(fs::read_symlink(link), fs::path("../../../blobs") / kBlob.hex);
  const BlobName other{BlobName::Kind::kGitSha1, std::string(40, 'd')};
  add(kFirst, "onnx/model.onnx", other);
  EXPECT_EQ(fs::read_symlink(link).filename(), other.hex);
  EXPECT_EQ(*read_file(link, 10), "bytes");
}

TEST_F(HubCacheTest, RevisionIsFoundByNameAndByCommit) {
  add(kFirst, "config.json");
  EXPECT_FALSE(cache_.find({.repo = "org/name"}));
  ASSERT_TRUE(cache_.set_ref({.repo = "org/name", .revision = "refs/pr/1"}, kFirst));
  EXPECT_EQ(*cache_.find({.repo = "org/name", .revision = "refs/pr/1"}), cache_.snapshot_dir("org/name", kFirst));
  EXPECT_EQ(*cache_.find({.repo = "org/name", .revision = kFirst}), cache_.snapshot_dir("org/name", kFirst));
  EXPECT_EQ(*read_file(cache_.repo_dir("org/name") / "refs/refs/pr/1", 100), kFirst);
}

TEST_F(HubCacheTest, ReferenceThatIsNoCommitLeadsNowhere) {
  add(kFirst, "config.json");
  for (const std::string& text :
       {std::string("../../../etc"), std::string(), std::string(39, 'a'), std::string(4096, 'a')}) {
    write_ref("main", text);
    EXPECT_EQ(cache_.commit_of({.repo = "org/name"}), std::nullopt) << text;
  }
  write_ref("main", kFirst + "\n");  // as an editor leaves it
  EXPECT_EQ(cache_.commit_of({.repo = "org/name"}), kFirst);
}

TEST_F(HubCacheTest, WhatIsMissingIsToldWithTheCommandAndWhatIsThere) {
  add(kSecond, "config.json");
  const auto found = cache_.find({.repo = "org/name", .revision = "v2"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(found.error().hint().find("valence models pull org/name@v2"), std::string::npos);
  EXPECT_NE(found.error().hint().find("org/name@" + kSecond), std::string::npos);
}

TEST_F(HubCacheTest, BytesThatTwoNamesShareCountOnce) {
  add(kFirst, "a.txt");
  add(kFirst, "b.txt");
  ASSERT_TRUE(cache_.set_ref({.repo = "org/name"}, kFirst));
  const auto snapshots = cache_.scan();
  ASSERT_TRUE(snapshots);
  ASSERT_EQ(snapshots->size(), 1U);
  const CachedSnapshot& snapshot = snapshots->front();
  EXPECT_EQ(snapshot.size_bytes(), 5U);
  EXPECT_EQ(snapshot.name(), "org/name");
  ASSERT_EQ(snapshot.files.size(), 2U);
  EXPECT_EQ(snapshot.files[0].blob, cache_.blob_path("org/name", kBlob));
}

TEST_F(HubCacheTest, BrokenLinkIsAFileWithoutSize) {
  add(kFirst, "a.txt");
  fs::remove(cache_.blob_path("org/name", kBlob));
  const auto snapshots = cache_.snapshots_of("org/name");
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_EQ(snapshots[0].files.at(0).size_bytes, std::nullopt);
}

}  // namespace
}  // namespace valence::hub
