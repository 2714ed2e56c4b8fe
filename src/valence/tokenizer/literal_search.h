/// \file
/// Finds a literal among characters that come one by one, in linear time whatever the literal.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace valence::tokenizer {

/// Knuth-Morris-Pratt. The caller keeps how much of the literal has matched, from 0 on.
class LiteralSearch {
 public:
  /// `literal` is not empty.
  explicit LiteralSearch(std::u32string literal) : literal_(std::move(literal)), borders_(literal_.size(), 0) {
    for (std::size_t i = 1, border = 0; i < literal_.size(); ++i) {
      while (border > 0 && literal_[i] != literal_[border]) border = borders_[border - 1];
      if (literal_[i] == literal_[border]) ++border;
      borders_[i] = border;
    }
  }

  [[nodiscard]] std::size_t size() const { return literal_.size(); }

  /// True if the literal ends at `next`; then `matched` is 0 again, so that occurrences do not overlap.
  [[nodiscard]] bool ends_at(char32_t next, std::size_t& matched) const {
    while (matched > 0 && next != literal_[matched]) matched = borders_[matched - 1];
    if (next == literal_[matched]) ++matched;
    if (matched < literal_.size()) return false;
    matched = 0;
    return true;
  }

 private:
  std::u32string literal_;
  std::vector<std::size_t> borders_;  // borders_[i]: longest proper border of literal_[0..i]
};

}  // namespace valence::tokenizer
