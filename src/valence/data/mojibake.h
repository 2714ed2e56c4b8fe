/// \file
/// Text that was UTF-8, was read as windows-1252, and was then encoded again: "donâ€™t", "cafÃ©", "ðŸ˜€".
#pragma once

#include <string>
#include <string_view>

namespace valence::data {

/// Appends `text`, which must be valid UTF-8, with such stretches decoded, twice if they went through it twice. True if
/// there were some.
///
/// A stretch counts when its characters are windows-1252's (or Latin-1's) of bytes that make one character of UTF-8 and
/// hardly anybody would write: two bytes from Â or Ã, three from â with a symbol behind it, four from ð with Ÿ; any
/// other lead byte only in three or more such characters in a row. "CAFÉ”" and "MANHÃ…" at the end of a word stay.
bool append_without_mojibake(std::string& out, std::string_view text);

}  // namespace valence::data
