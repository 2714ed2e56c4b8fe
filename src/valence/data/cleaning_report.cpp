#include "valence/data/cleaning_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/data/delimited_writer.h"

namespace valence::data {
namespace {

void append_text(std::string& out, std::string_view text) { append_json_string(out, to_valid_utf8(text)); }

/// What was done to a row that is written.
std::vector<std::string_view> changes_of(const CleanRow& row) {
  std::vector<std::string_view> reasons;
  for (std::size_t trait = 0; trait < kRepairableTraits; ++trait) {
    if (row.traits.has(static_cast<TextTrait>(trait))) reasons.push_back(name_of(static_cast<TextTrait>(trait)));
  }
  for (std::size_t kind = 0; kind < kPersonalDataKinds; ++kind) {
    if (row.redacted[kind] > 0) reasons.push_back(name_of(static_cast<PersonalData>(kind)));
  }
  if (row.label_before) reasons.emplace_back("label");
  return reasons;
}

}  // namespace

CleaningReport::CleaningReport(OutputFormat format, bool has_files, OutputSink& sink)
    : format_(format), has_files_(has_files), sink_(sink) {
  if (format_ == OutputFormat::kJsonl) return;
  std::string header = "line,row,action,reasons,detail\n";
  if (has_files_) header.insert(0, "file,");
  if (format_ == OutputFormat::kTsv) {
    for (char& c : header) c = c == ',' ? '\t' : c;
  }
  sink_.buffer() += header;
  static_cast<void>(sink_.end_record());
}

Status CleaningReport::add(const CleanRow& row) {
  std::vector<std::string_view> reasons;
  std::string_view action = "dropped";
  std::string detail = row.detail;
  if (row.dropped) {
    reasons.push_back(name_of(*row.dropped));
  } else {
    reasons = changes_of(row);
    action = reasons.empty() ? "kept" : "changed";
    if (reasons.empty() && detail.empty()) return {};
    if (row.label_before) {
      detail += fmt::format("{}label {} to {}", detail.empty() ? "" : "; ", in_quotes(to_valid_utf8(*row.label_before)),
                            in_quotes(*row.label));
    }
  }
  if (format_ == OutputFormat::kJsonl) {
    append_object(row, action, reasons, detail);
  } else {
    append_cells(row, action, reasons, detail);
  }
  return sink_.end_record();
}

void CleaningReport::append_cells(const CleanRow& row, std::string_view action,
                                  const std::vector<std::string_view>& reasons, const std::string& detail) {
  const char delimiter = format_ == OutputFormat::kTsv ? '\t' : ',';
  std::string& out = sink_.buffer();
  if (has_files_) {
    append_cell(out, row.input, delimiter);
    out += delimiter;
  }
  out += fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}", delimiter, row.line, row.row, action, fmt::join(reasons, " "));
  append_cell(out, detail, delimiter);
  out += '\n';
}

void CleaningReport::append_object(const CleanRow& row, std::string_view action,
                                   const std::vector<std::string_view>& reasons, const std::string& detail) {
  std::string& out = sink_.buffer();
  out += '{';
  if (has_files_) {
    out += "\"file\": ";
    append_text(out, row.input);
    out += ", ";
  }
  out += fmt::format("\"line\": {}, \"row\": {}, \"action\": \"{}\", \"reasons\": [", row.line, row.row, action);
  for (std::size_t i = 0; i < reasons.size(); ++i) out += fmt::format("{}\"{}\"", i > 0 ? ", " : "", reasons[i]);
  out += ']';
  if (!detail.empty()) {
    out += ", \"detail\": ";
    append_text(out, detail);
  }
  out += "}\n";
}

}  // namespace valence::data
