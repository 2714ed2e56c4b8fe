#include "valence/tokenizer/vocabulary_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer/score_text.h"

namespace valence::tokenizer {
namespace {

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Looks through a document for the members of `model` that are taken out of it. The document is not checked.
class ModelScanner {
 public:
  explicit ModelScanner(std::string_view json) : json_(json) {}

  /// A member of `model` and where its value begins, at a '{' or '['.
  struct Member {
    std::string_view name;
    std::size_t value;
  };
  /// The next such member whose name is "vocab" with an object or an array, or "merges" with an array.
  std::optional<Member> next() {
    for (; at_ < json_.size(); ++at_) {
      const char c = json_[at_];
      if (c == '{' || c == '[') {
        ++depth_;
      } else if (c == '}' || c == ']') {
        if (depth_ > 0) --depth_;
        if (depth_ < 2) inside_model_ = false;
      } else if (c == '"') {
        const std::string_view text = skip_string();
        if (depth_ != 1 && !(depth_ == 2 && inside_model_)) continue;
        const auto value = value_after_key();
        if (!value) continue;
        const char opening = *value < json_.size() ? json_[*value] : '\0';
        if (depth_ == 1) {
          inside_model_ = text == "model" && opening == '{';
        } else if ((text == "vocab" && (opening == '{' || opening == '[')) || (text == "merges" && opening == '[')) {
          return Member{text, *value};
        }
      }
    }
    return std::nullopt;
  }
  /// Goes on from `at`, after a value.
  void skip_to(std::size_t at) { at_ = at; }

 private:
  /// From an opening quotation mark to the closing one.
  std::string_view skip_string() {
    const std::size_t begin = ++at_;
    for (; at_ < json_.size() && json_[at_] != '"'; ++at_) {
      if (json_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_, json_.size());
    return json_.substr(begin, at_ - begin);
  }

  /// Where the value of the key just read begins; nothing if that was no key.
  [[nodiscard]] std::optional<std::size_t> value_after_key() const {
    std::size_t after = at_ + 1;
    const auto skip_space = [&] {
      while (after < json_.size() && is_json_space(json_[after])) ++after;
    };
    skip_space();
    if (after >= json_.size() || json_[after] != ':') return std::nullopt;
    ++after;
    skip_space();
    return after;
  }

  std::string_view json_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool inside_model_ = false;
};

/// Reads one object of integers, one array of scored tokens or one of merges, strictly, from its opening bracket on.
class ModelReader {
 public:
  /// `where` is how errors name the value.
  ModelReader(std::string_view json, std::size_t at, std::string where)
      : json_(json), at_(at), where_(std::move(where)) {}

  Result<VocabularyEntries> read_vocabulary() {
    VocabularyEntries vocabulary;
    ++at_;
    if (peek() == '}') {
      ++at_;
      return vocabulary;
    }
    while (true) {
      const auto offset = static_cast<std::uint32_t>(vocabulary.arena.size());
      VALENCE_TRY_STATUS(read_string(vocabulary.arena));
      const auto size = static_cast<std::uint32_t>(vocabulary.arena.size()) - offset;
      if (peek() != ':') return expected("':'");
      ++at_;
      VALENCE_TRY(const std::int64_t id, read_integer(std::string_view(vocabulary.arena).substr(offset, size)));
      vocabulary.entries.push_back({offset, size, id});
      if (vocabulary.entries.size() > kMaxVocabularyTokens) break;  // Vocabulary::build says so
      const char next = peek();
      ++at_;
      if (next == '}') break;
      if (next != ',') return expected("',' or '}'");
    }
    return vocabulary;
  }

  /// [["a", -1.5], ...]
  Result<ScoredVocabulary> read_scored_vocabulary() {
    ScoredVocabulary vocabulary;
    std::string token;
    ++at_;
    if (peek() == ']') {
      ++at_;
      return vocabulary;
    }
    while (true) {
      token.clear();
      VALENCE_TRY_STATUS(read_character('['));
      VALENCE_TRY_STATUS(read_string(token));
      VALENCE_TRY_STATUS(read_character(','));
      peek();
      const auto score = read_score(json_.substr(std::min(at_, json_.size())));
      if (!score) return expected("a score, a finite number");
      at_ += score->size;
      VALENCE_TRY_STATUS(read_character(']'));
      vocabulary.add(token, score->value);
      if (vocabulary.scores.size() > kMaxVocabularyTokens) break;  // Vocabulary::build says so
      const char next = peek();
      ++at_;
      if (next == ']') break;
      if (next != ',') return expected("',' or ']'");
    }
    return vocabulary;
  }

  /// ["a b", ...] or [["a", "b"], ...]
  Result<MergeRules> read_merges() {
    MergeRules merges;
    std::string line;
    std::string right;
    ++at_;
    if (peek() == ']') {
      ++at_;
      return merges;
    }
    for (std::size_t rank = 0;; ++rank) {
      line.clear();
      if (peek() == '[') {
        right.clear();
        ++at_;
        VALENCE_TRY_STATUS(read_string(line));
        VALENCE_TRY_STATUS(read_character(','));
        VALENCE_TRY_STATUS(read_string(right));
        VALENCE_TRY_STATUS(read_character(']'));
        merges.add(line, right);
      } else {
        VALENCE_TRY_STATUS(read_string(line));
        VALENCE_TRY_STATUS(add_merge_line(line, fmt::format("{}.{}", where_, rank), merges));
      }
      if (merges.rules.size() > kMaxMerges) break;  // Bpe::build says so
      const char next = peek();
      ++at_;
      if (next == ']') break;
      if (next != ',') return expected("',' or ']'");
    }
    return merges;
  }
  [[nodiscard]] std::size_t end() const { return at_; }

 private:
  Status read_character(char wanted) {
    if (peek() != wanted) return expected(fmt::format("'{}'", wanted));
    ++at_;
    return {};
  }

  /// The next character that is no space, '\0' at the end.
  char peek() {
    while (at_ < json_.size() && is_json_space(json_[at_])) ++at_;
    return at_ < json_.size() ? json_[at_] : '\0';
  }

  tl::unexpected<Error> expected(std::string_view what) const {
    return fail(ErrorCode::kInvalidData, where_, fmt::format("not valid JSON at byte {}: expected {}", at_, what));
  }

  Status read_string(std::string& out) {
    if (peek() != '"') return expected("a token in quotes");
    ++at_;
    while (at_ < json_.size() && json_[at_] != '"') {
      if (json_[at_] == '\\') {
        VALENCE_TRY_STATUS(read_escape(out));
        continue;
      }
      const std::size_t begin = at_;
      while (at_ < json_.size() && json_[at_] != '"' && json_[at_] != '\\') {
        if (static_cast<unsigned char>(json_[at_]) < 0x20) return expected("no control character");
        ++at_;
      }
      out += json_.substr(begin, at_ - begin);
    }
    if (at_ == json_.size()) return expected("the end of a string");
    ++at_;
    return {};
  }

  Status read_escape(std::string& out) {
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    if (at_ < json_.size() && json_[at_] == 'u') return read_unicode_escape(out);
    const auto escape = at_ < json_.size() ? kEscapes.find(json_[at_]) : std::string_view::npos;
    if (escape == std::string_view::npos) return expected("an escape sequence");
    out += kMeanings[escape];
    ++at_;
    return {};
  }

  Status read_unicode_escape(std::string& out) {
    VALENCE_TRY(char32_t code_point, read_hex4());
    if (code_point >= 0xDC00 && code_point <= 0xDFFF) return expected("no low surrogate alone");
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
      if (json_.substr(at_, 2) != "\\u") return expected("a low surrogate after the high one");
      ++at_;
      VALENCE_TRY(const char32_t low, read_hex4());
      if (low < 0xDC00 || low > 0xDFFF) return expected("a low surrogate after the high one");
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code_point);
    return {};
  }

  /// At the 'u' of an escape sequence.
  Result<char32_t> read_hex4() {
    ++at_;
    const auto digits = json_.substr(std::min(at_, json_.size()), 4);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + 4 || digits.size() < 4)
      return expected("four hexadecimal digits");
    at_ += 4;
    return static_cast<char32_t>(value);
  }

  Result<std::int64_t> read_integer(std::string_view token) {
    peek();
    const char* const begin = json_.data() + at_;
    const char* const limit = json_.data() + json_.size();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(begin, limit, value);
    const bool digits_follow = end != limit && (*end == '.' || *end == 'e' || *end == 'E');
    const bool leading_zero = end - begin > 1 && begin[0] == '0';
    if (error != std::errc() || digits_follow || leading_zero) {
      return fail(ErrorCode::kInvalidData, where_, fmt::format("token {} has no integer id", in_quotes(token)));
    }
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  std::string_view json_;
  std::size_t at_;
  std::string where_;
};

/// An error if the value read from `begin` to `end` is not UTF-8.
Status check_utf8(std::string_view json, std::size_t begin, std::size_t end, const std::string& where) {
  const auto invalid = find_invalid_utf8(json.substr(begin, end - begin));
  if (!invalid) return {};
  return fail(ErrorCode::kInvalidData, where, fmt::format("invalid UTF-8 at byte {} of the file", begin + *invalid));
}

}  // namespace

Result<ExtractedModel> extract_model(std::string_view json, const std::string& source_name) {
  ExtractedModel extracted;
  ModelScanner scanner(json);
  std::size_t kept_until = 0;
  while (const auto member = scanner.next()) {
    const bool is_vocabulary = member->name == "vocab";
    const bool is_scored = is_vocabulary && json[member->value] == '[';
    const std::string where = fmt::format("{}: model.{}", source_name, member->name);
    ModelReader reader(json, member->value, where);
    const bool known = is_vocabulary ? extracted.vocabulary || extracted.scored : extracted.merges.has_value();
    if (known) return fail(ErrorCode::kInvalidData, where, "stands there twice");
    if (is_scored) {
      VALENCE_TRY(extracted.scored, reader.read_scored_vocabulary());
    } else if (is_vocabulary) {
      VALENCE_TRY(extracted.vocabulary, reader.read_vocabulary());
    } else {
      VALENCE_TRY(extracted.merges, reader.read_merges());
    }
    VALENCE_TRY_STATUS(check_utf8(json, member->value, reader.end(), where));
    extracted.rest += json.substr(kept_until, member->value - kept_until);
    extracted.rest += is_vocabulary && !is_scored ? "{}" : "[]";
    kept_until = reader.end();
    scanner.skip_to(kept_until);
  }
  extracted.rest += json.substr(std::min(kept_until, json.size()));
  return extracted;
}

Result<VocabularyEntries> read_vocab_json(std::string_view json, const std::string& source_name) {
  std::size_t begin = 0;
  while (begin < json.size() && is_json_space(json[begin])) ++begin;
  if (begin == json.size() || json[begin] != '{') {
    return fail(ErrorCode::kInvalidData, source_name, "expected a JSON object from tokens to ids");
  }
  ModelReader reader(json, begin, source_name);
  VALENCE_TRY(auto vocabulary, reader.read_vocabulary());
  VALENCE_TRY_STATUS(check_utf8(json, begin, reader.end(), source_name));
  if (json.substr(reader.end()).find_first_not_of(" \t\n\r") != std::string_view::npos &&
      vocabulary.entries.size() <= kMaxVocabularyTokens) {
    return fail(ErrorCode::kInvalidData, source_name,
                fmt::format("not valid JSON at byte {}: expected the end", reader.end()));
  }
  return vocabulary;
}

}  // namespace valence::tokenizer
