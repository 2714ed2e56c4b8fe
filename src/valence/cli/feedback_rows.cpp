#include "valence/cli/feedback_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "valence/base/json.h"
#include "valence/data/delimited_writer.h"
#include "valence/data/shown_text.h"
#include "valence/store/label_studio.h"

namespace valence::cli {
namespace {

using Cells = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Writes rows of the same named cells as CSV or JSON Lines.
class Rows {
 public:
  explicit Rows(FeedbackFormat format) : csv_(format == FeedbackFormat::kCsv) {}

  void add(const Cells& cells) {
    if (csv_ && text_.empty()) {
      for (const auto& [name, value] : cells) text_ += fmt::format("{}{}", text_.empty() ? "" : ",", name);
      text_ += '\n';
    }
    std::string_view between = csv_ ? "" : "{";
    for (const auto& [name, value] : cells) {
      text_ += between;
      if (csv_) {
        data::append_cell(text_, value, ',');
      } else {
        text_ += fmt::format("\"{}\": ", name);
        append_json_string(text_, value);
      }
      between = csv_ ? "," : ", ";
    }
    text_ += csv_ ? "\n" : "}\n";
  }

  [[nodiscard]] std::string text(bool to_terminal) {
    if (!to_terminal) return std::move(text_);
    std::string visible;
    data::append_visible(visible, text_, data::LineEnds::kKeep);
    return visible;
  }

 private:
  bool csv_;
  std::string text_;
};

std::string padded(std::string_view text, std::size_t columns) {
  const std::string shown = data::shown(text, columns);
  return shown + std::string(columns - std::min(columns, data::display_width(shown)), ' ');
}

std::size_t rest_of(std::size_t width, std::size_t used) { return width > used + 10 ? width - used : 10; }

}  // namespace

std::string feedback_text(std::span<const store::Feedback> items, FeedbackFormat format, std::size_t width,
                          bool to_terminal) {
  if (format == FeedbackFormat::kLabelStudio) return store::label_studio_of(items);
  if (format == FeedbackFormat::kTable) {
    std::string text = fmt::format("{:<19}  {:<12}  {:<12}  text\n", "time (UTC)", "label", "predicted");
    for (const store::Feedback& item : items) {
      text += fmt::format("{}  {}  {}  {}\n", store::rfc3339_ms(item.time_ms).substr(0, 19), padded(item.label, 12),
                          padded(item.predicted, 12), data::shown(item.text, rest_of(width, 49)));
    }
    return text;
  }
  Rows rows(format);
  for (const store::Feedback& item : items) {
    rows.add({{"text", item.text},
              {"label", item.label},
              {"predicted", item.predicted},
              {"stream", item.stream},
              {"channel", item.channel},
              {"note", item.note},
              {"source", item.source},
              {"time", store::rfc3339_ms(item.time_ms)},
              {"model_version", item.model_version},
              {"record_id", item.record_id},
              {"feedback_id", item.id}});
  }
  return rows.text(to_terminal);
}

std::string queue_text(std::span<const store::QueueItem> items, FeedbackFormat format, std::size_t width,
                       bool to_terminal) {
  if (format == FeedbackFormat::kLabelStudio) return store::label_studio_of(items);
  if (format == FeedbackFormat::kTable) {
    std::string text = fmt::format("{:>9}  {:<12}  {:<26}  text\n", "uncertain", "predicted", "id");
    for (const store::QueueItem& item : items) {
      const auto& record = item.record.record;
      text += fmt::format("{:>9.3f}  {}  {}  {}\n", item.uncertainty, padded(record.label, 12), padded(record.id, 26),
                          data::shown(record.text, rest_of(width, 53)));
    }
    return text;
  }
  Rows rows(format);
  for (const store::QueueItem& item : items) {
    const auto& record = item.record.record;
    rows.add({{"text", record.text},
              {"label", ""},
              {"predicted", record.label},
              {"uncertainty", fmt::format("{:.4f}", item.uncertainty)},
              {"stream", record.stream},
              {"channel", record.channel},
              {"record_id", record.id}});
  }
  return rows.text(to_terminal);
}

void keep_latest_of_each_text(std::vector<store::Feedback>& items) {
  std::unordered_set<std::string> seen;
  std::erase_if(items, [&](const store::Feedback& item) { return !seen.insert(item.text).second; });
}

}  // namespace valence::cli
