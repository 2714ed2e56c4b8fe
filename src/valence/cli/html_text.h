/// \file
/// Text on its way into an HTML page.
#pragma once

#include <string>
#include <string_view>

namespace valence::cli {

/// Appends `text` so that a browser shows it and obeys nothing in it, inside an element or a quoted attribute: & < > "
/// and ' as entities; control characters, directional overrides and bytes that are no UTF-8 made visible.
void append_html(std::string& out, std::string_view text);

[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace valence::cli
