/// \file
/// The rules file of `valence data label`.
#pragma once

#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/pipeline/labeling.h"

namespace valence::cli {

/// Rules from TOML ([[rules]]), or from JSON ({"rules": [...]}) where the name ends in .json. Keys of a rule: name
/// [rule 1, ...], label, any, none, regex, weight [1]. Errors name the file, the rule and the key.
Result<std::vector<pipeline::LabelRule>> read_label_rules(const std::string& path);

/// The same of a text; `source` is how errors name it.
Result<std::vector<pipeline::LabelRule>> parse_label_rules_toml(std::string_view text, const std::string& source);
Result<std::vector<pipeline::LabelRule>> parse_label_rules_json(std::string_view text, const std::string& source);

}  // namespace valence::cli
