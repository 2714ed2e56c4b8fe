#include "valence/model/config_text.h"

#include <fmt/format.h>

#include "valence/base/json.h"

namespace valence {

void ConfigText::add(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  append_json_string(text_, key);
  text_ += ':';
  text_ += json;
}

void ConfigText::add_string(std::string_view key, std::string_view value) {
  std::string json;
  append_json_string(json, value);
  add(key, json);
}

void ConfigText::add_integer(std::string_view key, std::int64_t value) { add(key, std::to_string(value)); }
void ConfigText::add_number(std::string_view key, double value) { add(key, fmt::format("{}", value)); }
void ConfigText::add_boolean(std::string_view key, bool value) { add(key, value ? "true" : "false"); }

}  // namespace valence
