#include "valence/data/delimited_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/data/json_slice.h"
#include "valence/data/json_writer.h"
#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

/// A JSON value as a cell: what a string says, nothing for null, any other value as it stands.
void append_json_as_cell(std::string& out, std::string_view raw_value) {
  if (raw_value.starts_with('"')) {
    append_json_string_content(out, raw_value);
  } else if (raw_value != "null") {
    out += raw_value;
  }
}

}  // namespace

void append_cell(std::string& out, std::string_view cell, char delimiter) {
  const char special[] = {delimiter, '"', '\r', '\n'};
  const bool needs_quotes = std::any_of(std::begin(special), std::end(special),
                                        [cell](char c) { return cell.find(c) != std::string_view::npos; });
  if (!needs_quotes) {
    out += cell;
    return;
  }
  out += '"';
  for (auto quote = cell.find('"'); quote != std::string_view::npos; quote = cell.find('"')) {
    out += cell.substr(0, quote + 1);
    out += '"';
    cell.remove_prefix(quote + 1);
  }
  out += cell;
  out += '"';
}

DelimitedWriter::DelimitedWriter(OutputSchema schema, OutputSink& sink, const WriterOptions& options, char delimiter)
    : schema_(std::move(schema)), sink_(sink), to_terminal_(options.to_terminal), delimiter_(delimiter) {
  for (std::size_t i = 0; i < schema_.input_columns.size(); ++i) column_of_.emplace(schema_.input_columns[i], i);
  if (!options.appending) append_header();
}

void DelimitedWriter::append(std::string_view cell) {
  if (!to_terminal_) {
    append_cell(sink_.buffer(), cell, delimiter_);
    return;
  }
  std::string visible;
  append_visible(visible, cell, LineEnds::kKeep);
  append_cell(sink_.buffer(), visible, delimiter_);
}

void DelimitedWriter::append_header() {
  const std::vector<std::string_view> names(schema_.input_columns.begin(), schema_.input_columns.end());
  for (const auto name : names) {
    append(schema_.records_only ? std::string(name) : output_name(name, names));
    sink_.buffer() += delimiter_;
  }
  if (schema_.records_only) {
    end_carried();
    static_cast<void>(sink_.end_record());
    return;
  }
  std::vector<std::string_view> result_names = {"label", "score", "truncated", "error"};
  if (schema_.has_entities) {
    result_names = {"entities", "truncated", "error"};
  } else if (schema_.has_scores) {
    result_names.insert(result_names.begin() + 2, "scores");
  }
  for (const auto name : result_names) {
    sink_.buffer() += name;
    sink_.buffer() += name == "error" ? '\n' : delimiter_;
  }
  // The header is the only output of an input without rows. Should a flush fail here, the next one says so again.
  static_cast<void>(sink_.end_record());
}

Status DelimitedWriter::write(const ResultRowView& row) {
  static const Fields kNone;
  const std::string_view lost = append_carried(row.carried == nullptr ? kNone : *row.carried);
  if (schema_.records_only) {
    rows_with_lost_fields_ += lost.empty() ? 0 : 1;
    end_carried();
    return sink_.end_record();
  }
  if (lost.empty()) {
    append_result(row, row.error);
    return sink_.end_record();
  }
  ++rows_with_lost_fields_;
  constexpr std::size_t kShownColumns = 60;
  append_result(row, fmt::format("{}{}field \"{}\" has no column: columns are those of the first object. Use -f jsonl.",
                                 row.error, row.error.empty() ? "" : " ", shown(lost, kShownColumns)));
  return sink_.end_record();
}

std::string_view DelimitedWriter::append_carried(const Fields& carried) {
  const std::size_t column_count = schema_.input_columns.size();
  if (carried.columns() && carried.columns() != same_columns_ && *carried.columns() == schema_.input_columns) {
    same_columns_ = carried.columns();
  }
  if (carried.columns() && carried.columns() == same_columns_) {
    for (std::size_t i = 0; i < column_count; ++i) {
      if (i < carried.size()) append(carried.value(i));  // a ragged row may have fewer
      sink_.buffer() += delimiter_;
    }
    return {};
  }
  std::string_view lost;
  json_cells_.resize(column_count);
  for (auto& cell : json_cells_) cell.clear();
  for (std::size_t i = 0; i < carried.size(); ++i) {
    const auto column = column_of_.find(carried.name(i));
    if (column == column_of_.end()) {
      lost = carried.name(i);
    } else if (carried.kind() == FieldKind::kJson) {
      append_json_as_cell(json_cells_[column->second], carried.value(i));
    } else {
      json_cells_[column->second] = carried.value(i);
    }
  }
  for (const auto& cell : json_cells_) {
    append(cell);
    sink_.buffer() += delimiter_;
  }
  return lost;
}

void DelimitedWriter::end_carried() {
  std::string& out = sink_.buffer();
  if (schema_.input_columns.empty()) {
    out += '\n';
    return;
  }
  // A line with nothing on it is no row to a reader.
  const bool is_blank = schema_.input_columns.size() == 1 && (out.size() == 1 || out[out.size() - 2] == '\n');
  out.pop_back();
  out += is_blank ? "\"\"\n" : "\n";
}

void DelimitedWriter::append_result(const ResultRowView& row, std::string_view error) {
  std::string& out = sink_.buffer();
  if (schema_.has_entities) {
    std::string entities;
    if (row.error.empty()) append_entities_json(entities, row.entities);
    append(entities);
    out += delimiter_;
  } else {
    if (row.best) append(row.best->label);
    out += delimiter_;
    if (row.best) append_json_float(out, row.best->score);
    out += delimiter_;
  }
  if (schema_.has_scores && !schema_.has_entities) {
    std::string scores;
    if (!row.scores.empty()) append_scores_json(scores, row.scores);
    append(scores);
    out += delimiter_;
  }
  out += row.truncated ? "true" : "false";
  out += delimiter_;
  append(error);
  out += '\n';
}

}  // namespace valence::data
