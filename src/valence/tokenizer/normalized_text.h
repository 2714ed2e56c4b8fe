/// \file
/// A text on its way through the normalizers, each character with the bytes of the original it stands for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/tokenizer.h"

namespace valence::tokenizer {

/// `source` is in bytes of the original text, whatever part of it this character was cut from.
struct NormalizedChar {
  char32_t code_point;
  ByteSpan source;
};

/// What Hugging Face calls NormalizedString: same results, but one alignment a character instead of one a byte.
class NormalizedText {
 public:
  NormalizedText() = default;
  /// `part` is valid UTF-8 and starts at byte `begin` of the original text.
  NormalizedText(std::string_view part, std::uint32_t begin);

  /// Rules of a file may put strings in place of characters, one rule after the other: 33 that double make 2^33 of one.
  /// What would grow past most_chars() gives up instead; the text is empty then, and nothing else may be made of it.
  [[nodiscard]] std::size_t most_chars() const { return most_chars_; }
  void give_up();
  [[nodiscard]] bool gave_up() const { return gave_up_; }

  [[nodiscard]] std::span<const NormalizedChar> chars() const { return chars_; }
  [[nodiscard]] std::size_t size() const { return chars_.size(); }
  [[nodiscard]] bool empty() const { return chars_.empty(); }

  /// The original bytes that characters [begin, end) came from; begin < end.
  [[nodiscard]] ByteSpan source_of(std::size_t begin, std::size_t end) const {
    return {chars_[begin].source.begin, chars_[end - 1].source.end};
  }
  /// Characters [begin, end) as UTF-8, appended.
  void append_utf8_of(std::size_t begin, std::size_t end, std::string& out) const;

  /// Replaces every character by keep_or_change's outcome; see the normalizers.
  void assign(std::vector<NormalizedChar> chars) { chars_ = std::move(chars); }
  void append(const NormalizedText& next) { chars_.insert(chars_.end(), next.chars_.begin(), next.chars_.end()); }

  /// One character of a new version of the text, told relative to the old one in order: 0 or less, it replaces the next
  /// old character, after which -change further ones are dropped; 1, it is new and shares the source of the one before.
  struct Edit {
    char32_t code_point;
    std::int32_t change;
  };
  /// Reproduces NormalizedString::transform, which defines offsets where marks change places or compose.
  void transform(std::span<const Edit> edits);

 private:
  std::vector<NormalizedChar> chars_;
  std::uint32_t begin_ = 0;
  std::size_t most_chars_ = 0;
  bool gave_up_ = false;
};

}  // namespace valence::tokenizer
