/// \file
/// Settings as config.json would have them, written member by member.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace valence {

/// A JSON object. Keys are not repeated; nothing checks that.
class ConfigText {
 public:
  /// `json` is written as it is.
  void add(std::string_view key, std::string_view json);
  void add_string(std::string_view key, std::string_view value);
  void add_integer(std::string_view key, std::int64_t value);
  void add_number(std::string_view key, double value);
  void add_boolean(std::string_view key, bool value);
  [[nodiscard]] std::string text() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

}  // namespace valence
