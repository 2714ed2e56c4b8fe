/// \file
/// A source whose first bytes can be looked at before they are read: for magic numbers and byte order marks.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "valence/data/byte_source.h"

namespace valence::data {

class PeekedSource : public ByteSource {
 public:
  explicit PeekedSource(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)) {}

  /// Reads ahead, waiting, while `is_undecided(bytes so far)` and the source has not ended; gives the bytes so far.
  /// Deciding on the first byte that excludes a mark is what lets a terminal's first short line through.
  Result<std::string_view> peek_while(std::predicate<std::string_view> auto is_undecided) {
    while (!at_end_ && is_undecided(std::string_view(ahead_))) {
      VALENCE_TRY_STATUS(read_ahead());
    }
    return std::string_view(ahead_);
  }
  /// Forgets the first `size_bytes` of what was peeked.
  void drop(std::size_t size_bytes) { ahead_.erase(0, size_bytes); }

  Result<ReadOutcome> read(std::span<char> buffer, Wait wait) override;
  [[nodiscard]] std::uint64_t bytes_read() const override { return inner_->bytes_read(); }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return inner_->size_bytes(); }

 private:
  Status read_ahead();

  std::unique_ptr<ByteSource> inner_;
  std::string ahead_;
  bool at_end_ = false;
};

/// True while `bytes` is shorter than `mark` and could become it.
[[nodiscard]] inline bool may_become(std::string_view bytes, std::string_view mark) {
  return bytes.size() < mark.size() && mark.starts_with(bytes);
}

}  // namespace valence::data
