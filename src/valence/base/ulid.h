/// \file
/// ULIDs: 128 bits as 26 characters that sort by the time they were made. Source: github.com/ulid/spec.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/clock.h"
#include "valence/base/random.h"

namespace valence {

/// Makes ULIDs, each greater than the one before, also within a millisecond and where the clock goes back.
/// Thread-safe. Not for secrets: who has seen some can guess the next.
class UlidSource {
 public:
  /// A seed gives the same random parts every time; processes that share a store must differ in it.
  UlidSource(const Clock& clock, std::uint64_t seed) : clock_(clock), random_(seed) {}
  /// Seeded by the operating system. `clock` must outlive this.
  explicit UlidSource(const Clock& clock);

  [[nodiscard]] std::string next();

 private:
  const Clock& clock_;
  std::mutex mutex_;
  Random random_;
  std::int64_t last_ms_ = -1;
  std::uint64_t high_ = 0;  // the upper 16 of its 80 random bits
  std::uint64_t low_ = 0;   // the lower 64
};

/// The time in a ULID, Unix milliseconds; nothing when `text` is none (26 digits of Crockford's base 32 in upper case,
/// at most 128 bits).
[[nodiscard]] std::optional<std::int64_t> ulid_time_ms(std::string_view text);

}  // namespace valence
