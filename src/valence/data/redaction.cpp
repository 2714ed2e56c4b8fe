#include "valence/data/redaction.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "valence/data/missing_value.h"

namespace valence::data {
namespace {

constexpr std::array<std::string_view, kPersonalDataKinds> kNames = {"url",  "email", "handle", "iban",
                                                                     "card", "ip",    "phone"};
constexpr std::array<std::string_view, kPersonalDataKinds> kStandIns = {"http",   "[EMAIL]", "@user",  "[IBAN]",
                                                                        "[CARD]", "[IP]",    "[PHONE]"};

constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321, 4.5.3.1.1
constexpr std::size_t kMaxHandle = 30;
constexpr std::size_t kMaxIban = 34;
constexpr std::size_t kMaxPhoneDigits = 15;  // ITU-T E.164

/// Lengths of the SWIFT IBAN registry.
constexpr std::array<std::pair<std::string_view, std::size_t>, 79> kIbanLengths = {
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
     {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DK", 18}, {"DO", 28},
     {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23},
     {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
     {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
     {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30},
     {"NL", 18}, {"NO", 15}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
     {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25}, {"SV", 28},
     {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
/// Letters of other scripts count: a word goes on there.
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || static_cast<signed char>(c) < 0; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

char at_or_nul(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }
char before_or_nul(std::string_view text, std::size_t at) { return at > 0 ? text[at - 1] : '\0'; }

using Spans = std::vector<PersonalDataSpan>;

void find_urls(std::string_view text, Spans& spans) {
  // Looked for again only once passed: linear whatever the text is made of.
  auto colon = text.find("://");
  auto www = text.find('.');
  for (std::size_t at = 0; at < text.size();) {
    if (colon != std::string_view::npos && colon < at) colon = text.find("://", at);
    if (www != std::string_view::npos && www < at) www = text.find('.', at);
    if (colon == std::string_view::npos && www == std::string_view::npos) return;
    std::size_t begin = std::string_view::npos;
    if (colon != std::string_view::npos && colon <= www) {
      begin = colon;
      while (begin > at && is_letter(text[begin - 1])) --begin;
      const std::string scheme = ascii_lowercase(text.substr(begin, colon - begin));
      if (scheme != "http" && scheme != "https" && scheme != "ftp") begin = std::string_view::npos;
    } else if (www >= at + 3 && ascii_lowercase(text.substr(www - 3, 3)) == "www" &&
               is_letter(at_or_nul(text, www + 1)) && !is_word(before_or_nul(text, www - 3))) {
      begin = www - 3;
    }
    if (begin == std::string_view::npos) {
      at = std::min(colon, www) + 1;
      continue;
    }
    std::size_t end = begin;
    while (end < text.size() && !is_blank(text[end]) && text[end] != '<' && text[end] != '>' && text[end] != '"') ++end;
    while (end > begin && std::string_view(".,;:!?)'").find(text[end - 1]) != std::string_view::npos) --end;
    spans.push_back({PersonalData::kUrl, begin, end});
    at = end;
  }
}

bool is_local_part(char c) { return is_letter(c) || is_digit(c) || std::string_view("._%+-").find(c) < 5; }

/// The end of a domain with a dot and a top-level name of letters at `at`; `at` if there is none.
std::size_t end_of_domain(std::string_view text, std::size_t at) {
  std::size_t end = at;
  std::size_t last_dot = 0;
  std::size_t best = at;
  while (end < text.size() && (is_letter(text[end]) || is_digit(text[end]) || text[end] == '-' || text[end] == '.')) {
    if (text[end] == '.') {
      if (end == at || text[end - 1] == '.') break;
      last_dot = end;
    } else if (last_dot > 0 && end - last_dot >= 2 && is_letter(text[end]) && is_letter(text[end - 1])) {
      best = end + 1;
    }
    ++end;
  }
  return best;
}

void find_emails_and_handles(std::string_view text, const PersonalDataKinds& wanted, Spans& spans) {
  const auto wants = [&](PersonalData kind) { return wanted[static_cast<std::size_t>(kind)]; };
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && at - begin < kMaxLocalPart && is_local_part(text[begin - 1])) --begin;
    const std::size_t domain_end = begin < at ? end_of_domain(text, at + 1) : at + 1;
    if (domain_end > at + 1) {
      if (wants(PersonalData::kEmail)) spans.push_back({PersonalData::kEmail, begin, domain_end});
      continue;
    }
    if (!wants(PersonalData::kHandle) || is_word(before_or_nul(text, at))) continue;
    std::size_t end = at + 1;
    while (end < text.size() && (is_letter(text[end]) || is_digit(text[end]) || text[end] == '_')) ++end;
    if (end > at + 1 && end - at - 1 <= kMaxHandle) spans.push_back({PersonalData::kHandle, at, end});
  }
}

/// Letters count from 10 as ISO 7064 has it; the first four characters go to the end.
bool has_iban_checksum(std::string_view iban) {
  unsigned remainder = 0;
  const auto take = [&remainder](char c) {
    remainder = is_digit(c) ? (remainder * 10 + static_cast<unsigned>(c - '0')) % 97
                            : (remainder * 100 + static_cast<unsigned>(c - 'A') + 10) % 97;
  };
  for (const char c : iban.substr(4)) take(c);
  for (const char c : iban.substr(0, 4)) take(c);
  return remainder == 1;
}

void find_ibans(std::string_view text, Spans& spans) {
  for (std::size_t at = 0; at + 4 < text.size(); ++at) {
    const bool may_begin = is_upper(text[at]) && is_upper(text[at + 1]) && is_digit(text[at + 2]) &&
                           is_digit(text[at + 3]) && !is_word(before_or_nul(text, at));
    if (!may_begin) continue;
    const auto* const country =
        std::ranges::find(kIbanLengths, text.substr(at, 2), &std::pair<std::string_view, std::size_t>::first);
    if (country == kIbanLengths.end()) continue;
    std::string iban;
    std::size_t end = at;
    while (end < text.size() && iban.size() < std::min(country->second, kMaxIban)) {
      if (is_digit(text[end]) || is_upper(text[end])) {
        iban += text[end];
      } else if (text[end] != ' ' || at_or_nul(text, end + 1) == ' ') {
        break;
      }
      ++end;
    }
    if (iban.size() != country->second || is_word(at_or_nul(text, end)) || !has_iban_checksum(iban)) continue;
    spans.push_back({PersonalData::kIban, at, end});
    at = end;
  }
}

/// Source: ISO/IEC 7812-1, annex B.
bool passes_luhn(std::string_view digits) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    auto digit = static_cast<unsigned>(digits[digits.size() - 1 - i] - '0');
    if (i % 2 == 1) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
  }
  return sum % 10 == 0;
}

/// Digits with single separators in between, as they stand: "+49 (0)30 123-456".
struct DigitRun {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string digits;
  std::vector<std::size_t> groups;  // digits in each
  bool has_plus = false;
  bool only_card_separators = true;  // spaces and hyphens
};

DigitRun digit_run_at(std::string_view text, std::size_t at) {
  DigitRun run;
  run.begin = at;
  run.has_plus = text[at] == '+';
  std::size_t position = at + (run.has_plus ? 1 : 0);
  bool separated = true;
  run.end = position;
  while (position < text.size()) {
    const char c = text[position];
    if (is_digit(c)) {
      if (separated) run.groups.push_back(0);
      separated = false;
      ++run.groups.back();
      run.digits += c;
      run.end = ++position;
      continue;
    }
    const bool is_separator = c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/';
    // ") " and "-(" are two, more are no number any more.
    if (!is_separator || position - run.end >= 2) break;
    if (c == '.' || c == '(' || c == ')' || c == '/') {
      const bool goes_on = is_digit(at_or_nul(text, position + 1)) || is_digit(at_or_nul(text, position + 2));
      if (!goes_on) break;
      run.only_card_separators = false;
    }
    separated = true;
    ++position;
  }
  return run;
}

bool is_card(const DigitRun& run) {
  const std::size_t size = run.digits.size();
  // Issuers' numbers begin with 2 to 6 (ISO/IEC 7812-1: travel, banking and merchandising).
  return !run.has_plus && run.only_card_separators && size >= 13 && size <= 19 && run.digits[0] >= '2' &&
         run.digits[0] <= '6' && passes_luhn(run.digits);
}

bool is_phone(const DigitRun& run) {
  const std::size_t size = run.digits.size();
  const auto& groups = run.groups;
  if (size > kMaxPhoneDigits) return false;
  if (run.has_plus) return size >= 8;
  if (groups.size() == 1) {
    const bool is_american = size == 10 && run.digits[0] >= '2' && run.digits[3] >= '2';
    return is_american || (size == 11 && (run.digits[0] == '0' || (run.digits[0] == '1' && run.digits[1] >= '2')));
  }
  if (size < 9) return false;
  const bool begins_with_date = groups.size() >= 3 && ((groups[0] == 4 && groups[1] <= 2 && groups[2] <= 2) ||
                                                       (groups[0] <= 2 && groups[1] <= 2 && groups[2] == 4));
  if (begins_with_date) return false;
  const bool is_french = run.digits[0] == '0' && groups.size() == 5 &&
                         std::ranges::all_of(groups, [](std::size_t group) { return group == 2; });
  return is_french || (groups.front() <= 5 && groups.back() >= 3 && groups.back() <= 8 && groups.size() <= 5 &&
                       std::ranges::all_of(groups, [](std::size_t group) { return group <= 8; }));
}

/// Cards and phone numbers: both are runs of digits.
void find_numbers(std::string_view text, const PersonalDataKinds& wanted, Spans& spans) {
  for (std::size_t at = 0; at < text.size();) {
    const bool has_plus = text[at] == '+' && is_digit(at_or_nul(text, at + 1));
    const bool has_bracket = text[at] == '(' && is_digit(at_or_nul(text, at + 1));
    const char before = before_or_nul(text, at);
    if ((!is_digit(text[at]) && !has_plus && !has_bracket) || is_word(before) || before == '+') {
      ++at;
      continue;
    }
    DigitRun run = digit_run_at(text, has_bracket ? at + 1 : at);
    if (has_bracket) run.begin = at;
    if (!is_word(at_or_nul(text, run.end))) {
      if (wanted[static_cast<std::size_t>(PersonalData::kCard)] && is_card(run)) {
        spans.push_back({PersonalData::kCard, run.begin, run.end});
      } else if (wanted[static_cast<std::size_t>(PersonalData::kPhone)] && is_phone(run)) {
        spans.push_back({PersonalData::kPhone, run.begin, run.end});
      }
    }
    at = std::max(run.end, at + 1);
  }
}

bool is_address(const std::string& word) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (word.find(':') != std::string::npos) {
    const bool has_digit = std::ranges::any_of(word, is_digit);
    return has_digit && std::ranges::count(word, ':') >= 2 && ::inet_pton(AF_INET6, word.c_str(), address.data()) == 1;
  }
  return ::inet_pton(AF_INET, word.c_str(), address.data()) == 1;
}

void find_ips(std::string_view text, Spans& spans) {
  const auto belongs = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':';
  };
  for (std::size_t at = 0; at < text.size();) {
    if (!belongs(text[at]) || is_word(before_or_nul(text, at))) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && belongs(text[end])) ++end;
    const bool word_goes_on = is_word(at_or_nul(text, end));
    // "at 10.0.0.1." and "10.0.0.1:8080".
    std::string word(text.substr(at, end - at));
    while (word.ends_with('.') || (word.ends_with(':') && !word.ends_with("::"))) word.pop_back();
    const auto colon = word.find(':');
    if (colon != std::string::npos && word.find('.') < colon && word.find(':', colon + 1) == std::string::npos) {
      word.resize(colon);
    }
    constexpr std::size_t kShortest = 3;
    if (!word_goes_on && word.size() >= kShortest && word.size() < INET6_ADDRSTRLEN && is_address(word)) {
      spans.push_back({PersonalData::kIp, at, at + word.size()});
    }
    at = end;
  }
}

}  // namespace

std::string_view name_of(PersonalData kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<PersonalData> parse_personal_data(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<PersonalData>(found - kNames.begin());
}

std::vector<PersonalDataSpan> find_personal_data(std::string_view text, const PersonalDataKinds& wanted) {
  const auto wants = [&](PersonalData kind) { return wanted[static_cast<std::size_t>(kind)]; };
  Spans spans;
  if (wants(PersonalData::kUrl)) find_urls(text, spans);
  if (wants(PersonalData::kEmail) || wants(PersonalData::kHandle)) find_emails_and_handles(text, wanted, spans);
  if (std::ranges::any_of(text, is_digit)) {
    if (wants(PersonalData::kIban)) find_ibans(text, spans);
    if (wants(PersonalData::kIp)) find_ips(text, spans);
    if (wants(PersonalData::kCard) || wants(PersonalData::kPhone)) find_numbers(text, wanted, spans);
  }
  if (spans.size() < 2) return spans;
  std::ranges::sort(
      spans, [](const auto& a, const auto& b) { return a.begin != b.begin ? a.begin < b.begin : a.kind < b.kind; });
  Spans disjoint;
  for (const PersonalDataSpan& span : spans) {
    if (!disjoint.empty() && span.begin < disjoint.back().end) {
      if (span.kind < disjoint.back().kind) disjoint.back() = span;
      continue;
    }
    disjoint.push_back(span);
  }
  return disjoint;
}

RedactionCounts redact(std::string& text, const PersonalDataKinds& wanted) {
  RedactionCounts counts{};
  const auto spans = find_personal_data(text, wanted);
  if (spans.empty()) return counts;
  std::string out;
  std::size_t copied = 0;
  for (const PersonalDataSpan& span : spans) {
    const std::string_view stand_in = kStandIns[static_cast<std::size_t>(span.kind)];
    out += std::string_view(text).substr(copied, span.begin - copied);
    out += stand_in;
    copied = span.end;
    // What is a stand-in already was redacted before.
    if (std::string_view(text).substr(span.begin, span.end - span.begin) != stand_in) {
      ++counts[static_cast<std::size_t>(span.kind)];
    }
  }
  out += std::string_view(text).substr(copied);
  text = std::move(out);
  return counts;
}

}  // namespace valence::data
