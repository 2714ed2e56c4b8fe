/// \file
/// HTML that was saved as text.
#pragma once

#include <string>
#include <string_view>

namespace valence::data {

/// Appends `text` without the tags of HTML elements and without comments: where an element begins a line (br, p, div,
/// li, ...) a line feed takes its place; script and style go with what they hold. What only looks like a tag ("<3",
/// "<sarcasm>") stays. True if something was found.
bool append_without_tags(std::string& out, std::string_view text);

/// Appends `text` with character references decoded once: the named ones of HTML 4 and &apos;, and numbers, of which
/// 128 to 159 are read as windows-1252. Source: https://html.spec.whatwg.org/#character-reference-state. A reference
/// needs its semicolon; what is none stays. True if something was found.
bool append_with_references_decoded(std::string& out, std::string_view text);

}  // namespace valence::data
