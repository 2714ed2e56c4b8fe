#include "valence/tokenizer/run_pattern.h"

#include <algorithm>
#include <limits>

#include "valence/base/utf8.h"
#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kMaxCount = 64;  // bounds the work at each character; real patterns count to two
constexpr std::size_t kMaxRegexBytes = 256;
constexpr std::u32string_view kSyntax = U"\\|[](){}.*+?^$-";

}  // namespace

class RunPattern::Parser {
 public:
  explicit Parser(std::u32string_view regex) : rest_(regex) {}

  std::optional<RunPattern> parse() {
    RunPattern pattern;
    do {
      Run run;
      if (!parse_atom(run) || !parse_count(run)) return std::nullopt;
      pattern.alternatives_.push_back(std::move(run));
    } while (skip(U'|'));
    if (!rest_.empty()) return std::nullopt;
    return pattern;
  }

 private:
  bool skip(char32_t c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool parse_atom(Run& run) {
    if (!skip(U'[')) return parse_character(run, U"\\|[](){}.*+?^$");
    if (rest_.starts_with(U'^') || rest_.starts_with(U']')) return false;
    while (!skip(U']')) {
      if (!parse_character(run, U"[]-&")) return false;  // no ranges, no sets in sets
    }
    return true;
  }

  /// One character or escape; those of `refused` mean something else.
  bool parse_character(Run& run, std::u32string_view refused) {
    if (rest_.empty()) return false;
    const char32_t c = rest_.front();
    if (c != U'\\') {
      if (refused.find(c) != std::u32string_view::npos) return false;
      run.characters += c;
      rest_.remove_prefix(1);
      return true;
    }
    if (rest_.size() < 2) return false;
    const char32_t escaped = rest_[1];
    rest_.remove_prefix(2);
    constexpr std::u32string_view kNames = U"nrt";
    constexpr std::u32string_view kMeanings = U"\n\r\t";
    if (escaped == U's') {
      run.white_space = true;
    } else if (const auto name = kNames.find(escaped); name != std::u32string_view::npos) {
      run.characters += kMeanings[name];
    } else if (kSyntax.find(escaped) != std::u32string_view::npos) {
      run.characters += escaped;
    } else {
      return false;
    }
    return true;
  }

  bool parse_count(Run& run) {
    if (skip(U'+')) {
      run.most = kUnlimited;
    } else if (skip(U'{')) {
      const auto least = parse_number();
      if (!least || *least == 0) return false;
      run.least = *least;
      run.most = *least;
      if (skip(U',')) {
        const auto most = parse_number();
        run.most = most.value_or(kUnlimited);
        if (run.most < run.least) return false;
      }
      if (!skip(U'}')) return false;
    }
    return rest_.empty() || rest_.front() == U'|';  // no "+?", "++", and no second atom
  }

  std::optional<std::size_t> parse_number() {
    std::optional<std::size_t> number;
    while (!rest_.empty() && rest_.front() >= U'0' && rest_.front() <= U'9') {
      number = number.value_or(0) * 10 + (rest_.front() - U'0');
      if (*number > kMaxCount) return std::nullopt;
      rest_.remove_prefix(1);
    }
    return number;
  }

  std::u32string_view rest_;
};

std::optional<RunPattern> RunPattern::parse(std::string_view regex) {
  if (regex.size() > kMaxRegexBytes) return std::nullopt;
  const std::u32string code_points = to_code_points(regex);
  return Parser(code_points).parse();
}

bool RunPattern::Run::takes(char32_t c) const {
  return characters.find(c) != std::u32string::npos || (white_space && has_flag(c, kWhitespace));
}

std::size_t RunPattern::match_at(std::span<const NormalizedChar> chars, std::size_t at) const {
  for (const Run& run : alternatives_) {
    const std::size_t limit = std::min(run.most, chars.size() - at);
    std::size_t size = 0;
    while (size < limit && run.takes(chars[at + size].code_point)) ++size;
    if (size >= run.least) return size;
  }
  return 0;
}

}  // namespace valence::tokenizer
