/// \file
/// The normalization rules inside a SentencePiece model ("precompiled_charsmap"): strings and what each becomes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::tokenizer {

/// Immutable, thread-safe. Layout, little-endian: u32 bytes of the trie; the trie, a darts-clone double array of u32
/// whose values are offsets; then the replacements, UTF-8, each ended by a NUL. Source: SentencePiece's normalizer.cc
/// and darts-clone's darts.h.
class CharacterMap {
 public:
  /// Whatever the trie says, a search stays inside of it and ends with its key. `where` is how errors name the map.
  static Result<CharacterMap> parse(std::string_view bytes, const std::string& where);

  /// What becomes of `text`: the rule of the shortest beginning of it that has one. So it is in the reference (crate
  /// spm_precompiled), which asks for the rule of `text` and takes the first it comes across. A rule that points
  /// outside of the replacements, where the reference would abort, is none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;

  /// The same for one ASCII character by itself.
  [[nodiscard]] std::optional<std::string_view> find_ascii(char32_t c) const {
    return has_ascii_rule_[c] ? find(std::string_view(&kAscii[c], 1)) : std::nullopt;
  }

 private:
  static constexpr std::array<char, 128> kAscii = [] {
    std::array<char, 128> characters{};
    for (std::size_t c = 0; c < characters.size(); ++c) characters[c] = static_cast<char>(c);
    return characters;
  }();

  CharacterMap() = default;
  [[nodiscard]] std::optional<std::string_view> replacement_at(std::size_t offset) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
  std::array<bool, 128> has_ascii_rule_{};
};

}  // namespace valence::tokenizer
