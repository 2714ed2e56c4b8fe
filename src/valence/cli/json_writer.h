/// \file
/// JSON text, a value after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace valence::cli {

/// Writes one document, indented for people, commas and quotes its own. Calls must nest as JSON does.
class JsonWriter {
 public:
  /// `key` is empty inside arrays and for the document itself.
  void open_object(std::string_view key = {});
  void open_array(std::string_view key = {});
  void close();

  /// Bytes that are no UTF-8 are replaced, what a terminal would obey is escaped.
  void value(std::string_view key, std::string_view text);
  void value(std::string_view key, const char* text) { value(key, std::string_view(text)); }
  /// Six significant digits; null for what is no finite number.
  void value(std::string_view key, double number);
  void value(std::string_view key, bool truth);
  void value(std::string_view key, std::uint64_t number);
  void value(std::string_view key, int number);
  void null(std::string_view key);

  /// The document, with a line end; every open_ has been closed.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void begin(std::string_view key);
  void open(std::string_view key, char bracket);

  std::string text_;
  std::string closing_;  ///< the brackets to come, innermost last
  bool first_ = true;    ///< nothing written yet inside the innermost bracket
};

}  // namespace valence::cli
