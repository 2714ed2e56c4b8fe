/// \file
/// Where the stages put the tokens of one text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "valence/tokenizer.h"
#include "valence/tokenizer/space_trim.h"

namespace valence::tokenizer {

/// What trimming offsets must know of an added token that the text held: its place among the tokens, and the white
/// space of what it matched, which its id does not tell.
struct AddedMatch {
  std::size_t at;
  EdgeSpaces spaces;
};

/// Appends to vectors that it does not own.
class TokenSink {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  /// `offsets` and `added` may be null. Once more than `limit` tokens have come, no more are wanted.
  TokenSink(std::vector<std::int32_t>& ids, std::vector<ByteSpan>* offsets, std::vector<AddedMatch>* added,
            std::size_t limit)
      : ids_(ids), offsets_(offsets), added_(added), first_(ids.size()), limit_(limit) {}

  void push(std::int32_t id, ByteSpan source) {
    ids_.push_back(id);
    if (offsets_ != nullptr) offsets_->push_back(source);
  }
  /// An added token that `matched` of the text.
  void push_added(std::int32_t id, ByteSpan source, std::string_view matched) {
    if (added_ != nullptr) added_->push_back({size(), edge_spaces(matched)});
    push(id, source);
  }
  [[nodiscard]] bool wants_offsets() const { return offsets_ != nullptr; }
  [[nodiscard]] bool full() const { return size() > limit_; }
  [[nodiscard]] std::size_t size() const { return ids_.size() - first_; }

  /// Keeps the first `size` tokens.
  void keep_first(std::size_t size) { erase(size, this->size()); }
  void keep_last(std::size_t size) { erase(0, this->size() - size); }

 private:
  void erase(std::size_t begin, std::size_t end) {
    const auto cut = [tokens = size(), begin, end](auto& values) {
      const auto from = values.end() - static_cast<std::ptrdiff_t>(tokens);
      values.erase(from + static_cast<std::ptrdiff_t>(begin), from + static_cast<std::ptrdiff_t>(end));
    };
    cut(ids_);
    if (offsets_ != nullptr) cut(*offsets_);
  }

  std::vector<std::int32_t>& ids_;
  std::vector<ByteSpan>* offsets_;
  std::vector<AddedMatch>* added_;
  std::size_t first_;
  std::size_t limit_;
};

}  // namespace valence::tokenizer
