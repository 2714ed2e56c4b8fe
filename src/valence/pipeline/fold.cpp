#include "valence/pipeline/fold.h"

#include <unordered_map>

namespace valence::pipeline {

FoldedTexts fold_equal_texts(std::span<const std::string_view> texts, bool enabled) {
  FoldedTexts folded;
  folded.distinct.reserve(texts.size());
  folded.distinct_of.reserve(texts.size());
  std::unordered_map<std::string_view, std::uint32_t> seen;
  if (enabled) seen.reserve(texts.size());
  for (const std::string_view text : texts) {
    const auto next = static_cast<std::uint32_t>(folded.distinct.size());
    const std::uint32_t index = enabled ? seen.emplace(text, next).first->second : next;
    if (index == next) folded.distinct.push_back(text);
    folded.distinct_of.push_back(index);
  }
  return folded;
}

}  // namespace valence::pipeline
