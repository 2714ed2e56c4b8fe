#include "valence/tokenizer/byte_level_path.h"

#include <algorithm>
#include <string>

#include "valence/tokenizer/word_scanner.h"

namespace valence::tokenizer {
namespace {

bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// What cuts the text and whether a space goes before it, if these pre-tokenizers do no more than that.
std::optional<ByteLevelOptions> options_of(const PreTokenizer* pre_tokenizer) {
  if (const auto* alone = dynamic_cast<const ByteLevelPreTokenizer*>(pre_tokenizer)) return alone->options();
  const auto* sequence = dynamic_cast<const PreTokenizerSequence*>(pre_tokenizer);
  if (sequence == nullptr || sequence->steps().size() != 2) return std::nullopt;
  const auto* split = dynamic_cast<const SplitPreTokenizer*>(sequence->steps()[0].get());
  const auto* bytes = dynamic_cast<const ByteLevelPreTokenizer*>(sequence->steps()[1].get());
  if (split == nullptr || !split->words_isolated() || bytes == nullptr) return std::nullopt;
  if (bytes->options().pattern || bytes->options().add_prefix_space) return std::nullopt;
  return ByteLevelOptions{.add_prefix_space = false, .pattern = split->words_isolated()};
}

/// A part of the text, perhaps with a space put before it, and where its bytes came from.
class Source {
 public:
  Source(std::string_view text, std::uint32_t begin, bool prefixed) : text_(text), begin_(begin), prefixed_(prefixed) {}

  /// The whole characters that bytes [begin, end) belong to. A space put before the text shares its first character.
  [[nodiscard]] ByteSpan of(std::size_t begin, std::size_t end) const {
    if (prefixed_ && end == 1) end = 2;
    while (is_continuation_byte(text_[begin])) --begin;
    while (end < text_.size() && is_continuation_byte(text_[end])) ++end;
    if (prefixed_) {
      begin -= std::min<std::size_t>(begin, 1);
      --end;
    }
    return {begin_ + static_cast<std::uint32_t>(begin), begin_ + static_cast<std::uint32_t>(end)};
  }

 private:
  std::string_view text_;
  std::uint32_t begin_;
  bool prefixed_;
};

}  // namespace

std::optional<ByteLevelPath> ByteLevelPath::stand_for(const PreTokenizer* pre_tokenizer, const Model& model) {
  const auto options = options_of(pre_tokenizer);
  const auto* bpe = dynamic_cast<const Bpe*>(&model);
  if (!options || bpe == nullptr || !bpe->spells_all_bytes()) return std::nullopt;
  return ByteLevelPath(*options, *bpe);
}

void ByteLevelPath::encode(std::string_view part, std::uint32_t begin, TokenSink& sink) const {
  const bool prefixed = options_.add_prefix_space && part.front() != ' ';
  std::string spaced;
  if (prefixed) {
    spaced.reserve(part.size() + 1);
    spaced += ' ';
    spaced += part;
    part = spaced;
  }
  const Source source(part, begin, prefixed);
  const ScannedUtf8 scanned(part);
  WordCache& cache = WordCache::of_this_thread();
  for (std::size_t at = 0; at < part.size() && !sink.full();) {
    const std::size_t end = options_.pattern ? word_end(*options_.pattern, scanned, at) : part.size();
    const auto emit = [&](std::int32_t id, std::uint32_t first, std::uint32_t last) {
      sink.push(id, sink.wants_offsets() ? source.of(at + first, at + last) : ByteSpan{});
    };
    model_->for_each_byte_token(part.substr(at, end - at), cache, emit);
    at = end;
  }
}

}  // namespace valence::tokenizer
