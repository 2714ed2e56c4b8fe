#include "valence/tokenizer/normalizers.h"

#include <algorithm>
#include <utility>

#include "valence/base/utf8.h"
#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

template <class Predicate>
void remove_where(NormalizedText& text, Predicate removes) {
  std::vector<NormalizedChar> kept;
  kept.reserve(text.size());
  for (const auto& c : text.chars()) {
    if (!removes(c.code_point)) kept.push_back(c);
  }
  text.assign(std::move(kept));
}

void clean_text(NormalizedText& text) {
  const auto flags = code_point_flags();
  std::vector<NormalizedChar> cleaned;
  cleaned.reserve(text.size());
  for (const auto& c : text.chars()) {
    if ((flags[c.code_point] & kCleanedAway) != 0) continue;
    cleaned.push_back({(flags[c.code_point] & kWhitespace) != 0 ? U' ' : c.code_point, c.source});
  }
  text.assign(std::move(cleaned));
}

void space_chinese(NormalizedText& text) {
  const auto flags = code_point_flags();
  std::vector<NormalizedChar> spaced;
  spaced.reserve(text.size());
  for (const auto& c : text.chars()) {
    if ((flags[c.code_point] & kChinese) == 0) {
      spaced.push_back(c);
    } else {
      spaced.insert(spaced.end(), {{U' ', c.source}, c, {U' ', c.source}});
    }
  }
  text.assign(std::move(spaced));
}

/// What do_nmt of Hugging Face tokenizers removes, and what it makes a space.
bool is_nmt_control(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}
bool is_nmt_space(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

using Edit = NormalizedText::Edit;

/// Decomposes and puts marks in canonical order. A mark keeps its `change` when it moves, as the reference has it.
std::vector<Edit> decomposed_edits(const NormalizedText& text, Decomposition kind) {
  struct ClassedEdit {
    Edit edit;
    std::uint8_t combining_class;
  };
  std::vector<Edit> edits;
  edits.reserve(text.size());
  std::vector<ClassedEdit> marks;  // since the last starter
  const auto flush_marks = [&] {
    std::stable_sort(marks.begin(), marks.end(),
                     [](const auto& a, const auto& b) { return a.combining_class < b.combining_class; });
    for (const auto& mark : marks) edits.push_back(mark.edit);
    marks.clear();
  };
  const auto flags = code_point_flags();
  for (const auto& c : text.chars()) {
    if ((flags[c.code_point] & kNormalizes) == 0) {
      flush_marks();
      edits.push_back({c.code_point, 0});
      continue;
    }
    std::int32_t change = 0;
    for (const char32_t part : decompose(c.code_point, kind)) {
      const std::uint8_t part_class = combining_class(part);
      if (part_class == 0) {
        flush_marks();
        edits.push_back({part, change});
      } else {
        marks.push_back({{part, change}, part_class});
      }
      change = 1;
    }
  }
  flush_marks();
  return edits;
}

/// Canonical composition of a decomposed, ordered text; the changes add up as unicode-normalization-alignments adds
/// them.
std::vector<Edit> composed_edits(std::span<const Edit> decomposed) {
  std::vector<Edit> composed;
  composed.reserve(decomposed.size());
  std::optional<Edit> starter;
  std::vector<Edit> marks;      // after `starter`, not composed with it
  std::uint8_t last_class = 0;  // of marks.back()
  const auto flush = [&] {
    if (starter) composed.push_back(*starter);
    composed.insert(composed.end(), marks.begin(), marks.end());
    starter.reset();
    marks.clear();
  };
  for (const Edit& edit : decomposed) {
    const std::uint8_t edit_class = combining_class(edit.code_point);
    if (!starter) {
      if (edit_class != 0) {
        composed.push_back(edit);
      } else {
        starter = edit;
      }
      continue;
    }
    const bool blocked = !marks.empty() && last_class >= edit_class;
    if (!blocked) {
      if (const auto composite = compose(starter->code_point, edit.code_point)) {
        starter = Edit{*composite, starter->change + edit.change - 1};
        continue;
      }
    }
    if (edit_class == 0) {
      flush();
      starter = edit;
    } else {
      marks.push_back(edit);
      last_class = edit_class;
    }
  }
  flush();
  return composed;
}

}  // namespace

void BertNormalizer::apply(NormalizedText& text) const {
  if (options_.clean_text) clean_text(text);
  if (options_.handle_chinese_chars) space_chinese(text);
  if (options_.strips_accents()) {
    text.transform(decomposed_edits(text, Decomposition::kCanonical));
    remove_where(text, [](char32_t c) { return has_flag(c, kNonspacingMark); });
  }
  if (options_.lowercase) Lowercase().apply(text);
}

void NormalizerSequence::apply(NormalizedText& text) const {
  for (const auto& step : steps_) step->apply(text);
}

void Lowercase::apply(NormalizedText& text) const {
  const auto flags = code_point_flags();
  std::vector<NormalizedChar> lowered;
  lowered.reserve(text.size());
  for (const auto& c : text.chars()) {
    if ((flags[c.code_point] & kHasLowercase) == 0) {
      lowered.push_back(c);
    } else {
      for (const char32_t lower : lowercase(c.code_point)) lowered.push_back({lower, c.source});
    }
  }
  text.assign(std::move(lowered));
}

void UnicodeNormalizer::apply(NormalizedText& text) const {
  const bool compatible = form_ == UnicodeForm::kNfkc || form_ == UnicodeForm::kNfkd;
  auto edits = decomposed_edits(text, compatible ? Decomposition::kCompatible : Decomposition::kCanonical);
  if (form_ == UnicodeForm::kNfc || form_ == UnicodeForm::kNfkc) edits = composed_edits(edits);
  text.transform(edits);
}

void StripAccents::apply(NormalizedText& text) const { remove_where(text, is_combining_mark); }

void Strip::apply(NormalizedText& text) const {
  const auto chars = text.chars();
  const auto is_space = [](const NormalizedChar& c) { return has_flag(c.code_point, kWhitespace); };
  auto first = chars.begin();
  auto last = chars.end();
  if (left_) first = std::find_if_not(first, last, is_space);
  if (right_) {
    while (last != first && is_space(*std::prev(last))) --last;
  }
  text.assign({first, last});
}

Replace::Replace(std::string_view pattern, std::string_view content)
    : pattern_(to_code_points(pattern)), content_(to_code_points(content)) {}

void Replace::apply(NormalizedText& text) const {
  std::vector<NormalizedChar> replaced;
  replaced.reserve(text.size());
  std::size_t matched = 0;
  for (const auto& c : text.chars()) {
    replaced.push_back(c);
    if (!pattern_.ends_at(c.code_point, matched)) continue;
    if (replaced.size() + content_.size() > text.most_chars()) return text.give_up();
    replaced.resize(replaced.size() - pattern_.size());
    // New characters take the source of the last one replaced.
    for (const char32_t added : content_) replaced.push_back({added, c.source});
  }
  text.assign(std::move(replaced));
}

ReplaceRuns::ReplaceRuns(RunPattern pattern, std::string_view content)
    : pattern_(std::move(pattern)), content_(to_code_points(content)) {}

void ReplaceRuns::apply(NormalizedText& text) const {
  const auto chars = text.chars();
  std::vector<NormalizedChar> replaced;
  replaced.reserve(chars.size());
  for (std::size_t at = 0; at < chars.size();) {
    const std::size_t size = pattern_.match_at(chars, at);
    if (size == 0) {
      replaced.push_back(chars[at++]);
      continue;
    }
    at += size;
    if (replaced.size() + content_.size() > text.most_chars()) return text.give_up();
    // New characters take the source of the last one replaced.
    for (const char32_t added : content_) replaced.push_back({added, chars[at - 1].source});
  }
  text.assign(std::move(replaced));
}

void Nmt::apply(NormalizedText& text) const {
  remove_where(text, is_nmt_control);
  std::vector<NormalizedChar> mapped(text.chars().begin(), text.chars().end());
  for (auto& c : mapped) {
    if (is_nmt_space(c.code_point)) c.code_point = U' ';
  }
  text.assign(std::move(mapped));
}

Prepend::Prepend(std::string_view prefix) : prefix_(to_code_points(prefix)) {}

void Prepend::apply(NormalizedText& text) const {
  if (text.empty()) return;
  if (prefix_.size() + text.size() > text.most_chars()) return text.give_up();
  const ByteSpan source = text.chars().front().source;
  std::vector<NormalizedChar> prepended;
  prepended.reserve(prefix_.size() + text.size());
  for (const char32_t c : prefix_) prepended.push_back({c, source});
  prepended.insert(prepended.end(), text.chars().begin(), text.chars().end());
  text.assign(std::move(prepended));
}

}  // namespace valence::tokenizer
