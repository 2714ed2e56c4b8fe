#include "valence/cli/history_rows.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "valence/base/json.h"
#include "valence/data/delimited_writer.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::array<std::string_view, 17> kColumns{
    "id",          "time",   "stream", "channel",       "subject",        "label",  "score",     "correction", "text",
    "text_sha256", "scores", "model",  "model_version", "config_version", "tokens", "truncated", "metadata"};

std::string digits_of(float score) {
  std::string digits;
  append_json_float(digits, score);
  return digits;
}

void append_delimited(std::string& out, const store::StoredRecord& stored, const HistoryRowOptions& options) {
  const auto& record = stored.record;
  const char delimiter = options.format == data::OutputFormat::kTsv ? '\t' : ',';
  const std::size_t begin = out.size();
  const auto cell = [&](std::string_view text) {
    if (out.size() > begin) out += delimiter;
    append_guarded_cell(out, text, delimiter, options.for_spreadsheet);
  };
  cell(record.id);
  cell(store::rfc3339_ms(record.time_ms));
  cell(record.stream);
  cell(record.channel);
  cell(record.subject);
  cell(record.label);
  // A number is no formula: a guard would make text of it.
  out += delimiter + digits_of(record.score);
  cell(stored.correction);
  cell(record.text);
  cell(stored.text_sha256);
  cell(store::scores_to_json(record.scores));
  cell(record.model);
  cell(record.model_version);
  cell(record.config_version);
  out += fmt::format("{}{}{}{}", delimiter, record.tokens, delimiter, record.truncated);
  cell(record.metadata);
  out += '\n';
}

void append_jsonl(std::string& out, const store::StoredRecord& stored) {
  const auto& record = stored.record;
  const auto text = [&](std::string_view key, std::string_view value) {
    out += fmt::format(", \"{}\": ", key);
    append_json_string(out, value);
  };
  out += "{\"id\": ";
  append_json_string(out, record.id);
  text("time", store::rfc3339_ms(record.time_ms));
  text("stream", record.stream);
  if (!record.channel.empty()) text("channel", record.channel);
  if (!record.subject.empty()) text("subject", record.subject);
  if (!record.text.empty()) text("text", record.text);
  if (!stored.text_sha256.empty()) text("text_sha256", stored.text_sha256);
  text("label", record.label);
  out += ", \"score\": " + digits_of(record.score);
  if (!stored.correction.empty()) text("correction", stored.correction);
  if (!record.scores.empty()) {
    out += ", \"scores\": [";
    for (std::size_t i = 0; i < record.scores.size(); ++i) {
      out += i == 0 ? "{\"label\": " : ", {\"label\": ";
      append_json_string(out, record.scores[i].label);
      out += ", \"score\": " + digits_of(record.scores[i].score) + "}";
    }
    out += ']';
  }
  text("model", record.model);
  text("model_version", record.model_version);
  text("config_version", record.config_version);
  out += fmt::format(", \"tokens\": {}, \"truncated\": {}", record.tokens, record.truncated);
  if (!record.metadata.empty()) {
    // As an object where it is one; what is none is still told.
    const auto object = Json::parse(record.metadata, "metadata");
    if (object) {
      out += ", \"metadata\": " + object->dump();
    } else {
      text("metadata", record.metadata);
    }
  }
  out += "}\n";
}

void append_table_row(std::string& out, const store::StoredRecord& stored, const HistoryRowOptions& options) {
  const auto& record = stored.record;
  constexpr std::size_t kStreamColumns = 14;
  constexpr std::size_t kLabelColumns = 20;
  const auto padded = [&](std::string_view text, std::size_t columns) {
    std::string shown = data::shown(text, columns, options.unicode);
    const std::size_t width = data::display_width(shown);
    return shown + std::string(columns - std::min(columns, width), ' ');
  };
  const std::string label =
      stored.correction.empty() ? record.label : fmt::format("{} ({})", record.label, stored.correction);
  std::string line = fmt::format("{}  {}  {}  {:.3f}  ", store::rfc3339_ms(record.time_ms).substr(0, 19),
                                 padded(record.stream, kStreamColumns), padded(label, kLabelColumns), record.score);
  const std::size_t used = 19 + 2 + kStreamColumns + 2 + kLabelColumns + 2 + 5 + 2;
  const std::string_view text = record.text.empty() ? "(text not stored)" : std::string_view(record.text);
  line += data::shown(text, options.width > used + 10 ? options.width - used : 10, options.unicode);
  out += line + '\n';
}

}  // namespace

void append_guarded_cell(std::string& out, std::string_view cell, char delimiter, bool guarded) {
  if (guarded && !cell.empty() && std::string_view("=+-@\t\r").find(cell.front()) != std::string_view::npos) {
    data::append_cell(out, fmt::format("'{}", cell), delimiter);
  } else {
    data::append_cell(out, cell, delimiter);
  }
}

std::string history_header(const HistoryRowOptions& options) {
  switch (options.format) {
    case data::OutputFormat::kCsv:
      return fmt::format("{}\n", fmt::join(kColumns, ","));
    case data::OutputFormat::kTsv:
      return fmt::format("{}\n", fmt::join(kColumns, "\t"));
    case data::OutputFormat::kTable:
      return fmt::format("{:<19}  {:<14}  {:<20}  {:<5}  {}\n", "time (UTC)", "stream", "label", "score", "text");
    case data::OutputFormat::kJsonl:
    case data::OutputFormat::kJson:
      break;
  }
  return {};
}

void append_history_row(std::string& out, const store::StoredRecord& stored, const HistoryRowOptions& options) {
  const std::size_t begin = out.size();
  switch (options.format) {
    case data::OutputFormat::kCsv:
    case data::OutputFormat::kTsv:
      append_delimited(out, stored, options);
      break;
    case data::OutputFormat::kTable:
      append_table_row(out, stored, options);
      return;
    case data::OutputFormat::kJsonl:
    case data::OutputFormat::kJson:
      append_jsonl(out, stored);
      if (options.to_terminal) data::escape_for_terminal(out, begin);
      return;
  }
  if (options.to_terminal) {
    const std::string line = out.substr(begin);
    out.resize(begin);
    data::append_visible(out, line, data::LineEnds::kKeep);
  }
}

}  // namespace valence::cli
