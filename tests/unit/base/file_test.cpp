#include "valence/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace valence {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() : folder_(fs::path(testing::TempDir()) / ("file_test_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~File() override { fs::remove_all(folder_); }
  void write(const std::string& content) const { std::ofstream(folder_ / "f", std::ios::binary) << content; }
  fs::path folder_;
};

TEST_F(File, ContentIsReadToTheLastByte) {
  const std::string content("a\0b\n", 4);
  write(content);
  EXPECT_EQ(read_file(folder_ / "f", 100).value(), content);
}

TEST_F(File, MissingFileIsNotFound) {
  const auto content = read_file(folder_ / "none", 100);
  ASSERT_FALSE(content.has_value());
  EXPECT_EQ(content.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(content.error().where(), (folder_ / "none").string());
}

TEST_F(File, DirectoryIsRefusedAsSuch) {
  const auto content = read_file(folder_, 100);
  ASSERT_FALSE(content.has_value());
  EXPECT_EQ(content.error().what(), "is a directory, expected a file");
}

TEST_F(File, FileOverTheLimitIsRefusedUnread) {
  write("12345");
  EXPECT_FALSE(read_file(folder_ / "f", 4).has_value());
}

TEST_F(File, CheckSeesEveryByteOnceInOrder) {
  const std::string content(5'000'000, 'a');
  write(content);
  std::size_t seen = 0;
  const auto read =
      read_file(folder_ / "f", content.size(), [&](std::string_view so_far, std::size_t checked) -> Status {
        EXPECT_EQ(checked, seen);
        EXPECT_GT(so_far.size(), checked);
        seen = so_far.size();
        return {};
      });
  EXPECT_EQ(read.value(), content);
  EXPECT_EQ(seen, content.size());
}

TEST_F(File, RefusalOfACheckEndsTheReading) {
  write(std::string(5'000'000, 'a'));
  std::size_t calls = 0;
  const auto read = read_file(folder_ / "f", 5'000'000, [&](std::string_view, std::size_t) -> Status {
    ++calls;
    return fail(ErrorCode::kInvalidData, "f", "enough");
  });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().what(), "enough");
  EXPECT_EQ(calls, 1U);
}

TEST_F(File, FifoIsRefusedWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(MappedFile::open(folder_ / "fifo").has_value());
}

TEST_F(File, MapShowsTheBytesAndSurvivesAMove) {
  write("abc");
  auto map = MappedFile::open(folder_ / "f");
  ASSERT_TRUE(map.has_value());
  const auto* before = map->bytes().data();
  const MappedFile moved = std::move(*map);
  EXPECT_EQ(moved.bytes().data(), before);
  EXPECT_EQ(static_cast<char>(moved.bytes()[2]), 'c');
}

TEST_F(File, EmptyFileMapsToNoBytes) {
  write("");
  EXPECT_TRUE(MappedFile::open(folder_ / "f").value().bytes().empty());
}

}  // namespace
}  // namespace valence
