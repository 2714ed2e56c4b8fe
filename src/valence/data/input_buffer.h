/// \file
/// The bytes of an input that have been read and not yet turned into rows.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "valence/data/byte_source.h"

namespace valence::data {

/// One contiguous block: parsers look at a row in place and take it off the front. It grows while a row does not fit,
/// and shrinks again; moving what is left costs no more than the bytes consumed, so reading is linear for any chunks.
class InputBuffer {
 public:
  explicit InputBuffer(std::unique_ptr<ByteSource> source);

  /// Valid until the next fill().
  [[nodiscard]] std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  /// consume() moves no bytes.
  void consume(std::size_t size_bytes) { begin_ += size_bytes; }
  /// Nothing follows unread().
  [[nodiscard]] bool at_end() const { return at_end_; }

  /// Adds what is there now, waiting for the first byte only with Wait::kYes.
  Result<ReadState> fill(Wait wait);

  [[nodiscard]] const ByteSource& source() const { return *source_; }

 private:
  void make_room();
  void move_to(std::size_t capacity);

  std::unique_ptr<ByteSource> source_;
  std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool at_end_ = false;
};

}  // namespace valence::data
