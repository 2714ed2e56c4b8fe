/// \file
/// How tokenizer tests write texts and their sources.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "valence/tokenizer/normalized_text.h"
#include "valence/tokenizer/normalizers.h"

namespace valence::tokenizer {

inline std::string utf8_of(const NormalizedText& text) {
  std::string utf8;
  text.append_utf8_of(0, text.size(), utf8);
  return utf8;
}

inline std::vector<ByteSpan> sources_of(const NormalizedText& text) {
  std::vector<ByteSpan> sources;
  for (const auto& c : text.chars()) sources.push_back(c.source);
  return sources;
}

inline NormalizedText normalized(const Normalizer& normalizer, std::string_view text, std::uint32_t begin = 0) {
  NormalizedText result(text, begin);
  normalizer.apply(result);
  return result;
}

inline std::string normalized_utf8(const Normalizer& normalizer, std::string_view text) {
  return utf8_of(normalized(normalizer, text));
}

}  // namespace valence::tokenizer

namespace valence {
inline void PrintTo(const ByteSpan& span, std::ostream* out) { *out << '[' << span.begin << ',' << span.end << ')'; }
}  // namespace valence
