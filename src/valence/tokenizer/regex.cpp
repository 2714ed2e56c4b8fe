#include "valence/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 32
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

constexpr std::size_t kMaxPatternBytes = 64 << 10;
constexpr std::uint32_t kMaxStepsPerMatch = 1'000'000;
constexpr std::uint32_t kMaxHeapKib = 20'000;  // of one match

struct Freed {
  void operator()(pcre2_code_32* code) const { pcre2_code_free_32(code); }
  void operator()(pcre2_compile_context_32* context) const { pcre2_compile_context_free_32(context); }
  void operator()(pcre2_match_context_32* context) const { pcre2_match_context_free_32(context); }
  void operator()(pcre2_match_data_32* data) const { pcre2_match_data_free_32(data); }
};
template <class T>
using Owned = std::unique_ptr<T, Freed>;

std::string message_of(int error) {
  std::array<PCRE2_UCHAR32, 256> wide{};
  pcre2_get_error_message_32(error, wide.data(), wide.size());
  std::string message;
  for (const PCRE2_UCHAR32 c : wide) {
    if (c == 0) break;
    append_utf8(message, c);
  }
  return message;
}

tl::unexpected<Error> not_supported(std::string_view pattern, const std::string& where, std::string_view why) {
  return fail(ErrorCode::kUnsupported, where,
              fmt::format("the regular expression {} is not supported: {}", in_quotes(pattern), why),
              "use a model whose pre-tokenizer has another pattern");
}

// What Oniguruma's classes are, written so that PCRE2 sees the same sets: its own \s has U+180E, its \w no marks.
constexpr std::string_view kSpaceSet = "\\p{White_Space}";
constexpr std::string_view kWordSet = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr std::string_view kLoneWordSet = "\\xb2\\xb3\\xb9\\xbc-\\xbe";  // of \\w too, but not within a class
constexpr std::string_view kHexSet = "0-9A-Fa-f";

/// Characters [first, last], and what PCRE2 is shown instead.
struct StandIn {
  char32_t first;
  char32_t last;
  char32_t character;
};
#include "valence/tokenizer/regex_stand_ins.inc"

void replace_young_characters(std::u32string& text) {
  for (char32_t& c : text) {
    if (c < kStandIns[0].first) continue;
    const auto* const found = std::lower_bound(std::begin(kStandIns), std::end(kStandIns), c,
                                               [](const StandIn& range, char32_t value) { return range.last < value; });
    if (found != std::end(kStandIns) && found->first <= c) c = found->character;
  }
}

/// Whether `name` is a script's. PCRE2's \p{Han} means the characters that the script shares with others too, such as
/// U+3002; Oniguruma's does not, and is \p{sc:Han}. Before PCRE2 10.40 neither did, and nothing is a script here.
bool names_script(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' ' ||
           c == '-';
  };
  if (!std::ranges::all_of(name, is_plain)) return false;
  const std::u32string probe = to_code_points(fmt::format("\\p{{sc:{}}}", name));
  int error = 0;
  PCRE2_SIZE at = 0;
  const Owned<pcre2_code_32> code(
      pcre2_compile_32(reinterpret_cast<PCRE2_SPTR32>(probe.data()), probe.size(), PCRE2_UTF, &error, &at, nullptr));
  return code != nullptr;
}

/// Under (?i) Oniguruma lets one character stand for two and two for one: "ss" matches U+00DF and U+1E9E. PCRE2 does
/// not.
bool folds_to_more(char32_t c) {
  return c == 0xDF || c == 0x130 || c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3B0 || c == 0x587 ||
         (c >= 0x1E96 && c <= 0x1E9A) || c == 0x1E9E || (c >= 0x1F50 && c <= 0x1FFC) || (c >= 0xFB00 && c <= 0xFB17);
}
bool is_folded_pair(char first, char second) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  static constexpr std::string_view kPairs[] = {"ff", "fi", "fl", "ss", "st"};
  const std::array<char, 2> pair{lower(first), lower(second)};
  return std::ranges::find(kPairs, std::string_view(pair.data(), pair.size())) != std::end(kPairs);
}

/// Walks a pattern once and rewrites it.
class Rewriter {
 public:
  Rewriter(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where), ignores_case_(pattern.find("(?i") != pattern.npos) {}

  Result<std::string> run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        VALENCE_TRY_STATUS(escape());
      } else if (in_class_) {
        VALENCE_TRY_STATUS(class_character(c));
      } else {
        VALENCE_TRY_STATUS(plain_character(c));
      }
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] char ahead(std::size_t by) const { return at_ + by < pattern_.size() ? pattern_[at_ + by] : '\0'; }
  void copy(std::size_t bytes) {
    out_ += pattern_.substr(at_, bytes);
    at_ += bytes;
  }
  [[nodiscard]] Status refuse(std::string_view why) const { return not_supported(pattern_, where_, why); }

  Status plain_character(char c) {
    if (c == '[') {
      in_class_ = true;
      copy(1);
      if (ahead(0) == '^') copy(1);
      if (ahead(0) == ']') return refuse("a class that begins with ]");
      return {};
    }
    if (c == '(' && ahead(1) == '?') return group();
    if (c == '{') return interval();
    if (ignores_case_ && is_folded_pair(c, ahead(1)))
      return refuse(fmt::format("\"{}\" under (?i), which one character stands for too", pattern_.substr(at_, 2)));
    return character();
  }

  Status character() {
    const auto [code_point, size_bytes] = decode_utf8(pattern_, at_);
    if (ignores_case_ && folds_to_more(code_point))
      return refuse(fmt::format("{} under (?i), which stands for more than one", pattern_.substr(at_, size_bytes)));
    copy(size_bytes);
    return {};
  }

  [[nodiscard]] bool begins_alternative() const {
    return at_ == 0 || (pattern_[at_ - 1] == '|' && (at_ == 1 || pattern_[at_ - 2] != '\\'));
  }

  /// {n}, {n,}, {,m} and {n,m}; anything else that begins so is text to both.
  Status interval() {
    constexpr std::string_view kDigits = "0123456789";
    const std::size_t comma = std::min(pattern_.find_first_not_of(kDigits, at_ + 1), pattern_.size());
    const bool is_exact = comma < pattern_.size() && pattern_[comma] == '}';
    const bool has_comma = comma < pattern_.size() && pattern_[comma] == ',';
    const std::size_t end =
        has_comma ? std::min(pattern_.find_first_not_of(kDigits, comma + 1), pattern_.size()) : comma;
    if (end == pattern_.size() || pattern_[end] != '}' || end - at_ < 2 || (has_comma && end - at_ < 3)) {
      copy(1);
      return {};
    }
    const char next = end + 1 < pattern_.size() ? pattern_[end + 1] : '\0';
    // Ruby repeats the repetition: the + is not possessive, the ? not lazy.
    if (next == '+' || (is_exact && next == '?')) return refuse(fmt::format("{}", pattern_.substr(at_, end + 2 - at_)));
    copy(1);
    if (ahead(0) == ',') out_ += '0';  // text to PCRE2
    copy(end + 1 - at_);
    return {};
  }

  /// Groups that both read alike: (?: (?= (?! (?<= (?<! (?> and the option i.
  Status group() {
    static constexpr std::string_view kAlike[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:", "(?i)"};
    for (const std::string_view opening : kAlike) {
      if (!pattern_.substr(at_).starts_with(opening)) continue;
      // Ruby's a(?i)b|c is a(?i:b|c): alternatives that follow are its own. In PCRE2 they are not.
      if (opening == "(?i)" && !begins_alternative() && pattern_.find('|', at_) != pattern_.npos)
        return refuse("(?i) within an alternative that is not the last");
      copy(opening.size());
      return {};
    }
    return refuse(fmt::format("the group {}", pattern_.substr(at_, 4)));
  }

  Status class_character(char c) {
    if (c == ']') in_class_ = false;
    if (c == '[') return refuse("a class within a class");
    if (c == '&' && ahead(1) == '&') return refuse("the intersection of classes (&&)");
    return character();
  }

  static std::string word_set() { return fmt::format("{}{}", kWordSet, kLoneWordSet); }

  /// A set that PCRE2 has by another name.
  Status set(std::string_view members, bool negated) {
    if (in_class_) {
      if (negated) return refuse(fmt::format("\\{} within a class", pattern_[at_ + 1]));
      out_ += members;
    } else {
      out_ += fmt::format("[{}{}]", negated ? "^" : "", members);
    }
    at_ += 2;
    return {};
  }

  Status escape() {
    const char c = ahead(1);
    switch (c) {
      case 's':
      case 'S':
        out_ += c == 's' ? kSpaceSet : "\\P{White_Space}";
        at_ += 2;
        return {};
      case 'd':
      case 'D':
        out_ += c == 'd' ? "\\p{Nd}" : "\\P{Nd}";
        at_ += 2;
        return {};
      case 'w':
      case 'W':
        return set(in_class_ ? std::string(kWordSet) : word_set(), c == 'W');
      case 'h':
      case 'H':
        return set(kHexSet, c == 'H');
      case 'p':
      case 'P':
        if (ahead(2) != '{') return refuse("\\p without braces");
        return property();
      case 'b':
      case 'B':
        return boundary(c == 'B');
      case 'A':
      case 'z':
      case 'Z':
        if (in_class_) return refuse(fmt::format("\\{} within a class", c));
        copy(2);
        return {};
      case 't':
      case 'r':
      case 'n':
      case 'f':
      case 'a':
      case 'e':
        copy(2);
        return {};
      case 'x':
        copy(ahead(2) == '{' ? std::min(pattern_.find('}', at_), pattern_.size()) - at_ : 2);
        return {};
      case 'v':  // PCRE2: all vertical space
        out_ += "\\x0b";
        at_ += 2;
        return {};
      case 'u':
        return four_digits();
      default:
        break;
    }
    const bool is_symbol =
        c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
    if (!is_symbol && c != ' ') return refuse(c == '\0' ? "it ends in a \\" : fmt::format("\\{}", c));
    copy(2);
    return {};
  }

  /// \p{Han}, \p{^Han}
  Status property() {
    const std::size_t end = std::min(pattern_.find('}', at_), pattern_.size());
    const std::size_t name = at_ + (ahead(3) == '^' ? 4 : 3);
    const bool is_script = name < end && names_script(pattern_.substr(name, end - name));
    copy(name - at_);
    if (is_script) out_ += "sc:";
    copy(end - at_);
    return {};
  }

  Status boundary(bool negated) {
    if (in_class_) return refuse("\\b within a class");
    const std::string word = fmt::format("[{}]", word_set());
    out_ += negated ? fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", word)
                    : fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", word);
    at_ += 2;
    return {};
  }

  /// \uFFFF
  Status four_digits() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      return refuse("\\u without four digits");
    }
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 6;
    return {};
  }

  std::string_view pattern_;
  const std::string& where_;
  bool ignores_case_;
  std::string out_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

struct Regex::Code {
  Owned<pcre2_code_32> code;
  Owned<pcre2_match_context_32> limits;
};

Result<std::string> to_pcre2_syntax(std::string_view pattern, const std::string& where) {
  if (pattern.size() > kMaxPatternBytes) return not_supported(pattern, where, "it is longer than 64 KiB");
  return Rewriter(pattern, where).run();
}

Result<Regex> Regex::compile(std::string_view pattern, const std::string& where) {
  VALENCE_TRY(const std::string rewritten, to_pcre2_syntax(pattern, where));
  const std::u32string wide = to_code_points(rewritten);
  const Owned<pcre2_compile_context_32> context(pcre2_compile_context_create_32(nullptr));
  pcre2_set_newline_32(context.get(), PCRE2_NEWLINE_LF);
  // Ruby's ^ and $ are always those of a line.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE at = 0;
  auto code = std::make_shared<Code>();
  code->code.reset(
      pcre2_compile_32(reinterpret_cast<PCRE2_SPTR32>(wide.data()), wide.size(), kOptions, &error, &at, context.get()));
  if (!code->code) return not_supported(pattern, where, message_of(error));
  code->limits.reset(pcre2_match_context_create_32(nullptr));
  pcre2_set_match_limit_32(code->limits.get(), kMaxStepsPerMatch);
  pcre2_set_heap_limit_32(code->limits.get(), kMaxHeapKib);
  // Where the system allows no new code (W^X), matching goes on without.
  static_cast<void>(pcre2_jit_compile_32(code->code.get(), PCRE2_JIT_COMPLETE));
  return Regex(std::move(code));
}

Result<std::vector<RegexMatch>> Regex::find_all(std::u32string text) const {
  replace_young_characters(text);
  std::vector<RegexMatch> matches;
  const Owned<pcre2_match_data_32> data(pcre2_match_data_create_from_pattern_32(code_->code.get(), nullptr));
  const auto* subject = reinterpret_cast<PCRE2_SPTR32>(text.data());
  for (std::size_t from = 0; from <= text.size();) {
    std::uint32_t options = PCRE2_NO_UTF_CHECK;
    const auto match = [&] {
      return pcre2_match_32(code_->code.get(), subject, text.size(), from, options, data.get(), code_->limits.get());
    };
    int found = match();
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter's limits are wider
      options |= PCRE2_NO_JIT;
      found = match();
    }
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      return fail(ErrorCode::kInvalidData, "",
                  fmt::format("the tokenizer's regular expression gives up on it: {}", message_of(found)));
    }
    const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer_32(data.get());
    const RegexMatch here{ends[0], ends[1]};
    if (here.begin == here.end && !matches.empty() && matches.back().end == here.end) {
      ++from;
      continue;
    }
    matches.push_back(here);
    from = here.end;
  }
  return matches;
}

}  // namespace valence::tokenizer
