/// \file
/// README.md of a repository: a table in front, then Markdown.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace valence::hub {

struct ModelCard {
  /// Keys and values of the YAML front matter, lists joined by ", ". What is nested deeper is left out: the hub's own
  /// pages read it, people do not.
  std::vector<std::pair<std::string, std::string>> front_matter;
  std::string_view body;  ///< points into the text
};

/// Reads the part of YAML that cards use at their top level: "key: value", "key: [a, b]", and a list of "- item" lines
/// under a key. Never fails: a text without front matter, or with one that does not end, is all body.
[[nodiscard]] ModelCard parse_model_card(std::string_view text);

}  // namespace valence::hub
