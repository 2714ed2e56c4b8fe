/// \file
/// One way to read texts from CSV, TSV, JSONL and plain text files, plain or compressed, whole or as they arrive.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/byte_source.h"
#include "valence/data/encoding.h"
#include "valence/data/formats.h"
#include "valence/data/record.h"

namespace valence::data {

class InputBuffer;
class RowParser;

struct ReaderOptions {
  /// Unset: by the file's suffix; standard input is txt.
  std::optional<InputFormat> format = std::nullopt;
  /// Unset: the first of kUsualTextColumns (text_column.h) that is there.
  std::optional<std::string> text_column = std::nullopt;
  /// Set: every row has a second text there. Not in txt, which has no columns.
  std::optional<std::string> text_pair_column = std::nullopt;
  Encoding encoding = Encoding::kUtf8;
  /// What stands between the cells of a csv. Unset: a comma, or with `detect_delimiter` what the header suggests.
  std::optional<char> delimiter = std::nullopt;
  bool detect_delimiter = false;
  /// Records are wanted for their fields alone: no text is looked for, Record::text stays empty.
  bool without_text = false;
  /// Raised: waiting reads end with kCancelled. Must outlive the reader.
  const std::atomic<bool>* stop = nullptr;
};

/// How much one call of next() may add.
struct WindowLimits {
  std::size_t max_records = 4096;
  std::size_t max_bytes = std::size_t{16} << 20;  ///< of fields and texts; the row that passes it is still added
};

enum class ReaderState {
  kMore,  ///< call next() again
  kEnd,   ///< all rows have been given
};

/// Reads rows in input order, in constant memory: a window and one row. Not thread-safe.
class RecordReader {
 public:
  /// Opens "reviews.csv", "reviews.jsonl.gz", a FIFO, or "-" for standard input. Reads a CSV header or the first JSONL
  /// object, so it may wait for a pipe. A missing, unreadable or empty CSV file, a header name that stands twice, an
  /// absent text column are errors here.
  static Result<std::unique_ptr<RecordReader>> open(const std::string& path, const ReaderOptions& options);
  /// The same over any source; `name` is how errors call it and gives the format where the options do not.
  static Result<std::unique_ptr<RecordReader>> open(std::unique_ptr<ByteSource> source, const std::string& name,
                                                    const ReaderOptions& options);
  ~RecordReader();

  /// Appends rows to `out`: waits until at least one is complete, then adds those that are there without waiting for
  /// more. So a slow pipe gives each line at once, and a fast file fills the window. A row that cannot be read is a
  /// RowError in its place. An error is about the whole input (a truncated .gz, a failed read, the stop flag: code
  /// kCancelled); the rows before it have been given by then.
  Result<ReaderState> next(std::vector<Row>& out, const WindowLimits& limits = {});

  /// Reads past `count` rows, bad ones included; returns how many there were (fewer at the end of the input).
  Result<std::uint64_t> skip_records(std::uint64_t count);

  /// CSV: the header. txt: "text". JSONL: the members of the first object; empty when no line has been one.
  [[nodiscard]] const std::vector<std::string>& columns() const;
  /// The column or dotted field that texts are taken from; empty while a JSONL input has shown no object.
  [[nodiscard]] const std::string& text_column() const;
  [[nodiscard]] InputFormat format() const { return format_; }
  /// Of csv and tsv, as given or detected.
  [[nodiscard]] std::optional<char> delimiter() const;
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Bytes of the file taken so far (compressed ones, of a compressed file), and its size if it is a regular file.
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const;

 private:
  RecordReader(std::string name, InputFormat format, std::unique_ptr<InputBuffer> input,
               std::unique_ptr<RowParser> parser);

  std::string name_;
  InputFormat format_;
  std::unique_ptr<InputBuffer> input_;
  std::unique_ptr<RowParser> parser_;
  std::optional<Error> pending_error_;  // met after rows of the same call; given by the next one
};

}  // namespace valence::data
