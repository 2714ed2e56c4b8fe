#include "valence/alert/rule_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace valence::alert {
namespace {

constexpr std::size_t kMaxLineBytes = 1024;
constexpr auto kForms =
    "e.g. \"negative > 10% of last 100 -> slack\", \"negative above usual, one false alarm in 50000 -> slack\" or "
    "\"negative changes -> slack\"";

using Words = std::vector<std::string_view>;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(trimmed(text.substr(0, at)));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// By spaces; ">" is a word of its own, and "10 %" is one word.
Words words_of(std::string_view text) {
  Words words;
  while (!(text = trimmed(text)).empty()) {
    std::size_t size = text.front() == '>' ? 1 : text.find_first_of(" \t>");
    size = std::min(size, text.size());
    const std::string_view word = text.substr(0, size);
    if (word == "%" && !words.empty() && words.back().data() + words.back().size() < word.data()) {
      const char* const begin = words.back().data();
      words.back() = std::string_view(begin, static_cast<std::size_t>(word.data() + 1 - begin));
    } else {
      words.push_back(word);
    }
    text.remove_prefix(size);
  }
  return words;
}

/// Reads words one after the other; the first that does not fit is what the error names.
class LineReader {
 public:
  LineReader(std::string_view line, Words words) : line_(line), words_(std::move(words)) {}

  [[nodiscard]] bool at_end() const { return at_ == words_.size(); }
  bool take(std::string_view word) {
    if (at_end() || words_[at_] != word) return false;
    ++at_;
    return true;
  }
  bool take_all(std::initializer_list<std::string_view> words) {
    if (words_.size() - at_ < words.size() || !std::equal(words.begin(), words.end(), words_.begin() + at_))
      return false;
    at_ += words.size();
    return true;
  }
  std::string_view next() { return at_end() ? std::string_view() : words_[at_++]; }
  [[nodiscard]] std::string_view peek() const { return at_end() ? std::string_view() : words_[at_]; }

  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view expected) const {
    return fail(ErrorCode::kInvalidArgument, fmt::format("alert rule \"{}\"", line_),
                at_end() ? fmt::format("ends where {} was expected", expected)
                         : fmt::format("\"{}\" where {} was expected", words_[at_], expected),
                kForms);
  }

  Result<Share> share() {
    if (at_end()) return refuse("a share such as 10%");
    auto read = parse_share(words_[at_]);
    if (!read) return refuse("a share such as 10%");
    ++at_;
    return read;
  }
  Result<std::uint64_t> count() {
    std::uint64_t value = 0;
    std::string digits(peek());
    std::erase(digits, '_');
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc() || end != digits.data() + digits.size() || value == 0) return refuse("a number");
    ++at_;
    return value;
  }
  Result<std::int64_t> duration() {
    const auto ms = parse_duration_ms(peek());
    if (!ms) return refuse("a duration such as 30s, 15m or 2h");
    ++at_;
    return *ms;
  }
  /// "texts" after a number may be left out.
  void maybe_texts() { take("texts"); }

 private:
  std::string_view line_;
  Words words_;
  std::size_t at_ = 0;
};

Status read_condition(LineReader& in, Rule& rule) {
  do {
    const std::string_view label = in.next();
    if (label.empty() || label == ">") return in.refuse("a label");
    rule.labels.emplace_back(label);
  } while (in.take("or"));
  if (in.take(">")) {
    rule.kind = RuleKind::kRatio;
    VALENCE_TRY(rule.limit, in.share());
    if (!in.take("of")) return in.refuse("\"of last\"");
    in.take("the");
    if (!in.take("last")) return in.refuse("\"last\"");
    if (const auto ms = parse_duration_ms(in.peek())) {
      rule.window_ms = *ms;
      in.next();
    } else {
      VALENCE_TRY(rule.window_texts, in.count());
      in.maybe_texts();
    }
  } else if (in.take("above")) {
    rule.kind = RuleKind::kBaseline;
    if (!in.take("usual")) {
      VALENCE_TRY(const Share usual, in.share());
      rule.usual = usual;
    }
  } else if (in.take("changes")) {
    rule.kind = RuleKind::kChange;
    if (in.take("from")) {
      VALENCE_TRY(const Share usual, in.share());
      rule.usual = usual;
    }
  } else {
    return in.refuse("\">\", \"above\" or \"changes\"");
  }
  return in.at_end() ? Status() : in.refuse("a comma or \"->\"");
}

Status read_option(LineReader& in, Rule& rule) {
  if (in.take_all({"at", "least"})) {
    VALENCE_TRY(rule.min_texts, in.count());
    in.maybe_texts();
  } else if (in.take_all({"clear", "at"})) {
    VALENCE_TRY(const Share share, in.share());
    rule.clear_limit = share;
  } else if (in.take("for")) {
    VALENCE_TRY(rule.for_ms, in.duration());
  } else if (in.take("cooldown")) {
    VALENCE_TRY(rule.cooldown_ms, in.duration());
  } else if (in.take_all({"per", "channel"})) {
    rule.per_channel = true;
  } else if (in.take_all({"on", "stream"})) {
    if (in.at_end()) return in.refuse("the name of a stream");
    rule.stream = in.next();
  } else if (in.take_all({"one", "false", "alarm", "in"}) || in.take_all({"1", "false", "alarm", "in"})) {
    VALENCE_TRY(rule.false_alarm_texts, in.count());
    in.maybe_texts();
  } else if (in.take("learn")) {
    VALENCE_TRY(rule.learn_texts, in.count());
    in.maybe_texts();
  } else {
    if (in.at_end()) return in.refuse("an option");
    auto examples = in.count();
    if (!examples || *examples > kMaxExamples || !(in.take("examples") || in.take("example")))
      return in.refuse(
          "an option (at least, clear at, for, cooldown, per channel, on stream, one false alarm in, "
          "learn, examples)");
    rule.examples = static_cast<unsigned>(*examples);
  }
  return in.at_end() ? Status() : in.refuse("a comma or \"->\"");
}

/// Options that the kind of rule has no use for would be ignored in silence.
Status check_options_fit(const Rule& rule, std::string_view line) {
  const auto refuse = [&](std::string_view option) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("alert rule \"{}\"", line),
                fmt::format("\"{}\" means nothing to this kind of rule", option), kForms);
  };
  const Rule defaults;
  if (rule.kind == RuleKind::kRatio) {
    if (rule.false_alarm_texts != defaults.false_alarm_texts) return refuse("one false alarm in");
    if (rule.learn_texts != defaults.learn_texts) return refuse("learn");
  } else {
    if (rule.min_texts != 0) return refuse("at least");
    if (rule.clear_limit) return refuse("clear at");
    if (rule.usual && rule.learn_texts != defaults.learn_texts) return refuse("learn");
  }
  return {};
}

}  // namespace

Result<Rule> parse_rule_line(std::string_view line) {
  line = trimmed(line);
  const auto refuse = [&](std::string what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("alert rule \"{}\"", line.substr(0, 200)), std::move(what),
                kForms);
  };
  if (line.size() > kMaxLineBytes) return refuse(fmt::format("is longer than {} bytes", kMaxLineBytes));
  const auto arrow = line.rfind("->");
  if (arrow == line.npos) return refuse("names no receiver after \"->\"");
  Rule rule{.name = std::string(trimmed(line.substr(0, arrow)))};
  const auto parts = parts_of(line.substr(0, arrow), ',');
  LineReader condition(line, words_of(parts.front()));
  VALENCE_TRY_STATUS(read_condition(condition, rule));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    LineReader option(line, words_of(parts[i]));
    VALENCE_TRY_STATUS(read_option(option, rule));
  }
  VALENCE_TRY_STATUS(check_options_fit(rule, line));
  for (const std::string_view receiver : parts_of(line.substr(arrow + 2), ',')) {
    if (receiver.empty() || receiver.find(' ') != receiver.npos) return refuse("names no receiver after \"->\"");
    rule.receivers.emplace_back(receiver);
  }
  VALENCE_TRY_STATUS(check_rule(rule));
  return rule;
}

}  // namespace valence::alert
