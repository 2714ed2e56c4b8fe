/// \file
/// Personal data in texts, and texts without it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace valence::data {

enum class PersonalData : std::uint8_t {
  kUrl,     ///< http://, https://, ftp:// and www. up to white space
  kEmail,   ///< local part, @, a domain with a dot
  kHandle,  ///< @ and 1 to 30 letters, digits or underscores, at the beginning of a word
  kIban,    ///< a country's code and length, and the check digits are right (ISO 13616); spaces in it are allowed
  kCard,    ///< 13 to 19 digits that pass Luhn's check, with single spaces or hyphens in between
  kIp,      ///< IPv4 with four parts up to 255, IPv6 as inet_pton takes it
  kPhone,   ///< + and 8 to 15 digits, 9 to 15 digits in groups, or 10 and 11 digits as North America and Britain dial
};
inline constexpr std::size_t kPersonalDataKinds = 7;

/// "url", "email", "handle", "iban", "card", "ip", "phone".
[[nodiscard]] std::string_view name_of(PersonalData kind);
[[nodiscard]] std::optional<PersonalData> parse_personal_data(std::string_view name);

struct PersonalDataSpan {
  PersonalData kind;
  std::size_t begin;  ///< bytes [begin, end) of the text
  std::size_t end;
};

/// Which kinds are looked for.
using PersonalDataKinds = std::array<bool, kPersonalDataKinds>;

/// Spans of the kinds that are wanted, from left to right, none overlapping: where two do, the kind that comes first in
/// PersonalData wins. A heuristic: what it finds is mostly what it says, and it does not find everything. Linear.
/// `text` must be valid UTF-8.
[[nodiscard]] std::vector<PersonalDataSpan> find_personal_data(std::string_view text, const PersonalDataKinds& wanted);

/// How often each kind was replaced.
using RedactionCounts = std::array<std::uint32_t, kPersonalDataKinds>;

/// Puts [EMAIL], [PHONE], [CARD], [IBAN], [IP] in place of what find_personal_data finds, "@user" for a handle and
/// "http" for a URL: tweet models were trained on those two (Barbieri et al., "TweetEval", 2020).
RedactionCounts redact(std::string& text, const PersonalDataKinds& wanted);

}  // namespace valence::data
