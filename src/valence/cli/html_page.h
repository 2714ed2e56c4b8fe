/// \file
/// What the HTML reports have in common: one file, no requests, light and dark.
#pragma once

#include <string_view>

namespace valence::cli {

/// From the doctype to the style sheet; the caller goes on with <title> and </head>. A policy in it forbids every
/// request.
[[nodiscard]] std::string_view html_head();

}  // namespace valence::cli
