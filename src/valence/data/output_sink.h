/// \file
/// Bytes on their way to a file descriptor, handed over in whole records.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/compress.h"

namespace valence::data {

/// Collects records and writes them when a megabyte is there or flush() asks. The program must ignore SIGPIPE. Not
/// thread-safe. The descriptor stays the caller's.
///
/// A full disk is code kIo, "cannot be written: No space left on device". A reader that has gone away is kCancelled,
/// told apart from the stop flag by reader_gone(). After an error every later flush gives that error again.
class OutputSink {
 public:
  /// `name` is how errors call the output; `stop` may be null, otherwise raising it ends a write that waits for a slow
  /// reader (kCancelled).
  OutputSink(int fd, std::string name, const std::atomic<bool>* stop = nullptr,
             Compression compression = Compression::kNone);
  OutputSink(const OutputSink&) = delete;
  OutputSink& operator=(const OutputSink&) = delete;

  /// Where a writer appends; end_record() tells that what is there ends with a whole record.
  [[nodiscard]] std::string& buffer() { return buffer_; }
  Status end_record();

  /// Writes all whole records out: to the kernel, not to the disk. A compressed stream keeps some for later.
  Status flush();

  /// Flushes, then writes what closes the document. It does not count as a record: a resumed run cuts it off again.
  Status finish_with(std::string_view closing);

  /// Flushes, and ends a compressed stream. Nothing may come after it.
  Status close();

  /// Bytes of whole records handed over so far, as they were handed over; where a write failed half-way, those before
  /// the torn record.
  [[nodiscard]] std::uint64_t bytes_flushed() const { return bytes_flushed_; }
  [[nodiscard]] bool has_failed() const { return failure_.has_value(); }
  /// The reader of a pipe or socket has closed it: the program ends quietly.
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  /// How many of `bytes` reached the descriptor is in `written`, also after an error.
  Status write_out(std::string_view bytes, std::size_t& written);
  /// The same for what has to be compressed first: then all of `bytes` counts, or none.
  Status put(std::string_view bytes, std::size_t& written);
  Status wait_for_room();
  Status remember(ErrorCode code, std::string what);

  int fd_;
  std::string name_;
  const std::atomic<bool>* stop_;
  std::unique_ptr<Compressor> compressor_;  // null: bytes go out as they are
  std::string compressed_;
  bool is_pipe_ = false;  // anything a reader can keep waiting: no regular file
  std::string buffer_;
  std::vector<std::size_t> record_ends_;  // in buffer_
  std::uint64_t bytes_flushed_ = 0;
  bool reader_gone_ = false;
  std::optional<Error> failure_;  // of the first write that failed
};

}  // namespace valence::data
