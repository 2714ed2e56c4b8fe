/// \file
/// Pieces of the calendar, in UTC, by which records are counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace valence::store {

enum class TimeBucket { kMinute, kHour, kDay, kWeek, kMonth };

/// As in `bucket=`: minute hour day week month.
[[nodiscard]] std::optional<TimeBucket> parse_time_bucket(std::string_view word);
[[nodiscard]] std::string_view name_of(TimeBucket bucket);

/// The begin of the bucket that `time_ms` is in. Weeks begin on Monday (ISO 8601).
[[nodiscard]] std::int64_t bucket_begin(TimeBucket bucket, std::int64_t time_ms);
/// The begin of the bucket after the one that begins at `begin_ms`.
[[nodiscard]] std::int64_t next_bucket(TimeBucket bucket, std::int64_t begin_ms);

/// "2026-01", "2026-01-31", "2026-01-31 23:00": as much as tells one bucket from the next.
[[nodiscard]] std::string bucket_name(TimeBucket bucket, std::int64_t begin_ms);

/// "2026-01-31T23:59:59.123Z" (RFC 3339).
[[nodiscard]] std::string rfc3339_ms(std::int64_t time_ms);

/// The time that a person or a program writes: "2026-01", "2026-01-31", "2026-01-31T23:59[:59[.123]][Z|+hh:mm]"
/// (without a zone UTC), or Unix milliseconds. Nothing for anything else. Years 1970 to 9999.
[[nodiscard]] std::optional<std::int64_t> parse_time_ms(std::string_view text);

}  // namespace valence::store
