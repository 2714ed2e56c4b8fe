#include "valence/data/record_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "support/temporary_directory.h"
#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::ChunkedSource;
using testing::read_all;
using testing::TemporaryDirectory;

/// A reader over a pipe that the test writes into.
class PipedReader : public ::testing::Test {
 protected:
  PipedReader() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~PipedReader() override {
    for (const int fd : ends_) {
      if (fd >= 0) ::close(fd);
    }
  }
  void write(std::string_view bytes) {
    ASSERT_EQ(::write(ends_[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void close_writer() { ::close(std::exchange(ends_[1], -1)); }
  std::unique_ptr<RecordReader> open(const ReaderOptions& options) {
    auto reader = RecordReader::open(byte_source_of_descriptor(ends_[0], "stdin", options.stop), "stdin", options);
    EXPECT_TRUE(reader.has_value()) << reader.error().to_string();
    return reader ? std::move(*reader) : nullptr;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST_F(PipedReader, CompleteLinesAreGivenWithoutWaitingForMore) {
  write("first\nsecond\nthi");
  const auto reader = open({});
  std::vector<Row> rows;
  ASSERT_TRUE(reader->next(rows).has_value());
  ASSERT_EQ(rows.size(), 2U) << "the third has not ended";
  write("rd\n");
  EXPECT_EQ(reader->next(rows), ReaderState::kMore);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2]->text, "third");
  write("last");
  close_writer();
  EXPECT_EQ(reader->next(rows), ReaderState::kEnd);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[3]->text, "last");
}

TEST_F(PipedReader, CsvHeaderAloneIsEnoughToOpen) {
  write("id,text\n");
  const auto reader = open({.format = InputFormat::kCsv});
  EXPECT_EQ(reader->columns(), (std::vector<std::string>{"id", "text"}));
  write("1,a\n");
  std::vector<Row> rows;
  EXPECT_EQ(reader->next(rows), ReaderState::kMore);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]->text, "a");
}

TEST_F(PipedReader, StopFlagEndsAWaitWithoutLosingRows) {
  std::atomic<bool> stop = false;
  write("a\nhalf");
  const auto reader = open({.stop = &stop});
  std::vector<Row> rows;
  EXPECT_EQ(reader->next(rows), ReaderState::kMore);
  std::thread stopper([&] { stop = true; });
  const auto state = reader->next(rows);
  stopper.join();
  ASSERT_FALSE(state.has_value());
  EXPECT_EQ(state.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(rows.size(), 1U);
}

TEST(RecordReader, WindowEndsAtItsRecordsOrBytes) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "0123456789\n";
  auto reader = RecordReader::open(std::make_unique<ChunkedSource>(bytes), "r.txt", {});
  ASSERT_TRUE(reader.has_value());
  std::vector<Row> rows;
  EXPECT_EQ((*reader)->next(rows, {.max_records = 7}), ReaderState::kMore);
  EXPECT_EQ(rows.size(), 7U);
  EXPECT_EQ((*reader)->next(rows, {.max_records = 50, .max_bytes = 41}), ReaderState::kMore);
  EXPECT_EQ(rows.size(), 10U) << "each is counted with its text and its field: 20 bytes";
  EXPECT_EQ((*reader)->next(rows), ReaderState::kEnd);
  EXPECT_EQ(rows.size(), 100U);
  EXPECT_EQ(rows.back()->row, 100U);
}

TEST(RecordReader, SkippedRecordsCountAsReadGoodOrBad) {
  auto reader = RecordReader::open(std::make_unique<ChunkedSource>("text,n\na,1\nbad\nb,2\nc,3\n"), "r.csv", {});
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ((*reader)->skip_records(2), 2U);
  std::vector<Row> rows;
  EXPECT_EQ((*reader)->next(rows), ReaderState::kEnd);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]->text, "b");
  EXPECT_EQ(rows[0]->row, 3U);
  EXPECT_EQ((*reader)->skip_records(5), 0U);
}

TEST(RecordReader, FormatComesFromTheOptionThenTheSuffix) {
  EXPECT_EQ(read_all("text\na\n", "r.txt", {.format = InputFormat::kCsv}).rows.size(), 1U);
  EXPECT_EQ(read_all("text\na\n", "stdin").rows.size(), 2U) << "standard input is txt";
  EXPECT_EQ(read_all("text\na\n", "r.xlsx").error->to_string(),
            "r.xlsx: its suffix tells no format (.csv .tsv .jsonl .ndjson .txt). Hint: say it with --input-format.");
}

TEST(RecordReader, MissingFileIsSaidBeforeItsSuffix) {
  const TemporaryDirectory folder;
  EXPECT_EQ(RecordReader::open((folder.path() / "none.xlsx").string(), {}).error().code(), ErrorCode::kNotFound);
}

TEST(RecordReader, FileIsReadWithItsProgress) {
  const TemporaryDirectory folder;
  auto reader = RecordReader::open(folder.write("r.jsonl", "{\"text\": \"a\"}\n").string(), {});
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ((*reader)->size_bytes(), 14U);
  std::vector<Row> rows;
  EXPECT_EQ((*reader)->next(rows), ReaderState::kEnd);
  EXPECT_EQ((*reader)->bytes_read(), 14U);
  EXPECT_EQ((*reader)->text_column(), "text");
}

/// Fails after its bytes, as a disk or a damaged archive does.
class FailingSource : public ChunkedSource {
 public:
  using ChunkedSource::ChunkedSource;
  Result<ReadOutcome> read(std::span<char> buffer, Wait wait) override {
    auto outcome = ChunkedSource::read(buffer, wait);
    if (outcome->state == ReadState::kEnd) return fail(ErrorCode::kIo, "r.txt", "cannot be read");
    return outcome;
  }
};

TEST(RecordReader, RowsBeforeAFailureAreGivenAndThenTheFailure) {
  auto reader = RecordReader::open(std::make_unique<FailingSource>("a\nb\nhalf"), "r.txt", {});
  ASSERT_TRUE(reader.has_value());
  std::vector<Row> rows;
  EXPECT_EQ((*reader)->next(rows), ReaderState::kMore);
  EXPECT_EQ(rows.size(), 2U);
  EXPECT_FALSE((*reader)->next(rows).has_value());
  EXPECT_FALSE((*reader)->next(rows).has_value()) << "and it stays";
}

}  // namespace
}  // namespace valence::data
