/// \file
/// Writes a JSON document for programs and people: commas and indentation take care of themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace valence {

/// json.begin_object().key("rows").number(3).end_object(). Calls must nest as JSON does; strings must be valid UTF-8.
class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  JsonText& key(std::string_view name);
  JsonText& string(std::string_view value);
  /// Shortest digits that read back the same; null for what JSON cannot say.
  JsonText& number(double value);
  JsonText& number(float value);
  JsonText& integer(std::int64_t value);
  JsonText& boolean(bool value);
  JsonText& null();

  /// The document so far.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  /// What stands before a value or a key: a comma, a line of its own.
  void separate();
  void new_line();

  std::string text_;
  std::size_t depth_ = 0;
  bool is_first_ = true;  // in the object or array that is open
  bool after_key_ = false;
};

}  // namespace valence
