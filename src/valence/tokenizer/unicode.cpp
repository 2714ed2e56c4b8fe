#include "valence/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <memory>

namespace valence::tokenizer {
namespace {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

struct LowercaseRule {
  char32_t first;
  char32_t last;
  std::uint32_t step;
  std::int32_t delta;
};

#include "valence/tokenizer/unicode_tables.inc"

constexpr char32_t kCapitalIWithDot = 0x130;  // the only code point whose lower case is two

using FlagTable = std::array<CodePointFlags, kCodePoints>;

void mark(FlagTable& table, std::span<const CodePointRange> ranges, CodePointFlags flag) {
  for (const auto& range : ranges) {
    for (char32_t c = range.first; c <= range.last; ++c) table[c] |= flag;
  }
}

std::unique_ptr<const FlagTable> build_flags() {
  auto table = std::make_unique<FlagTable>();
  mark(*table, kCleanedAwayRanges, kCleanedAway);
  mark(*table, kWhitespaceRanges, kWhitespace);
  mark(*table, kPunctuationRanges, kPunctuation);
  mark(*table, kNonspacingMarkRanges, kNonspacingMark);
  mark(*table, kNormalizesRanges, kNormalizes);
  mark(*table, kChineseRanges, kChinese);
  for (const auto& rule : kLowercaseRules) {
    for (char32_t c = rule.first; c <= rule.last; c += rule.step) (*table)[c] |= kHasLowercase;
  }
  (*table)[kCapitalIWithDot] |= kHasLowercase;
  return table;
}

using RegexClassTable = std::array<RegexClass, kCodePoints>;

std::unique_ptr<const RegexClassTable> build_regex_classes() {
  auto table = std::make_unique<RegexClassTable>();
  const auto fill = [&table](std::span<const CodePointRange> ranges, RegexClass value) {
    for (const auto& range : ranges) std::fill(&(*table)[range.first], &(*table)[range.last] + 1, value);
  };
  fill(kWhitespaceRanges, RegexClass::kSpace);  // the reference's \s: make_unicode_tables.py has compared them
  fill(kRegexLetterRanges, RegexClass::kLetter);
  fill(kRegexNumberRanges, RegexClass::kNumber);
  return table;
}

bool contains(std::span<const CodePointRange> ranges, char32_t c) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

CodePoints single(char32_t c) {
  CodePoints one;
  one.values[0] = c;
  one.size = 1;
  return one;
}

}  // namespace

std::span<const CodePointFlags, kCodePoints> code_point_flags() {
  static const std::unique_ptr<const FlagTable> table = build_flags();
  return *table;
}

std::span<const RegexClass, kCodePoints> regex_classes() {
  static const std::unique_ptr<const RegexClassTable> table = build_regex_classes();
  return *table;
}

bool is_combining_mark(char32_t c) { return contains(kCombiningMarkRanges, c); }
bool is_numeric(char32_t c) { return contains(kNumericRanges, c); }
bool is_word(char32_t c) { return contains(kWordRanges, c); }

CodePoints lowercase(char32_t c) {
  if (!has_flag(c, kHasLowercase)) return single(c);
  if (c == kCapitalIWithDot) {
    CodePoints two = single(U'i');
    two.values[two.size++] = 0x307;  // combining dot above
    return two;
  }
  const auto* after = std::upper_bound(std::begin(kLowercaseRules), std::end(kLowercaseRules), c,
                                       [](char32_t value, const LowercaseRule& rule) { return value < rule.first; });
  return single(static_cast<char32_t>(static_cast<std::int32_t>(c) + std::prev(after)->delta));
}

CodePoints decompose(char32_t c, Decomposition kind) {
  if (!has_flag(c, kNormalizes)) return single(c);
  const int options = UTF8PROC_DECOMPOSE | (kind == Decomposition::kCompatible ? UTF8PROC_COMPAT : 0);
  std::array<utf8proc_int32_t, std::tuple_size_v<decltype(CodePoints::values)>> buffer;
  int boundary_state = 0;  // of grapheme breaking, which we do not ask for
  const auto written = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer.data(), buffer.size(),
                                               static_cast<utf8proc_option_t>(options), &boundary_state);
  if (written <= 0 || static_cast<std::size_t>(written) > buffer.size()) return single(c);
  CodePoints decomposed;
  decomposed.size = static_cast<std::size_t>(written);
  std::copy_n(buffer.begin(), written, decomposed.values.begin());
  return decomposed;
}

std::uint8_t combining_class(char32_t c) {
  if (!has_flag(c, kNormalizes)) return 0;
  return static_cast<std::uint8_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

std::optional<char32_t> compose(char32_t first, char32_t second) {
  if (first < 0x80 && second < 0x80) return std::nullopt;
  std::array<utf8proc_int32_t, 2> pair{static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(pair.data(), 2, options) != 1) return std::nullopt;
  const auto composite = static_cast<char32_t>(pair[0]);
  // A composite the reference does not know yet is none.
  return has_flag(composite, kNormalizes) ? std::optional(composite) : std::nullopt;
}

}  // namespace valence::tokenizer
