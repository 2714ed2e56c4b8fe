#include "valence/tokenizer/vocabulary_json.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Where the value of model.vocab begins, at its '{'. The document is only looked through, not checked.
std::optional<std::size_t> find_vocabulary(std::string_view json) {
  std::size_t depth = 0;
  bool inside_model = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      if (depth < 2) inside_model = false;
    } else if (c == '"') {
      const std::size_t begin = i + 1;
      for (++i; i < json.size() && json[i] != '"'; ++i) {
        if (json[i] == '\\') ++i;
      }
      if (i >= json.size()) return std::nullopt;
      const bool may_be_model = depth == 1;
      const bool may_be_vocabulary = depth == 2 && inside_model;
      if (!may_be_model && !may_be_vocabulary) continue;
      const std::string_view text = json.substr(begin, i - begin);
      std::size_t after = i + 1;
      while (after < json.size() && is_json_space(json[after])) ++after;
      if (after == json.size() || json[after] != ':') continue;  // a value, not a key
      ++after;
      while (after < json.size() && is_json_space(json[after])) ++after;
      const bool is_object = after < json.size() && json[after] == '{';
      if (may_be_vocabulary && text == "vocab") return is_object ? std::optional(after) : std::nullopt;
      if (may_be_model) inside_model = text == "model" && is_object;
    }
  }
  return std::nullopt;
}

/// Reads one object of integers, strictly, from its '{' on.
class VocabularyReader {
 public:
  VocabularyReader(std::string_view json, std::size_t at, const std::string& source_name)
      : json_(json), at_(at), source_name_(source_name) {}

  Result<VocabularyEntries> read() {
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
  [[nodiscard]] std::size_t end() const { return at_; }

 private:
  /// The next character that is no space, '\0' at the end.
  char peek() {
    while (at_ < json_.size() && is_json_space(json_[at_])) ++at_;
    return at_ < json_.size() ? json_[at_] : '\0';
  }

  tl::unexpected<Error> expected(std::string_view what) const {
    return fail(ErrorCode::kInvalidData, fmt::format("{}: model.vocab", source_name_),
                fmt::format("not valid JSON at byte {}: expected {}", at_, what));
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
      return fail(ErrorCode::kInvalidData, fmt::format("{}: model.vocab", source_name_),
                  fmt::format("token \"{}\" has no integer id", token));
    }
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  std::string_view json_;
  std::size_t at_;
  const std::string& source_name_;
};

}  // namespace

Result<std::optional<ExtractedVocabulary>> extract_vocabulary(std::string_view json, const std::string& source_name) {
  const auto begin = find_vocabulary(json);
  if (!begin) return std::nullopt;
  VocabularyReader reader(json, *begin, source_name);
  ExtractedVocabulary extracted;
  VALENCE_TRY(extracted.vocabulary, reader.read());
  if (const auto invalid = find_invalid_utf8(json.substr(*begin, reader.end() - *begin))) {
    return fail(ErrorCode::kInvalidData, fmt::format("{}: model.vocab", source_name),
                fmt::format("invalid UTF-8 at byte {} of the file", *begin + *invalid));
  }
  extracted.rest = fmt::format("{}{{}}{}", json.substr(0, *begin), json.substr(reader.end()));
  return extracted;
}

}  // namespace valence::tokenizer
