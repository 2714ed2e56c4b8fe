#include "valence/data/output_directory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "support/temporary_directory.h"

namespace valence::data {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class OutputDirectoryTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }
  valence::testing::TemporaryDirectory folder_;
};

TEST_F(OutputDirectoryTest, AppearsWholeUnderItsName) {
  auto output = OutputDirectory::open(path("out"));
  ASSERT_TRUE(output) << output.error().to_string();
  ASSERT_TRUE(output->write("a.txt", "one"));
  EXPECT_FALSE(fs::exists(path("out")));
  ASSERT_TRUE(output->commit());
  EXPECT_EQ(content_of(path("out") / "a.txt"), "one");
  EXPECT_FALSE(fs::exists(path("out.partial")));
}

TEST_F(OutputDirectoryTest, WithoutCommitNothingIsLeft) {
  {
    auto output = OutputDirectory::open(path("out"));
    ASSERT_TRUE(output);
    ASSERT_TRUE(output->write("a.txt", "one"));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(OutputDirectoryTest, AnEmptyDirectoryIsFilled) {
  fs::create_directory(path("out"));
  auto output = OutputDirectory::open(path("out/"));
  ASSERT_TRUE(output) << output.error().to_string();
  ASSERT_TRUE(output->write("a.txt", "one"));
  ASSERT_TRUE(output->commit());
  EXPECT_EQ(content_of(path("out") / "a.txt"), "one");
}

TEST_F(OutputDirectoryTest, WhatIsThereIsNeverTouched) {
  fs::create_directory(path("out"));
  std::ofstream(path("out") / "mine") << "kept";
  const auto full = OutputDirectory::open(path("out"));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(full.error().to_string().find("is there and not empty"), std::string::npos);
  folder_.write("file", "kept");
  EXPECT_FALSE(OutputDirectory::check(path("file")));
  fs::create_directory(path("other.partial"));
  const auto in_the_way = OutputDirectory::open(path("other"));
  ASSERT_FALSE(in_the_way);
  EXPECT_NE(in_the_way.error().to_string().find("is in the way"), std::string::npos);
}

TEST_F(OutputDirectoryTest, AFolderThatIsNotThereIsNamed) {
  const Status checked = OutputDirectory::check(path("none/out"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code(), ErrorCode::kNotFound);
}

TEST_F(OutputDirectoryTest, ANameOutsideIsAnErrorOfTheSystem) {
  auto output = OutputDirectory::open(path("out"));
  ASSERT_TRUE(output);
  const Status written = output->write("none/a.txt", "one");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
}

TEST_F(OutputDirectoryTest, ADirectoryOfFilesIsReplacedOnlyWhenTheNewOneIsWhole) {
  fs::create_directory(path("out"));
  std::ofstream(path("out") / "old") << "old";
  {
    auto abandoned = OutputDirectory::open(path("out"), Existing::kReplaced);
    ASSERT_TRUE(abandoned) << abandoned.error().to_string();
    ASSERT_TRUE(abandoned->write("new", "half"));
  }
  EXPECT_EQ(content_of(path("out") / "old"), "old");
  auto output = OutputDirectory::open(path("out"), Existing::kReplaced);
  ASSERT_TRUE(output) << output.error().to_string();
  ASSERT_TRUE(output->write("new", "whole"));
  EXPECT_EQ(content_of(path("out") / "old"), "old");
  ASSERT_TRUE(output->commit());
  EXPECT_FALSE(fs::exists(path("out") / "old"));
  EXPECT_EQ(content_of(path("out") / "new"), "whole");
  EXPECT_FALSE(fs::exists(path("out.partial")));
}

TEST_F(OutputDirectoryTest, ADirectoryThatHoldsAnotherIsNotReplaced) {
  fs::create_directories(path("out") / "inner");
  const auto output = OutputDirectory::open(path("out"), Existing::kReplaced);
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().to_string().find("inner"), std::string::npos);
  EXPECT_TRUE(fs::exists(path("out") / "inner"));
}

}  // namespace
}  // namespace valence::data
