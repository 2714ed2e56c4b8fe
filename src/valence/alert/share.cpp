#include "valence/alert/share.h"

#include <fmt/format.h>

#include <charconv>

namespace valence::alert {
namespace {

constexpr std::size_t kMaxDigits = 6;  // before and after the point each: the denominator stays within its bound

bool parse_digits(std::string_view digits, std::uint64_t& value) {
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return !digits.empty() && digits.size() <= kMaxDigits && failed == std::errc() &&
         end == digits.data() + digits.size();
}

}  // namespace

std::string Share::to_string() const { return fmt::format("{:.6g} %", 100.0 * value()); }

Result<Share> parse_share(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalidArgument, "", fmt::format("\"{}\" is no share of a whole", text),
                "write a percentage from 0% to 100%, e.g. 10% or 0.5%");
  };
  std::string_view number = text;
  const bool percent = number.ends_with('%');
  if (percent) number.remove_suffix(1);
  while (number.ends_with(' ')) number.remove_suffix(1);
  const auto point = number.find('.');
  std::uint64_t whole = 0;
  if (!parse_digits(number.substr(0, point), whole)) return refuse();
  Share share{.numerator = whole, .denominator = percent ? 100U : 1U};
  if (point != number.npos) {
    const std::string_view decimals = number.substr(point + 1);
    std::uint64_t fraction = 0;
    if (!parse_digits(decimals, fraction)) return refuse();
    std::uint64_t scale = 1;
    for (std::size_t i = 0; i < decimals.size(); ++i) scale *= 10;
    share = {.numerator = whole * scale + fraction, .denominator = share.denominator * scale};
  }
  if (share.numerator > share.denominator) return refuse();
  return share;
}

}  // namespace valence::alert
