/// \file
/// A JSON string inside a longer JSON text.
#pragma once

#include <string>
#include <string_view>

#include "valence/base/json.h"

namespace valence::alert {

/// `text`, which must be valid UTF-8, as a JSON string with its quotes.
[[nodiscard]] inline std::string json_string(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

}  // namespace valence::alert
