#include "valence/hub/model_card.h"

#include <algorithm>
#include <optional>

namespace valence::hub {
namespace {

constexpr std::size_t kMaxEntries = 200;
constexpr std::size_t kMaxValueBytes = 2000;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view unquoted(std::string_view text) {
  text = trimmed(text);
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// Takes the first line off `text`.
std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

void add_item(std::string& value, std::string_view item) {
  item = unquoted(item);
  if (item.empty() || value.size() > kMaxValueBytes) return;
  if (!value.empty()) value += ", ";
  value += item.substr(0, kMaxValueBytes);
}

/// "[a, b]" as "a, b"; anything else as it is. Markers of a text over several lines stand for nothing by themselves.
std::string first_value(std::string_view text) {
  text = trimmed(text);
  std::string value;
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    for (;;) {
      const auto comma = text.find(',');
      add_item(value, text.substr(0, comma));
      if (comma == text.npos) return value;
      text.remove_prefix(comma + 1);
    }
  }
  if (text != "|" && text != ">" && text != "|-" && text != ">-") add_item(value, text);
  return value;
}

/// The text between "---" and "---", and what follows; nothing when there is no such front matter.
std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (trimmed(next_line(text)) != "---") return std::nullopt;
  const std::string_view all = text;
  while (!text.empty()) {
    const auto begin = static_cast<std::size_t>(text.data() - all.data());
    if (trimmed(next_line(text)) == "---") return std::pair(all.substr(0, begin), text);
  }
  return std::nullopt;
}

}  // namespace

ModelCard parse_model_card(std::string_view text) {
  ModelCard card{.front_matter = {}, .body = text};
  const auto parts = split(text);
  if (!parts) return card;
  auto [yaml, body] = *parts;
  card.body = body;
  bool takes_items = false;  // the last key had no value on its line
  while (!yaml.empty()) {
    const std::string_view line = next_line(yaml);
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#') continue;
    const bool is_item = content.starts_with("- ");
    if (is_item || line.front() == ' ' || line.front() == '\t') {
      // "- name: x" begins a mapping: nothing of such a key is shown.
      takes_items = takes_items && is_item && content.find(": ") == content.npos && !content.ends_with(':');
      if (takes_items) add_item(card.front_matter.back().second, content.substr(2));
      continue;
    }
    const auto colon = content.find(':');
    if (colon == content.npos || card.front_matter.size() >= kMaxEntries) {
      takes_items = false;
      continue;
    }
    card.front_matter.emplace_back(unquoted(content.substr(0, colon)), first_value(content.substr(colon + 1)));
    takes_items = card.front_matter.back().second.empty();
  }
  std::erase_if(card.front_matter, [](const auto& entry) { return entry.second.empty(); });
  return card;
}

}  // namespace valence::hub
