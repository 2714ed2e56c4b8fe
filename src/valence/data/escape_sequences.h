/// \file
/// Escape sequences of programming languages that were saved as text.
#pragma once

#include <string>
#include <string_view>

namespace valence::data {

/// Appends `text` with \uXXXX (surrogate pairs too), \n, \r, \t, \", \' and \/ replaced by what they stand for. A word
/// that looks like a Windows path (C:\new, \\server\share) stays. True if there were some.
bool append_with_escapes_decoded(std::string& out, std::string_view text);

/// Whether every quote of `text` is doubled, as a CSV cell's are before it is read: He said ""no"".
[[nodiscard]] bool has_only_doubled_quotes(std::string_view text);

}  // namespace valence::data
