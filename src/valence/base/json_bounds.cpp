#include "valence/base/json_bounds.h"

#include <fmt/format.h>

namespace valence {

bool JsonBounds::is_structure(char c) {
  if (escaped_) {
    escaped_ = false;
    return false;
  }
  if (in_string_) {
    escaped_ = c == '\\';
    in_string_ = c != '"';
    return !in_string_;
  }
  switch (c) {
    case '"':
      in_string_ = true;
      return true;
    case '[':
    case '{':
      ++depth_;
      ++values_;
      return true;
    case ']':
    case '}':
      if (depth_ > 0) --depth_;
      return true;
    case ',':
      ++values_;
      return true;
    default:
      return c == ':';
  }
}

Status JsonBounds::feed(std::string_view bytes, const std::string& source) {
  const auto refuse = [&source](std::string what) { return fail(ErrorCode::kInvalidData, source, std::move(what)); };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    // Parsers that take a NUL for the end of their input would not look at what follows.
    if (c == '\0') return refuse(fmt::format("not valid JSON: NUL at byte {}", at_ + i));
    if (is_structure(c)) {
      token_bytes_ = 0;
      if (depth_ > limits_.max_depth)
        return refuse(fmt::format("JSON nested deeper than {} levels", limits_.max_depth));
      if (values_ > limits_.max_values) return refuse(fmt::format("JSON of more than {} values", limits_.max_values));
    } else if (++token_bytes_ > limits_.max_token_bytes) {
      return refuse(fmt::format("a string, number or white space of more than {} bytes, up to byte {}",
                                limits_.max_token_bytes, at_ + i));
    }
  }
  at_ += bytes.size();
  return {};
}

}  // namespace valence
