#include "valence/tokenizer/score_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace valence::tokenizer {
namespace {

constexpr int kMaxPower = 308;

/// 1e0 to 1e308, each the nearest f64.
const std::array<double, kMaxPower + 1>& powers_of_ten() {
  static const auto powers = [] {
    std::array<double, kMaxPower + 1> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      const std::string text = "1e" + std::to_string(i);
      std::from_chars(text.data(), text.data() + text.size(), made[i]);
    }
    return made;
  }();
  return powers;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The digits of a number, as many as fit 64 bits; those that do not count into the exponent or not at all.
class Digits {
 public:
  void add(char digit) {
    const auto value = static_cast<std::uint64_t>(digit - '0');
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    full_ = full_ || significand_ > (kMost - value) / 10;
    if (!full_) significand_ = significand_ * 10 + value;
  }
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] std::uint64_t significand() const { return significand_; }

 private:
  std::uint64_t significand_ = 0;
  bool full_ = false;
};

std::optional<double> scaled(std::uint64_t significand, std::int64_t exponent) {
  auto value = static_cast<double>(significand);
  while (exponent < -kMaxPower) {
    if (value == 0) return value;
    value /= powers_of_ten()[kMaxPower];
    exponent += kMaxPower;
  }
  if (exponent > kMaxPower) return value == 0 ? std::optional(value) : std::nullopt;
  const double power = powers_of_ten()[static_cast<std::size_t>(exponent < 0 ? -exponent : exponent)];
  value = exponent < 0 ? value / power : value * power;
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<ScoreText> read_score(std::string_view text) {
  std::size_t at = 0;
  const auto here = [&] { return at < text.size() ? text[at] : '\0'; };
  const bool negative = here() == '-';
  if (negative) ++at;
  if (!is_digit(here()) || (here() == '0' && at + 1 < text.size() && is_digit(text[at + 1]))) return std::nullopt;

  Digits digits;
  std::int64_t exponent = 0;
  for (; is_digit(here()); ++at) {
    digits.add(here());
    if (digits.full()) ++exponent;
  }
  if (here() == '.') {
    ++at;
    if (!is_digit(here())) return std::nullopt;
    for (; is_digit(here()); ++at) {
      digits.add(here());
      if (!digits.full()) --exponent;
    }
  }
  if (here() == 'e' || here() == 'E') {
    ++at;
    const bool shrinks = here() == '-';
    if (shrinks || here() == '+') ++at;
    if (!is_digit(here())) return std::nullopt;
    constexpr std::int64_t kEnough = 1'000'000'000;  // digits of a file cannot make up for more
    std::int64_t written = 0;
    for (; is_digit(here()); ++at) written = std::min(kEnough, written * 10 + (here() - '0'));
    exponent += shrinks ? -written : written;
  }
  const auto value = scaled(digits.significand(), exponent);
  if (!value) return std::nullopt;
  return ScoreText{negative ? -*value : *value, at};
}

}  // namespace valence::tokenizer
