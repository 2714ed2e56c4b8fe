#include "valence/base/json_text.h"

#include <fmt/format.h>

#include <cmath>

#include "valence/base/json.h"

namespace valence {

void JsonText::new_line() {
  constexpr std::size_t kIndent = 2;
  text_ += '\n';
  text_.append(kIndent * depth_, ' ');
}

void JsonText::separate() {
  if (std::exchange(after_key_, false)) return;
  if (!is_first_) text_ += ',';
  if (depth_ > 0) new_line();
  is_first_ = false;
}

JsonText& JsonText::open(char bracket) {
  separate();
  text_ += bracket;
  ++depth_;
  is_first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  --depth_;
  if (!is_first_) new_line();
  text_ += bracket;
  is_first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  append_json_string(text_, name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

JsonText& JsonText::string(std::string_view value) {
  separate();
  append_json_string(text_, value);
  return *this;
}

JsonText& JsonText::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  text_ += fmt::format("{}", value);
  return *this;
}

JsonText& JsonText::number(float value) {
  separate();
  append_json_float(text_, value);
  return *this;
}

JsonText& JsonText::integer(std::int64_t value) {
  separate();
  text_ += std::to_string(value);
  return *this;
}

JsonText& JsonText::boolean(bool value) {
  separate();
  text_ += value ? "true" : "false";
  return *this;
}

JsonText& JsonText::null() {
  separate();
  text_ += "null";
  return *this;
}

}  // namespace valence
