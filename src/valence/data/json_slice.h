/// \file
/// JSON text cut into its parts without changing a byte: what a line carried goes out as it came in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace valence::data {

/// Why `text` is not one JSON value that we take, as "is not valid JSON: ... at byte 17"; nothing if it is. Strict:
/// UTF-8, no comments, no key twice in an object at any depth, at most `max_depth` levels, numbers within double's
/// range.
[[nodiscard]] std::optional<std::string> find_json_problem(std::string_view text, std::size_t max_depth);

struct JsonMemberView {
  std::string_view raw_key;    ///< with quotes and escapes
  std::string_view raw_value;  ///< without white space around it
};

/// The members of the object `text`, in order, as views into it. find_json_problem must have found none.
void split_json_object(std::string_view text, std::vector<JsonMemberView>& members);

/// What the JSON string `raw` says, `raw` with its quotes and free of problems.
void append_json_string_content(std::string& out, std::string_view raw);

/// "an object", "an array", "a string", "a number", "true", "false" or "null", by how `raw` begins.
[[nodiscard]] std::string_view json_kind(std::string_view raw);

}  // namespace valence::data
