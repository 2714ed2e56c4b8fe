#include "valence/pipeline/fold.h"

#include <string_view>
#include <unordered_map>

namespace valence::pipeline {

namespace {

struct Hash {
  std::size_t operator()(const TextInput& input) const {
    const std::hash<std::string_view> hash;
    return hash(input.text) * 31 + (input.pair ? hash(*input.pair) + 1 : 0);
  }
};
struct Equal {
  bool operator()(const TextInput& a, const TextInput& b) const { return a.text == b.text && a.pair == b.pair; }
};

}  // namespace

FoldedTexts fold_equal_texts(std::span<const TextInput> texts, bool enabled) {
  FoldedTexts folded;
  folded.distinct.reserve(texts.size());
  folded.distinct_of.reserve(texts.size());
  std::unordered_map<TextInput, std::uint32_t, Hash, Equal> seen;
  if (enabled) seen.reserve(texts.size());
  for (const TextInput& text : texts) {
    const auto next = static_cast<std::uint32_t>(folded.distinct.size());
    const std::uint32_t index = enabled ? seen.emplace(text, next).first->second : next;
    if (index == next) folded.distinct.push_back(text);
    folded.distinct_of.push_back(index);
  }
  return folded;
}

}  // namespace valence::pipeline
