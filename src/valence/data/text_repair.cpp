#include "valence/data/text_repair.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "valence/base/utf8.h"
#include "valence/data/escape_sequences.h"
#include "valence/data/html_text.h"
#include "valence/data/mojibake.h"

namespace valence::data {
namespace {

constexpr std::array<std::string_view, kTextTraits> kNames = {
    "mojibake", "escapes",    "doubled_quotes", "html",       "control", "invisible",
    "not_nfc",  "whitespace", "replacement",    "line_break", "emoji",   "non_ascii"};

// Below it every text is in form C: no combining mark, nothing that composes.
constexpr char32_t kFirstCombining = 0x0300;

/// What one look at the bytes says about which repairs can have anything to do.
struct Glance {
  bool has_high = false;  // a byte above 0x7F
  bool has_backslash = false;
  bool has_quote = false;
  bool has_markup = false;     // & or <
  bool has_control = false;    // a C0 control or DEL, tab and line ends left out
  bool has_odd_space = false;  // at an end, in a row, a tab or a CR, empty lines
  bool has_line_break = false;
};

enum ByteClass : std::uint8_t {
  kPlain = 0,
  kHigh = 1,
  kBackslash = 2,
  kQuote = 4,
  kMarkup = 8,
  kControl = 16,
  kTab = 32,
  kBreak = 64,
  kSpace = 128
};

constexpr std::array<std::uint8_t, 256> byte_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t byte = 0; byte < 256; ++byte) classes[byte] = byte >= 0x80 ? kHigh : byte < 0x20 ? kControl : kPlain;
  classes[0x7F] = kControl;
  classes['\\'] = kBackslash;
  classes['"'] = kQuote;
  classes['&'] = classes['<'] = kMarkup;
  classes['\t'] = classes['\v'] = classes['\f'] = kTab;
  classes['\r'] = classes['\n'] = kBreak;
  classes[' '] = kSpace;
  return classes;
}
constexpr auto kByteClasses = byte_classes();

Glance glance_at(std::string_view text) {
  unsigned seen = 0;
  unsigned before = kSpace;  // as if: a space at the front is odd
  bool doubled = false;
  for (const char c : text) {
    const unsigned now = kByteClasses[static_cast<unsigned char>(c)];
    seen |= now;
    doubled |= (now & kSpace) != 0 && (before & (kSpace | kBreak)) != 0;
    doubled |= (now & kBreak) != 0 && (before & (kSpace | kBreak)) != 0;
    before = now;
  }
  Glance glance;
  glance.has_high = (seen & kHigh) != 0;
  glance.has_backslash = (seen & kBackslash) != 0;
  glance.has_quote = (seen & kQuote) != 0;
  glance.has_markup = (seen & kMarkup) != 0;
  glance.has_control = (seen & kControl) != 0;
  glance.has_line_break = (seen & kBreak) != 0;
  glance.has_odd_space = doubled || (seen & kTab) != 0 || (!text.empty() && (before & (kSpace | kBreak)) != 0) ||
                         text.find('\r') != std::string_view::npos;
  return glance;
}

bool is_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0x85) return false;
  return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

bool is_invisible(char32_t c) {
  return c == 0x00AD || c == 0x200B || c == 0x200E || c == 0x200F || c == 0x2060 || c == 0xFEFF || c == 0x061C ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool is_joiner(char32_t c) { return c == 0x200C || c == 0x200D; }

bool is_line_end(char32_t c) { return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029; }

bool is_space(char32_t c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Copies the characters that `keep(character, offset, size)` wants.
template <class Keep>
std::string filtered(std::string_view text, Keep keep) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text, at);
    if (keep(c.value, at, c.size_bytes)) out += text.substr(at, c.size_bytes);
    at += c.size_bytes;
  }
  return out;
}

bool is_ascii_at(std::string_view text, std::size_t at) {
  return at >= text.size() || static_cast<signed char>(text[at]) >= 0;
}

std::string without_invisible(std::string_view text) {
  return filtered(text, [text](char32_t c, std::size_t at, std::size_t size) {
    // Joiners hold emoji and letters of other scripts together; among ASCII they are leftovers.
    if (is_joiner(c)) return at > 0 && !is_ascii_at(text, at - 1) && !is_ascii_at(text, at + size);
    return !is_invisible(c);
  });
}

std::string without_control(std::string_view text) {
  return filtered(text, [](char32_t c, std::size_t, std::size_t) { return !is_control(c); });
}

/// Lines without space at their ends, single spaces in them, at most one empty line between two, none at the ends.
std::string with_plain_whitespace(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool space_due = false;
  std::size_t breaks_due = 0;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text, at);
    if (is_line_end(c.value)) {
      const bool is_crlf = c.value == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
      if (is_crlf) ++at;
      ++breaks_due;
    } else if (is_space(c.value)) {
      space_due = true;
    } else {
      if (!out.empty()) {
        if (breaks_due > 0) {
          out.append(std::min<std::size_t>(breaks_due, 2), '\n');
        } else if (space_due) {
          out += ' ';
        }
      }
      space_due = false;
      breaks_due = 0;
      out += text.substr(at, c.size_bytes);
    }
    at += c.size_bytes;
  }
  return out;
}

struct Freed {
  void operator()(utf8proc_uint8_t* bytes) const { std::free(bytes); }
};

/// False when `text` is in form C already, or utf8proc finds no memory.
bool compose(std::string& text) {
  bool may_change = false;
  for (std::size_t at = 0; at < text.size() && !may_change;) {
    const DecodedCodePoint c = decode_utf8(text, at);
    may_change = c.value >= kFirstCombining;
    at += c.size_bytes;
  }
  if (!may_change) return false;
  utf8proc_uint8_t* raw = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &raw, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, Freed> composed(raw);
  if (size < 0) return false;
  const std::string_view view(reinterpret_cast<const char*>(composed.get()), static_cast<std::size_t>(size));
  if (view == text) return false;
  text = view;
  return true;
}

void halve_quotes(std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    out += text[at];
    if (text[at] == '"') ++at;
  }
  text = std::move(out);
}

/// What is only told.
void observe(std::string_view text, const Glance& glance, TextTraits& found) {
  if (glance.has_line_break) found.add(TextTrait::kLineBreak);
  if (!glance.has_high) return;
  found.add(TextTrait::kNonAscii);
  if (text.find("\xEF\xBF\xBD") != std::string_view::npos) found.add(TextTrait::kReplacement);
  for (auto at = text.find('\xF0'); at != std::string_view::npos; at = text.find('\xF0', at + 1)) {
    const char32_t c = decode_utf8(text, at).value;
    if (c >= 0x1F000 && c <= 0x1FBFF) {
      found.add(TextTrait::kEmoji);
      return;
    }
  }
}

}  // namespace

std::string_view name_of(TextTrait trait) { return kNames[static_cast<std::size_t>(trait)]; }

std::optional<TextTrait> parse_text_trait(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<TextTrait>(found - kNames.begin());
}

TextTraits repair_text(std::string& text, TextTraits wanted) {
  Glance glance = glance_at(text);
  TextTraits found;
  observe(text, glance, found);
  std::string repaired;
  // Takes `repaired` over where `changed` says that it differs.
  const auto take = [&](TextTrait trait, bool changed) {
    if (changed) {
      found.add(trait);
      text.swap(repaired);
    }
    repaired.clear();
    return changed;
  };
  const auto replace = [&](TextTrait trait, std::string now) {
    repaired = std::move(now);
    return take(trait, repaired != text);
  };
  bool changed = false;
  if (glance.has_high && wanted.has(TextTrait::kMojibake)) {
    changed |= take(TextTrait::kMojibake, append_without_mojibake(repaired, text));
  }
  if (glance.has_backslash && wanted.has(TextTrait::kEscapes)) {
    changed |= take(TextTrait::kEscapes, append_with_escapes_decoded(repaired, text));
  }
  if (glance.has_quote && wanted.has(TextTrait::kDoubledQuotes) && has_only_doubled_quotes(text)) {
    halve_quotes(text);
    found.add(TextTrait::kDoubledQuotes);
    changed = true;
  }
  if (glance.has_markup && wanted.has(TextTrait::kHtml)) {
    const bool had_tags = append_without_tags(repaired, text);
    std::string decoded;
    const bool had_references = append_with_references_decoded(decoded, repaired);
    repaired = std::move(decoded);
    changed |= take(TextTrait::kHtml, had_tags || had_references);
  }
  if (changed) glance = glance_at(text);
  if ((glance.has_control || glance.has_high) && wanted.has(TextTrait::kControl)) {
    replace(TextTrait::kControl, without_control(text));
  }
  if (glance.has_high && wanted.has(TextTrait::kInvisible)) replace(TextTrait::kInvisible, without_invisible(text));
  if (glance.has_high && wanted.has(TextTrait::kNotNfc) && compose(text)) found.add(TextTrait::kNotNfc);
  if ((glance.has_odd_space || glance.has_high || glance.has_control) && wanted.has(TextTrait::kWhitespace)) {
    replace(TextTrait::kWhitespace, with_plain_whitespace(text));
  }
  return found;
}

}  // namespace valence::data
