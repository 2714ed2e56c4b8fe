#include "valence/data/json_slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "valence/base/utf8.h"
#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

constexpr std::size_t kShownColumns = 120;
constexpr std::string_view kWhiteSpace = " \t\r\n";

/// Follows the parser to see what it does not object to: repeated keys and depth.
class Watcher : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Watcher(std::size_t max_depth) : max_depth_(max_depth) {}
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_array(std::size_t) override { return descend(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool start_object(std::size_t) override {
    first_key_of_open_.push_back(keys_.size());
    return descend();
  }
  bool key(string_t& name) override {
    keys_.push_back({.begin = key_bytes_.size(), .size = name.size()});
    key_bytes_ += name;
    return true;
  }
  bool end_object() override {
    --depth_;
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(first_key_of_open_.back());
    first_key_of_open_.pop_back();
    if (first == keys_.end()) return true;
    const std::size_t begin = first->begin;
    std::sort(first, keys_.end(), [&](Key a, Key b) { return text(a) < text(b); });
    const auto twice = std::adjacent_find(first, keys_.end(), [&](Key a, Key b) { return text(a) == text(b); });
    if (twice != keys_.end()) {
      problem_ = fmt::format("has the key \"{}\" twice in one object", shown(text(*twice), kShownColumns));
      return false;
    }
    keys_.erase(first, keys_.end());
    key_bytes_.resize(begin);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while parsing value - invalid
    // literal; last read: '...'" -> what a reader needs of it. The quoted end is the user's text, of any length.
    std::string_view what = error.what();
    if (const auto end = what.find("] "); end != std::string_view::npos) what.remove_prefix(end + 2);
    if (const auto end = what.find(": "); end != std::string_view::npos) what.remove_prefix(end + 2);
    what = what.substr(0, what.find("; last read"));
    problem_ = fmt::format("is not valid JSON: {} at byte {}", shown(what, kShownColumns), position);
    return false;
  }

 private:
  struct Key {
    std::size_t begin;
    std::size_t size;
  };
  [[nodiscard]] std::string_view text(Key key) const {
    return std::string_view(key_bytes_).substr(key.begin, key.size);
  }
  bool descend() {
    if (++depth_ <= max_depth_) return true;
    problem_ = fmt::format("is nested deeper than {} levels", max_depth_);
    return false;
  }

  std::size_t max_depth_;
  std::size_t depth_ = 0;
  std::string problem_;
  std::string key_bytes_;  // of all objects that are open, so that keys cost no allocation each
  std::vector<Key> keys_;
  std::vector<std::size_t> first_key_of_open_;
};

std::size_t skip_white_space(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kWhiteSpace, at), text.size());
}

/// Just behind the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  std::size_t quote = at;
  while (true) {
    quote = text.find('"', quote + 1);
    // Behind an odd number of backslashes it is a character of the string.
    std::size_t backslashes = 0;
    while (text[quote - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote + 1;
  }
}

/// Just behind the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return end_of_string(text, at);
  if (text[at] != '{' && text[at] != '[') {
    return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
  }
  std::size_t depth = 0;
  while (true) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
}

char32_t four_hex_digits(std::string_view text, std::size_t at) {
  char32_t value = 0;
  for (const char c : text.substr(at, 4)) {
    value = value * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

}  // namespace

std::optional<std::string> find_json_problem(std::string_view text, std::size_t max_depth) {
  // The library would skip a byte order mark, which the functions below do not expect.
  if (text.starts_with('\xEF')) return "is not valid JSON: begins with neither a brace nor another value at byte 0";
  Watcher watcher(max_depth);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &watcher)) return std::nullopt;
  return watcher.problem();
}

void split_json_object(std::string_view text, std::vector<JsonMemberView>& members) {
  members.clear();
  std::size_t at = skip_white_space(text, 0) + 1;
  while (text[at = skip_white_space(text, at)] != '}') {
    if (text[at] == ',') at = skip_white_space(text, at + 1);
    const std::size_t key_end = end_of_string(text, at);
    const std::string_view key = text.substr(at, key_end - at);
    at = skip_white_space(text, skip_white_space(text, key_end) + 1);  // past the colon
    const std::size_t value_end = end_of_value(text, at);
    members.push_back({.raw_key = key, .raw_value = text.substr(at, value_end - at)});
    at = value_end;
  }
}

void append_json_string_content(std::string& out, std::string_view raw) {
  raw = raw.substr(1, raw.size() - 2);
  std::size_t at = 0;
  while (true) {
    const std::size_t escape = std::min(raw.find('\\', at), raw.size());
    out += raw.substr(at, escape - at);
    if (escape == raw.size()) return;
    const char kind = raw[escape + 1];
    at = escape + 2;
    if (kind != 'u') {
      constexpr std::string_view kKinds = "bfnrt";
      const auto control = kKinds.find(kind);
      out += control == std::string_view::npos ? kind : "\b\f\n\r\t"[control];
      continue;
    }
    char32_t code_point = four_hex_digits(raw, at);
    at += 4;
    if (code_point >= 0xD800 && code_point < 0xDC00) {
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (four_hex_digits(raw, at + 2) - 0xDC00);
      at += 6;
    }
    append_utf8(out, code_point);
  }
}

std::string_view json_kind(std::string_view raw) {
  switch (raw.empty() ? '\0' : raw.front()) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
      return "true";
    case 'f':
      return "false";
    case 'n':
      return "null";
    default:
      return "a number";
  }
}

}  // namespace valence::data
