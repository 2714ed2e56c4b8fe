#include "valence/hub/repo_ref.h"

#include <gtest/gtest.h>

namespace valence::hub {
namespace {

TEST(RepoRef, NameAndRevisionAreTakenApart) {
  const auto ref = parse_repo_ref("org/name@refs/pr/1");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->repo, "org/name");
  EXPECT_EQ(ref->revision, "refs/pr/1");
  EXPECT_EQ(ref->to_string(), "org/name@refs/pr/1");
}

TEST(RepoRef, RevisionIsMainUnlessGiven) {
  const auto ref = parse_repo_ref("distilbert-base-uncased");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->revision, "main");
  EXPECT_EQ(ref->to_string(), "distilbert-base-uncased");
}

// The lists are those of huggingface_hub's validate_repo_id (utils/_validators.py).
TEST(RepoRef, NamesThatTheHubHas) {
  for (const char* name : {"foo", "foo/bar", "123", "Foo-BAR_foo.bar123", "a/b.c-d_e"})
    EXPECT_TRUE(parse_repo_ref(name)) << name;
  EXPECT_TRUE(parse_repo_ref("a/" + std::string(96, 'x')));
}

TEST(RepoRef, NamesThatItDoesNotHave) {
  for (const char* name : {"", "/", "datasets/foo/bar", ".repo_id", "foo--bar", "foo.git", "other..repo..id", "a/-b",
                           "a/b.", "../x", "a b/c", "a/b\n", "a/\xc3\xa4", "~/x", "./x", "a/b/"}) {
    const auto ref = parse_repo_ref(name);
    ASSERT_FALSE(ref) << name;
    EXPECT_EQ(ref.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(parse_repo_ref("a/" + std::string(97, 'x')));
}

// git-check-ref-format(1), rules 1 to 10.
TEST(RepoRef, RevisionsThatGitRefusesAreRefused) {
  for (const char* revision :
       {"",     ".hidden", "a/.b", "a..b", "a b", "a~1",   "a^",     "a:b",        "a?",   "a*",   "a[",
        "a\\b", "/a",      "a/",   "a//b", "a.",  "a@{1}", "x.lock", "a/x.lock/b", "\x01", "a\x7f"}) {
    EXPECT_FALSE(parse_repo_ref(std::string("org/name@") + revision)) << revision;
  }
  for (const char* revision : {"v1.0", "refs/pr/12", "feature/x-y_z", "0123456789abcdef0123456789abcdef01234567"}) {
    EXPECT_TRUE(parse_repo_ref(std::string("org/name@") + revision)) << revision;
  }
}

TEST(CacheFolder, IsThatOfHuggingfaceHubAndReadsBack) {
  EXPECT_EQ(cache_folder_of("julien-c/EsperBERTo-small"), "models--julien-c--EsperBERTo-small");
  EXPECT_EQ(cache_folder_of("t5-small"), "models--t5-small");
  EXPECT_EQ(repo_of_cache_folder("models--julien-c--EsperBERTo-small"), "julien-c/EsperBERTo-small");
  EXPECT_EQ(repo_of_cache_folder("models--t5-small"), "t5-small");
  for (const char* folder :
       {"datasets--a--b", "models--", "models--..", "models--a--..", ".locks", "models--a--b--c"}) {
    EXPECT_EQ(repo_of_cache_folder(folder), std::nullopt) << folder;
  }
}

TEST(CommitHash, IsFortyLowerCaseDigits) {
  EXPECT_TRUE(is_commit_hash("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit_hash("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit_hash("0123456789abcdef"));
  EXPECT_FALSE(is_commit_hash(""));
}

TEST(FileName, StaysBelowItsDirectory) {
  for (const char* name :
       {"config.json", "onnx/model.onnx", "a b.txt", "...", "a..b", ".gitattributes", "\xc3\xa4.txt"}) {
    EXPECT_TRUE(is_safe_file_name(name)) << name;
  }
  for (const char* name : {"", "/etc/passwd", "..", "../x", "a/../b", "a/..", "./a", "a//b", "a/", "a\\b", "C:x",
                           "a\nb", "\x1b[2J", "a\x7f", "\xff"}) {
    EXPECT_FALSE(is_safe_file_name(name)) << name;
  }
  EXPECT_FALSE(is_safe_file_name(std::string("a\0b", 3)));
  EXPECT_FALSE(is_safe_file_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace valence::hub
