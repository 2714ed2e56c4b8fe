#include "valence/alert/slack_message.h"

#include <fmt/format.h>

#include <vector>

#include "valence/alert/json_string.h"
#include "valence/base/time_text.h"

namespace valence::alert {
namespace {

constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

/// At most `max_chars` characters; an entity is not cut in two.
std::string shortened(std::string text, std::size_t max_chars) {
  std::size_t chars = 0;
  std::size_t keep = 0;  // bytes of the first max_chars - 1 characters
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80U) continue;
    if (chars + 1 == max_chars) keep = i;
    ++chars;
  }
  if (chars <= max_chars) return text;
  text.resize(keep);
  if (const auto entity = text.rfind('&'); entity != text.npos && text.find(';', entity) == text.npos)
    text.resize(entity);
  return text.append(kEllipsis);
}

std::string header_block(const std::string& text) {
  return fmt::format(R"({{"type":"header","text":{{"type":"plain_text","text":{}}}}})",
                     json_string(shortened(text, kMaxSlackHeader)));
}

std::string section_block(const std::string& markdown) {
  return fmt::format(R"({{"type":"section","text":{{"type":"mrkdwn","text":{}}}}})",
                     json_string(shortened(markdown, kMaxSlackSection)));
}

std::string context_block(const std::string& markdown) {
  return fmt::format(R"({{"type":"context","elements":[{{"type":"mrkdwn","text":{}}}]}})",
                     json_string(shortened(markdown, kMaxSlackSection)));
}

std::string section_of(const AlertItem& item) {
  const auto [count, hits] = item.reading.window;
  std::string detail = item.detail();
  const std::string numbers = fmt::format("{} of {}", hits, count);
  if (detail.starts_with(numbers)) detail = fmt::format("*{}*{}", numbers, detail.substr(numbers.size()));
  std::string text = fmt::format("{}\n{}", slack_escaped(item.headline()), slack_escaped(detail));
  for (const std::string& example : item.examples) {
    std::string line = slack_escaped(example);
    for (char& c : line) c = c == '\n' ? ' ' : c;
    text += "\n> " + line;
  }
  return text;
}

std::string context_of(const AlertItem& item, const std::string& id) {
  std::string text = fmt::format("stream {}", slack_escaped(item.stream));
  if (!item.channel.empty()) text += fmt::format(" \u00b7 channel {}", slack_escaped(item.channel));
  text += fmt::format(" \u00b7 rule {} \u00b7 since {}", slack_escaped(item.rule.name), utc_text(item.since_ms));
  if (!item.firing) text += fmt::format(" \u00b7 ended {}", utc_text(item.ended_ms));
  return text + fmt::format(" \u00b7 {}", id);
}

std::string title_of(const Notification& notification) {
  if (!notification.is_firing()) return "Resolved: feedback is back to usual";
  const AlertItem& first = notification.items.front();
  std::string title;
  for (const std::string& label : first.rule.labels) title += (title.empty() ? "" : " or ") + label;
  title += first.rule.kind == RuleKind::kChange ? " feedback has changed" : " feedback is up";
  if (title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 32);
  if (notification.is_repeat) title = "Still: " + title;
  return title;
}

}  // namespace

std::string slack_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
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
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string slack_body(const Notification& notification) {
  std::vector<std::string> blocks{header_block(title_of(notification))};
  std::string summary;
  for (const AlertItem& item : notification.items) {
    if (!summary.empty()) summary += '\n';
    summary += slack_escaped(item.headline());
    if (blocks.size() + 3 > kMaxSlackBlocks) continue;
    blocks.push_back(section_block(section_of(item)));
    blocks.push_back(context_block(context_of(item, notification.id)));
  }
  if (notification.more > 0) blocks.push_back(context_block(fmt::format("+{} more", notification.more)));
  std::string body = fmt::format(R"({{"text":{},"blocks":[)", json_string(shortened(summary, kMaxSlackSection)));
  for (std::size_t i = 0; i < blocks.size(); ++i) body += (i == 0 ? "" : ",") + blocks[i];
  return body + R"(],"unfurl_links":false,"unfurl_media":false})";
}

}  // namespace valence::alert
