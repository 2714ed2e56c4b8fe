/// \file
/// The tokens of a vocabulary as a double array: from a place in a text to every token that begins there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

/// Immutable, thread-safe. Source: Aoe 1989, with exclusive or in place of the sum, so that the children of a node lie
/// in one block of 256.
class TokenTrie {
 public:
  TokenTrie() = default;
  /// All tokens that `vocabulary.find` knows, but not an empty one.
  explicit TokenTrie(const Vocabulary& vocabulary);

  /// visit(id, size) for every token that `text` begins with, the shortest first; sizes in bytes.
  template <class Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    std::uint32_t node = kRoot;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::uint32_t child = units_[node].base ^ static_cast<unsigned char>(text[i]);
      if (units_[child].parent != node) return;
      node = child;
      if (units_[node].id != TokenTable::kAbsent) visit(units_[node].id, i + 1);
    }
  }

 private:
  class Builder;

  static constexpr std::uint32_t kRoot = 0;
  static constexpr std::uint32_t kNoParent = 0xFFFFFFFF;  // of the root and of units not in use

  /// Bases are below the number of units, a multiple of 256, so a child is always a unit.
  struct Unit {
    std::uint32_t base = 0;
    std::uint32_t parent = kNoParent;
    std::int32_t id = TokenTable::kAbsent;
  };
  std::vector<Unit> units_ = std::vector<Unit>(256);
};

}  // namespace valence::tokenizer
