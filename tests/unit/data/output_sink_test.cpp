#include "valence/data/output_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "support/temporary_directory.h"
#include "unit/data/captured_sink.h"

namespace valence::data {
namespace {

using testing::CapturedSink;

TEST(OutputSink, OnlyWholeRecordsAreFlushed) {
  CapturedSink captured;
  captured.sink().buffer() += "one\n";
  ASSERT_TRUE(captured.sink().end_record().has_value());
  captured.sink().buffer() += "tw";
  ASSERT_TRUE(captured.sink().flush().has_value());
  EXPECT_EQ(captured.written(), "one\n");
  captured.sink().buffer() += "o\n";
  ASSERT_TRUE(captured.sink().end_record().has_value());
  ASSERT_TRUE(captured.sink().flush().has_value());
  EXPECT_EQ(captured.written(), "one\ntwo\n");
  EXPECT_EQ(captured.sink().bytes_flushed(), 8U);
}

TEST(OutputSink, FullBufferIsWrittenAtARecordsEnd) {
  CapturedSink captured;
  const std::string record(100'000, 'x');
  for (int i = 0; i < 11; ++i) {
    captured.sink().buffer() += record;
    ASSERT_TRUE(captured.sink().end_record().has_value());
  }
  EXPECT_EQ(captured.written().size(), 1'100'000U);
}

TEST(OutputSink, ClosingPartDoesNotCountAsARecord) {
  CapturedSink captured;
  captured.sink().buffer() += "[1";
  ASSERT_TRUE(captured.sink().end_record().has_value());
  ASSERT_TRUE(captured.sink().finish_with("]\n").has_value());
  EXPECT_EQ(captured.written(), "[1]\n");
  EXPECT_EQ(captured.sink().bytes_flushed(), 2U);
}

TEST(OutputSink, FullDiskIsAnErrorThatStays) {
  const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  OutputSink sink(fd, "out.csv");
  sink.buffer() += "row\n";
  ASSERT_TRUE(sink.end_record().has_value());
  const Status first = sink.flush();
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().code(), ErrorCode::kIo);
  EXPECT_EQ(first.error().to_string(), "out.csv: cannot be written: No space left on device.");
  EXPECT_FALSE(sink.reader_gone());
  EXPECT_FALSE(sink.flush().has_value());
  ::close(fd);
}

TEST(OutputSink, ReaderThatHasGoneIsToldApart) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::close(ends[0]);
  OutputSink sink(ends[1], "stdout");
  sink.buffer() += "row\n";
  ASSERT_TRUE(sink.end_record().has_value());
  EXPECT_EQ(sink.flush().error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(sink.reader_gone());
  ::close(ends[1]);
  std::signal(SIGPIPE, before);
}

TEST(OutputSink, NonBlockingPipeIsWaitedFor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  OutputSink sink(ends[1], "stdout");
  constexpr std::size_t kMoreThanAPipeHolds = 900'000;
  sink.buffer().assign(kMoreThanAPipeHolds, 'x');
  ASSERT_TRUE(sink.end_record().has_value());
  std::size_t received = 0;
  std::thread reader([&] {
    std::array<char, 65'536> buffer{};
    while (received < kMoreThanAPipeHolds) {
      const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
      if (got <= 0) break;
      received += static_cast<std::size_t>(got);
    }
  });
  EXPECT_TRUE(sink.flush().has_value());
  reader.join();
  EXPECT_EQ(received, kMoreThanAPipeHolds);
  for (const int fd : ends) ::close(fd);
}

TEST(OutputSink, WriteTornByALimitCountsItsWholeRecords) {
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit lowered{.rlim_cur = 10, .rlim_max = limit.rlim_max};
  const testing::TemporaryDirectory folder;
  const int fd = ::open((folder.path() / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  OutputSink sink(fd, "out");
  for (int i = 0; i < 5; ++i) {
    sink.buffer() += "row\n";
    ASSERT_TRUE(sink.end_record().has_value());
  }
  ::setrlimit(RLIMIT_FSIZE, &lowered);
  const Status status = sink.flush();
  ::setrlimit(RLIMIT_FSIZE, &limit);
  EXPECT_FALSE(status.has_value());
  EXPECT_EQ(sink.bytes_flushed(), 8U) << "ten bytes fit: two rows and a half";
  ::close(fd);
  std::signal(SIGXFSZ, before);
}

}  // namespace
}  // namespace valence::data
