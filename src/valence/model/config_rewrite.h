/// \file
/// A config.json with some of its members replaced.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/head_spec.h"

namespace valence {

/// Keys and values, the values as JSON.
using ConfigMembers = std::vector<std::pair<std::string, std::string>>;

/// `config_json` with `members` at its end, in place of those of the same name, and without `removed`.
Result<std::string> config_with(std::string_view config_json, const ConfigMembers& members,
                                std::span<const std::string_view> removed);

/// id2label, label2id and problem_type. Whoever sets them removes num_labels.
[[nodiscard]] ConfigMembers label_members(std::span<const std::string> labels, ProblemType problem_type);

}  // namespace valence
