/// \file
/// What a JSON document may not exceed, seen before a parser or the memory for the whole of it is spent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

struct JsonLimits {
  std::size_t max_depth = 32;
  std::size_t max_token_bytes = 1U << 20U;  ///< of one string, number or stretch of white space, as it is written
  /// Of all objects, arrays and plain values, counted by brackets and commas. A tree takes some hundred bytes for each.
  std::size_t max_values = 150'000;
};

/// Looks through a document in pieces, in constant memory. It refuses what no parser should see: a NUL, nesting,
/// strings and numbers of values beyond the limits. Everything else is left to the parser.
class JsonBounds {
 public:
  explicit JsonBounds(JsonLimits limits) : limits_(limits) {}

  /// The next bytes of the document that errors call `source`.
  Status feed(std::string_view bytes, const std::string& source);

 private:
  /// Counts the next character; whether it begins or ends a value.
  bool is_structure(char c);

  JsonLimits limits_;
  std::size_t at_ = 0;  // bytes of the document before the present ones
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  std::size_t token_bytes_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace valence
