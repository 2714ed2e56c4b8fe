#include "valence/base/ulid.h"

#include <algorithm>
#include <cstddef>
#include <random>

namespace valence {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kTimeDigits = 10;
constexpr std::size_t kDigitsInAll = 26;
constexpr std::int64_t kMaxTimeMs = (std::int64_t{1} << 48) - 1;
constexpr std::uint64_t kHighMask = 0xFFFF;

std::uint64_t seed_of_system() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

}  // namespace

UlidSource::UlidSource(const Clock& clock) : UlidSource(clock, seed_of_system()) {}

std::string UlidSource::next() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now_ms = std::clamp<std::int64_t>(clock_.unix_ms(), 0, kMaxTimeMs);
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    // The top bit is left clear, so that counting up within a millisecond has room.
    high_ = random_.next() & (kHighMask >> 1U);
    low_ = random_.next();
  } else if (++low_ == 0) {
    high_ = (high_ + 1) & kHighMask;
  }
  std::string text(kDigitsInAll, '0');
  std::uint64_t time = static_cast<std::uint64_t>(last_ms_);
  for (std::size_t i = kTimeDigits; i-- > 0; time >>= 5U) text[i] = kDigits[time & 31U];
  std::uint64_t high = high_;
  std::uint64_t low = low_;
  for (std::size_t i = kDigitsInAll; i-- > kTimeDigits;) {
    text[i] = kDigits[low & 31U];
    low = low >> 5U | high << 59U;
    high >>= 5U;
  }
  return text;
}

std::optional<std::int64_t> ulid_time_ms(std::string_view text) {
  if (text.size() != kDigitsInAll || text.front() > '7') return std::nullopt;
  std::int64_t time_ms = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = kDigits.find(text[i]);
    if (digit == kDigits.npos) return std::nullopt;
    if (i < kTimeDigits) time_ms = time_ms << 5 | static_cast<std::int64_t>(digit);
  }
  return time_ms;
}

}  // namespace valence
