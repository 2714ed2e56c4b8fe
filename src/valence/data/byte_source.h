/// \file
/// Where bytes come from: a file, a pipe or standard input, read without waiting for more than is there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "valence/base/error.h"

namespace valence::data {

/// Whether a read may wait for a writer that has sent nothing yet.
enum class Wait { kNo, kYes };

enum class ReadState {
  kData,        ///< at least one byte was read
  kWouldBlock,  ///< nothing is there now; only with Wait::kNo
  kEnd,         ///< nothing will come any more
};

struct ReadOutcome {
  ReadState state;
  std::size_t size_bytes = 0;
};

/// A stream of bytes. Decompression and re-encoding are sources that wrap another. Not thread-safe.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// Puts what is there, at most `buffer.size()` > 0 bytes, at the front of `buffer`. An error of code kCancelled
  /// means that the stop flag was raised.
  virtual Result<ReadOutcome> read(std::span<char> buffer, Wait wait) = 0;

  /// Bytes taken so far from the file or pipe itself, and the file's size where it has one: for a progress bar.
  [[nodiscard]] virtual std::uint64_t bytes_read() const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> size_bytes() const = 0;
};

/// Opens `path` (a file, FIFO or device; "-" is standard input). `stop`, where given, must outlive the source; raising
/// it ends a waiting read within a quarter of a second, sooner when a signal interrupts it.
Result<std::unique_ptr<ByteSource>> open_byte_source(const std::string& path, const std::atomic<bool>* stop);

/// Reads from a descriptor that stays the caller's; `name` is how errors call it.
std::unique_ptr<ByteSource> byte_source_of_descriptor(int fd, std::string name, const std::atomic<bool>* stop);

/// How errors name an input: its path, "stdin" for "-".
[[nodiscard]] std::string shown_name(const std::string& path);

}  // namespace valence::data
