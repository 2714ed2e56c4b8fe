#include "valence/data/html_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "valence/base/utf8.h"
#include "valence/data/encoding.h"
#include "valence/data/missing_value.h"

namespace valence::data {
namespace {

constexpr std::size_t kMaxTagBytes = 2000;
constexpr std::size_t kMaxReferenceBytes = 12;  // "&thetasym;" is the longest name, "&#x10FFFF;" the longest number

constexpr std::array<std::string_view, 33> kBlockElements = {
    "address", "article", "blockquote", "body", "br",     "center", "dd",  "div",     "dl",     "dt", "footer",
    "form",    "h1",      "h2",         "h3",   "h4",     "h5",     "h6",  "head",    "header", "hr", "html",
    "li",      "main",    "nav",        "ol",   "option", "p",      "pre", "section", "table",  "tr", "ul"};
constexpr std::array<std::string_view, 52> kInlineElements = {
    "a",   "abbr",  "acronym", "audio",    "b",      "big",    "button", "canvas",   "caption", "cite",    "code",
    "col", "del",   "details", "em",       "embed",  "figure", "font",   "i",        "iframe",  "img",     "input",
    "ins", "kbd",   "label",   "legend",   "link",   "mark",   "meta",   "noscript", "object",  "param",   "q",
    "s",   "samp",  "select",  "small",    "source", "span",   "strike", "strong",   "sub",     "summary", "sup",
    "svg", "tbody", "td",      "textarea", "th",     "title",  "tt",     "u"};
constexpr std::array<std::string_view, 2> kElementsWithoutText = {"script", "style"};

constexpr std::array<std::string_view, 96> kLatin1Names = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",   "ordf",
    "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",   "acute",  "micro",
    "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave",
    "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",
    "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",
    "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute",
    "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave",
    "iacute", "icirc",  "iuml",   "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide",
    "oslash", "ugrave", "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

constexpr std::array<std::pair<std::string_view, char32_t>, 60> kNames = {
    {{"amp", U'&'},      {"lt", U'<'},       {"gt", U'>'},       {"quot", U'"'},     {"apos", U'\''},
     {"OElig", 0x0152},  {"oelig", 0x0153},  {"Scaron", 0x0160}, {"scaron", 0x0161}, {"Yuml", 0x0178},
     {"fnof", 0x0192},   {"circ", 0x02C6},   {"tilde", 0x02DC},  {"ensp", 0x2002},   {"emsp", 0x2003},
     {"thinsp", 0x2009}, {"zwnj", 0x200C},   {"zwj", 0x200D},    {"lrm", 0x200E},    {"rlm", 0x200F},
     {"ndash", 0x2013},  {"mdash", 0x2014},  {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201A},
     {"ldquo", 0x201C},  {"rdquo", 0x201D},  {"bdquo", 0x201E},  {"dagger", 0x2020}, {"Dagger", 0x2021},
     {"bull", 0x2022},   {"hellip", 0x2026}, {"permil", 0x2030}, {"prime", 0x2032},  {"Prime", 0x2033},
     {"lsaquo", 0x2039}, {"rsaquo", 0x203A}, {"oline", 0x203E},  {"frasl", 0x2044},  {"euro", 0x20AC},
     {"trade", 0x2122},  {"larr", 0x2190},   {"uarr", 0x2191},   {"rarr", 0x2192},   {"darr", 0x2193},
     {"harr", 0x2194},   {"minus", 0x2212},  {"radic", 0x221A},  {"infin", 0x221E},  {"asymp", 0x2248},
     {"ne", 0x2260},     {"equiv", 0x2261},  {"le", 0x2264},     {"ge", 0x2265},     {"loz", 0x25CA},
     {"spades", 0x2660}, {"clubs", 0x2663},  {"hearts", 0x2665}, {"diams", 0x2666},  {"alpha", 0x03B1}}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Tag {
  std::string name;  // in lower case; "!--" for a comment
  bool closes = false;
  std::size_t size_bytes = 0;
};

/// The tag or comment at the front of `text`, which begins with '<'.
std::optional<Tag> tag_at(std::string_view text) {
  if (text.starts_with("<!--")) {
    const auto end = text.find("-->", 4);
    if (end == std::string_view::npos) return std::nullopt;
    return Tag{.name = "!--", .closes = false, .size_bytes = end + 3};
  }
  std::size_t at = 1;
  const bool closes = at < text.size() && text[at] == '/';
  if (closes) ++at;
  const std::size_t name_begin = at;
  while (at < text.size() && (is_letter(text[at]) || is_digit(text[at]))) ++at;
  if (at == name_begin || !is_letter(text[name_begin]) || at == text.size()) return std::nullopt;
  const char after = text[at];
  if (after != '>' && after != '/' && after != ' ' && after != '\n' && after != '\r' && after != '\t') {
    return std::nullopt;
  }
  const auto end = text.substr(0, kMaxTagBytes).find('>', at);
  // "<b and then another <b": the first is no tag.
  if (end == std::string_view::npos || text.substr(at, end - at).find('<') != std::string_view::npos) {
    return std::nullopt;
  }
  return Tag{
      .name = ascii_lowercase(text.substr(name_begin, at - name_begin)), .closes = closes, .size_bytes = end + 1};
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Where the element `name`, open at the front of `text`, ends behind its closing tag; the end of `text` if it does
/// not.
std::size_t end_of_element(std::string_view text, std::string_view name) {
  for (auto at = text.find("</"); at != std::string_view::npos; at = text.find("</", at + 2)) {
    const auto tag = tag_at(text.substr(at));
    if (tag && tag->closes && tag->name == name) return at + tag->size_bytes;
  }
  return text.size();
}

std::optional<char32_t> named_character(std::string_view name) {
  const auto* const latin1 = std::ranges::find(kLatin1Names, name);
  if (latin1 != kLatin1Names.end()) return static_cast<char32_t>(0xA0 + (latin1 - kLatin1Names.begin()));
  const auto* const other = std::ranges::find(kNames, name, &std::pair<std::string_view, char32_t>::first);
  if (other != kNames.end()) return other->second;
  return std::nullopt;
}

/// `digits` is what stands between "&#" and ";".
std::optional<char32_t> numbered_character(std::string_view digits) {
  const bool is_hex = digits.starts_with('x') || digits.starts_with('X');
  if (is_hex) digits.remove_prefix(1);
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
  if (digits.empty() || failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (number >= 0x80 && number < 0xA0) return windows1252_code_point(static_cast<unsigned char>(number));
  const bool is_text = number != 0 && number <= 0x10FFFF && (number < 0xD800 || number > 0xDFFF);
  return is_text ? std::optional<char32_t>(number) : std::nullopt;
}

}  // namespace

bool append_without_tags(std::string& out, std::string_view text) {
  bool found = false;
  for (auto at = text.find('<'); at != std::string_view::npos; at = text.find('<')) {
    out += text.substr(0, at);
    text.remove_prefix(at);
    const auto tag = tag_at(text);
    const bool is_block = tag && is_one_of(kBlockElements, tag->name);
    const bool is_silent = tag && is_one_of(kElementsWithoutText, tag->name);
    if (!is_block && !is_silent && !(tag && (tag->name == "!--" || is_one_of(kInlineElements, tag->name)))) {
      out += '<';
      text.remove_prefix(1);
      continue;
    }
    found = true;
    text.remove_prefix(tag->size_bytes);
    if (is_silent && !tag->closes) text.remove_prefix(end_of_element(text, tag->name));
    if (is_block) out += '\n';
  }
  out += text;
  return found;
}

bool append_with_references_decoded(std::string& out, std::string_view text) {
  bool found = false;
  for (auto at = text.find('&'); at != std::string_view::npos; at = text.find('&')) {
    out += text.substr(0, at);
    text.remove_prefix(at);
    const auto end = text.substr(0, kMaxReferenceBytes).find(';');
    std::optional<char32_t> character;
    if (end != std::string_view::npos && end > 1) {
      const std::string_view name = text.substr(1, end - 1);
      character = name.front() == '#' ? numbered_character(name.substr(1)) : named_character(name);
    }
    if (!character) {
      out += '&';
      text.remove_prefix(1);
      continue;
    }
    found = true;
    append_utf8(out, *character);
    text.remove_prefix(end + 1);
  }
  out += text;
  return found;
}

}  // namespace valence::data
