#include "valence/tokenizer/normalized_text.h"

#include <algorithm>

#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

// The longest compatibility decomposition has 18 characters, of which Chinese ones get two spaces each.
constexpr std::size_t kMaxGrowth = 64;
// Of short texts: a prefix may be longer than they are.
constexpr std::size_t kAlwaysChars = 65536;

}  // namespace

NormalizedText::NormalizedText(std::string_view part, std::uint32_t begin) : begin_(begin) {
  chars_.reserve(part.size());
  for (std::size_t i = 0; i < part.size();) {
    const auto [code_point, size_bytes] = decode_utf8(part, i);
    const auto at = begin + static_cast<std::uint32_t>(i);
    chars_.push_back({code_point, {at, at + size_bytes}});
    i += size_bytes;
  }
  most_chars_ = kAlwaysChars + kMaxGrowth * chars_.size();
}

void NormalizedText::give_up() {
  chars_.clear();
  gave_up_ = true;
}

void NormalizedText::append_utf8_of(std::size_t begin, std::size_t end, std::string& out) const {
  for (std::size_t i = begin; i < end; ++i) append_utf8(out, chars_[i].code_point);
}

void NormalizedText::transform(std::span<const Edit> edits) {
  std::vector<NormalizedChar> edited;
  edited.reserve(edits.size());
  std::size_t next = 0;  // the first old character not yet replaced or dropped
  for (const auto& edit : edits) {
    if (edit.change > 0) {
      const ByteSpan source = next == 0 ? ByteSpan{begin_, begin_} : chars_[next - 1].source;
      edited.push_back({edit.code_point, source});
    } else {
      edited.push_back({edit.code_point, chars_[next].source});
      next = std::min(chars_.size(), next + 1 + static_cast<std::size_t>(-edit.change));
    }
  }
  chars_ = std::move(edited);
}

}  // namespace valence::tokenizer
