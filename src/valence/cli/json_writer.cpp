#include "valence/cli/json_writer.h"

#include <fmt/format.h>

#include <cmath>

#include "valence/base/check.h"
#include "valence/base/json.h"
#include "valence/data/shown_text.h"

namespace valence::cli {

void JsonWriter::begin(std::string_view key) {
  if (!first_) text_ += ',';
  first_ = false;
  if (!closing_.empty()) {
    text_ += '\n';
    text_.append(2 * closing_.size(), ' ');
  }
  if (key.empty()) return;
  append_json_string(text_, key);
  text_ += ": ";
}

void JsonWriter::open(std::string_view key, char bracket) {
  begin(key);
  text_ += bracket;
  closing_ += bracket == '{' ? '}' : ']';
  first_ = true;
}

void JsonWriter::open_object(std::string_view key) { open(key, '{'); }
void JsonWriter::open_array(std::string_view key) { open(key, '['); }

void JsonWriter::close() {
  VALENCE_ASSERT(!closing_.empty(), "each close belongs to an open");
  const char bracket = closing_.back();
  closing_.pop_back();
  if (!first_) {
    text_ += '\n';
    text_.append(2 * closing_.size(), ' ');
  }
  text_ += bracket;
  first_ = false;
  if (closing_.empty()) text_ += '\n';
}

void JsonWriter::value(std::string_view key, std::string_view text) {
  begin(key);
  const std::size_t at = text_.size();
  append_json_string(text_, data::repaired_utf8(text));
  data::escape_for_terminal(text_, at);
}

void JsonWriter::value(std::string_view key, double number) {
  if (!std::isfinite(number)) return null(key);
  begin(key);
  text_ += fmt::format("{:.6g}", number);
}

void JsonWriter::value(std::string_view key, bool truth) {
  begin(key);
  text_ += truth ? "true" : "false";
}

void JsonWriter::value(std::string_view key, std::uint64_t number) {
  begin(key);
  text_ += std::to_string(number);
}

void JsonWriter::value(std::string_view key, int number) {
  begin(key);
  text_ += std::to_string(number);
}

void JsonWriter::null(std::string_view key) {
  begin(key);
  text_ += "null";
}

}  // namespace valence::cli
