#include "valence/net/retry.h"

#include <algorithm>
#include <charconv>

namespace valence::net {
namespace {

using std::chrono::seconds;

constexpr seconds kFirstWait{1};
constexpr seconds kLongestWait{8};
// Longer requests are answered by giving up, and must not overflow the clock on the way there.
constexpr seconds kLongestAsked{24 * 3600};

}  // namespace

bool is_passing_status(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::optional<seconds> parse_retry_after(std::string_view value) {
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (end != value.data() + value.size() || value.empty()) return std::nullopt;
  if (failed == std::errc::result_out_of_range) return kLongestAsked;
  if (failed != std::errc()) return std::nullopt;
  return std::min(seconds(number), kLongestAsked);
}

void RetrySchedule::progress(Clock::time_point now) {
  deadline_ = now + patience_;
  wait_ = kFirstWait;
}

std::optional<seconds> RetrySchedule::next_wait(Clock::time_point now, std::optional<seconds> asked) {
  const seconds wait = asked.value_or(wait_);
  if (now + wait > deadline_) return std::nullopt;
  wait_ = std::min(wait_ * 2, kLongestWait);
  return wait;
}

}  // namespace valence::net
