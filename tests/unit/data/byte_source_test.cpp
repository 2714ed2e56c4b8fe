#include "valence/data/byte_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "support/temporary_directory.h"

namespace valence::data {
namespace {

std::string drain(ByteSource& source) {
  std::array<char, 7> buffer{};
  std::string all;
  while (true) {
    const auto outcome = source.read(buffer, Wait::kYes);
    if (!outcome || outcome->state != ReadState::kData) return all;
    all.append(buffer.data(), outcome->size_bytes);
  }
}

/// Both ends of a pipe, closed at the end of the test.
struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    for (const int fd : ends) ::close(fd);
  }
  void write(std::string_view bytes) const {
    ASSERT_EQ(::write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::array<int, 2> ends{};
};

TEST(ByteSource, FileIsReadToItsEndWithItsSizeKnown) {
  const testing::TemporaryDirectory folder;
  const auto source = open_byte_source(folder.write("f", "hello, world"), nullptr);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ((*source)->size_bytes(), 12U);
  EXPECT_EQ(drain(**source), "hello, world");
  EXPECT_EQ((*source)->bytes_read(), 12U);
}

TEST(ByteSource, MissingFileIsNotFound) {
  const testing::TemporaryDirectory folder;
  const auto source = open_byte_source(folder.path() / "none.csv", nullptr);
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(source.error().what(), "no such file");
  EXPECT_EQ(source.error().where(), (folder.path() / "none.csv").string());
}

TEST(ByteSource, DirectoryIsRefusedAsSuch) {
  const testing::TemporaryDirectory folder;
  const auto source = open_byte_source(folder.path(), nullptr);
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().what(), "is a directory, expected a file");
}

TEST(ByteSource, PipeGivesWhatIsThereWithoutWaitingToFillTheBuffer) {
  const Pipe pipe;
  const auto source = byte_source_of_descriptor(pipe.ends[0], "pipe", nullptr);
  pipe.write("ab");
  std::array<char, 100> buffer{};
  const auto outcome = source->read(buffer, Wait::kYes);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->state, ReadState::kData);
  EXPECT_EQ(outcome->size_bytes, 2U);
  EXPECT_EQ(source->size_bytes(), std::nullopt);
}

TEST(ByteSource, EmptyPipeSaysThatItWouldBlock) {
  const Pipe pipe;
  const auto source = byte_source_of_descriptor(pipe.ends[0], "pipe", nullptr);
  std::array<char, 4> buffer{};
  EXPECT_EQ(source->read(buffer, Wait::kNo)->state, ReadState::kWouldBlock);
}

TEST(ByteSource, NonBlockingDescriptorIsWaitedForAllTheSame) {
  const Pipe pipe;
  ::fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK);
  const auto source = byte_source_of_descriptor(pipe.ends[0], "pipe", nullptr);
  std::thread writer([&] { pipe.write("x"); });
  std::array<char, 4> buffer{};
  EXPECT_EQ(source->read(buffer, Wait::kYes)->size_bytes, 1U);
  writer.join();
}

TEST(ByteSource, StopFlagEndsAWaitingRead) {
  const Pipe pipe;
  std::atomic<bool> stop = false;
  const auto source = byte_source_of_descriptor(pipe.ends[0], "pipe", &stop);
  std::thread stopper([&] { stop = true; });
  std::array<char, 4> buffer{};
  const auto outcome = source->read(buffer, Wait::kYes);
  stopper.join();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kCancelled);
}

TEST(ByteSource, FifoWithoutAWriterOpensAndCanBeStopped) {
  const testing::TemporaryDirectory folder;
  const auto path = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::atomic<bool> stop = true;
  const auto source = open_byte_source(path, &stop);
  ASSERT_TRUE(source.has_value());
  std::array<char, 4> buffer{};
  EXPECT_EQ((*source)->read(buffer, Wait::kYes).error().code(), ErrorCode::kCancelled);
}

TEST(ByteSource, FifoIsReadFromItsFirstWriterToItsLast) {
  const testing::TemporaryDirectory folder;
  const auto path = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto source = open_byte_source(path, nullptr);
  ASSERT_TRUE(source.has_value());
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(::write(fd, "late", 4), 4);
    ::close(fd);
  });
  EXPECT_EQ(drain(**source), "late");
  writer.join();
}

TEST(ByteSource, SizeOfAFileReadHalfIsWhatIsLeft) {
  const testing::TemporaryDirectory folder;
  const int fd = ::open(folder.write("f", "0123456789").c_str(), O_RDONLY | O_CLOEXEC);
  ::lseek(fd, 4, SEEK_SET);
  const auto source = byte_source_of_descriptor(fd, "stdin", nullptr);
  EXPECT_EQ(source->size_bytes(), 6U);
  EXPECT_EQ(drain(*source), "456789");
  ::close(fd);
}

TEST(ByteSource, ClosedDescriptorIsAnErrorThatNamesTheInput) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(fd);
  const auto source = byte_source_of_descriptor(fd, "stdin", nullptr);
  std::array<char, 4> buffer{};
  const auto outcome = source->read(buffer, Wait::kYes);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().to_string(), "stdin: cannot be read at byte 0: Bad file descriptor.");
}

}  // namespace
}  // namespace valence::data
