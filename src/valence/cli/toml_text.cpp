#include "valence/cli/toml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace valence::cli {
namespace {

constexpr std::string_view kHidden = "***";

/// Whether the word is the one way in which its number is written, so that nothing is lost by writing it as one.
bool is_plain_number(const std::string& word) {
  std::int64_t whole = 0;
  const char* const end = word.data() + word.size();
  if (const auto read = std::from_chars(word.data(), end, whole); read.ec == std::errc() && read.ptr == end)
    return fmt::format("{}", whole) == word;
  double real = 0;
  if (const auto read = std::from_chars(word.data(), end, real); read.ec == std::errc() && read.ptr == end)
    return fmt::format("{}", real) == word && word.find('.') != word.npos && word.find('e') == word.npos;
  return false;
}

std::string toml_word(const std::string& word) { return is_plain_number(word) ? word : toml_string(word); }

void hide(std::string& text, std::size_t begin, std::size_t end) { text.replace(begin, end - begin, kHidden); }

}  // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_value(OptionKind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case OptionKind::kFlag:
      return words.front() == "false" || words.front() == "0" ? "false" : "true";
    case OptionKind::kValue:
      return toml_word(words.front());
    case OptionKind::kList: {
      std::string list;
      for (const std::string& word : words) list += (list.empty() ? "" : ", ") + toml_word(word);
      return "[" + list + "]";
    }
  }
  return "";
}

std::string toml_value(const ConfigValue& value, const std::vector<std::string>& secrets) {
  using Kind = ConfigValue::Kind;
  std::string inside;
  switch (value.kind) {
    case Kind::kText:
      return toml_string(value.text);
    case Kind::kInteger:
      return fmt::format("{}", value.integer);
    case Kind::kNumber: {
      const std::string number = fmt::format("{}", value.number);
      return number.find_first_of(".en") == number.npos ? number + ".0" : number;
    }
    case Kind::kBoolean:
      return value.boolean ? "true" : "false";
    case Kind::kList:
      for (const ConfigValue& item : value.items) inside += (inside.empty() ? "" : ", ") + toml_value(item, secrets);
      return "[" + inside + "]";
    case Kind::kTable:
      for (const auto& [key, member] : value.members) {
        const bool is_secret = std::find(secrets.begin(), secrets.end(), key) != secrets.end();
        inside += fmt::format("{}{} = {}", inside.empty() ? "" : ", ", toml_key(key),
                              is_secret ? toml_string(kHidden) : toml_value(member, secrets));
      }
      return "{ " + inside + " }";
    case Kind::kOther:
      break;
  }
  return "\"\"";  // a date: nothing reads one
}

std::string toml_key(std::string_view key) {
  const bool is_bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return is_bare ? std::string(key) : toml_string(key);
}

std::string without_password(std::string word) {
  constexpr std::string_view kScheme = "://";
  if (const std::size_t scheme = word.find(kScheme); scheme != word.npos) {
    const std::size_t begin = scheme + kScheme.size();
    const std::size_t end = std::min(word.find_first_of("/?#", begin), word.size());
    const std::size_t at = word.rfind('@', end);  // a password may hold an @ that was not escaped
    const std::size_t colon = word.find(':', begin);
    if (at != word.npos && at > begin && colon < at) hide(word, colon + 1, at);
  }
  constexpr std::string_view kParameter = "password=";
  for (std::size_t from = word.find(kParameter); from != word.npos; from = word.find(kParameter, from)) {
    from += kParameter.size();
    const bool is_quoted = from < word.size() && word[from] == '\'';
    const std::size_t end = is_quoted ? word.find('\'', from + 1) : word.find_first_of(" &", from);
    hide(word, from, end == word.npos ? word.size() : end + (is_quoted ? 1 : 0));
  }
  return word;
}

}  // namespace valence::cli
