/// \file
/// Which column or field holds the text, when the user has not said.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence::data {

inline constexpr std::array<std::string_view, 7> kUsualTextColumns = {"text",   "sentence", "comment", "content",
                                                                      "review", "body",     "message"};

/// The first of kUsualTextColumns among `columns`, first spelled exactly so, then in any case; else nothing.
[[nodiscard]] std::optional<std::size_t> find_usual_text_column(std::span<const std::string> columns);

/// `no column "txt"; the columns are: id, text, ...`: the error for `wanted`, or without it for no usual name. `where`
/// is the place; `kind` is "column" or "field". At most 20 names are listed.
[[nodiscard]] Error no_text_column(std::span<const std::string> columns, const std::optional<std::string>& wanted,
                                   std::string_view kind, std::string where);

}  // namespace valence::data
