#include "valence/cli/html_text.h"

#include "valence/data/shown_text.h"

namespace valence::cli {

void append_html(std::string& out, std::string_view text) {
  std::string visible;
  data::append_visible(visible, text, data::LineEnds::kVisible);
  for (const char c : visible) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

std::string html_escaped(std::string_view text) {
  std::string escaped;
  append_html(escaped, text);
  return escaped;
}

}  // namespace valence::cli
