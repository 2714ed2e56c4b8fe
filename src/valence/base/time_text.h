/// \file
/// Moments as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace valence {

/// "2026-11-22T00:42:22Z" (RFC 3339). `unix_ms`: milliseconds since 1970, UTC; of the years 0 to 9999.
[[nodiscard]] std::string utc_text(std::int64_t unix_ms);

/// Milliseconds since 1970 of "2026-11-22", "2026-11-22 00:42:22", "2026-11-22T00:42:22.5Z" or "...+01:00" (UTC where
/// no offset is given), or of a number: seconds below 10^11, milliseconds above. Nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> parse_time_ms(std::string_view text);

}  // namespace valence
