#include "valence/data/table_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

constexpr std::size_t kLeastLabelWidth = 8;
constexpr std::size_t kMostLabelWidth = 28;
constexpr std::size_t kScoreWidth = 6;
constexpr std::size_t kBarCells = 10;
constexpr std::size_t kLeastTextWidth = 20;
constexpr std::string_view kTruncatedMark = " [truncated]";

std::size_t label_width_for(const OutputSchema& schema) {
  std::size_t width = kLeastLabelWidth;
  for (const auto& label : schema.labels) width = std::max(width, display_width(shown(label, kMostLabelWidth)));
  return std::min(width, kMostLabelWidth);
}

}  // namespace

TableWriter::TableWriter(const OutputSchema& schema, OutputSink& sink, const WriterOptions& options)
    : sink_(sink),
      label_width_(label_width_for(schema)),
      width_(options.table_width),
      unicode_(options.table_unicode),
      has_entities_(schema.has_entities),
      has_header_(options.appending) {}

std::string TableWriter::score_and_bar(float score) const {
  std::string out = fmt::format("{:>{}.3f}", score, kScoreWidth);
  if (!std::isfinite(score) || score < 0.0F || score > 1.0F) return out;  // a logit: no bar says it
  const auto eighths = static_cast<std::size_t>(std::lround(score * (kBarCells * 8)));
  out += ' ';
  if (!unicode_) {
    out.append(eighths / 8, '#');
    out.append(kBarCells - eighths / 8, ' ');
    return out;
  }
  static constexpr std::array<std::string_view, 8> kParts = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  for (std::size_t cell = 0; cell < kBarCells; ++cell) {
    out += eighths >= 8 * (cell + 1) ? "█" : kParts[eighths > 8 * cell ? eighths - 8 * cell : 0];
  }
  return out;
}

void TableWriter::append_line(std::string_view label, std::string_view score_and_bar, std::string_view text,
                              bool is_truncated) {
  constexpr std::size_t kNumberWidth = kScoreWidth + 1 + kBarCells;
  const std::size_t before_text = label_width_ + 2 + kNumberWidth + 2;
  std::size_t text_width = std::max(width_, before_text + kLeastTextWidth) - before_text;
  if (is_truncated) text_width -= std::min(text_width, kTruncatedMark.size());
  std::string line = shown(label, label_width_, unicode_);
  line.append(label_width_ + 2 - display_width(line), ' ');
  line += score_and_bar;
  if (!text.empty()) {
    const std::size_t number_width = std::min(display_width(score_and_bar), kNumberWidth);
    line.append(kNumberWidth + 2 - number_width, ' ');
    line += shown(text, text_width, unicode_);
    if (is_truncated) line += kTruncatedMark;
  }
  line.resize(line.find_last_not_of(' ') + 1);
  line += '\n';
  sink_.buffer() += line;
}

Status TableWriter::write(const ResultRowView& row) {
  if (!has_header_) append_line("label", " score", "text", false);
  has_header_ = true;
  if (has_entities_ && row.error.empty()) {
    append_line("", "", row.text, row.truncated);
    for (const EntityView& entity : row.entities) {
      append_line(entity.label, score_and_bar(entity.score), entity.word, false);
    }
    return sink_.end_record();
  }
  if (!row.error.empty() || !row.best) {
    append_line("error", "", row.error, false);
    return sink_.end_record();
  }
  append_line(row.best->label, score_and_bar(row.best->score), row.text, row.truncated);
  // scores[0] is the best one, which has its line.
  for (std::size_t i = 1; i < row.scores.size(); ++i) {
    append_line(row.scores[i].label, score_and_bar(row.scores[i].score), "", false);
  }
  return sink_.end_record();
}

}  // namespace valence::data
