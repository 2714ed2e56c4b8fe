#include "valence/cli/eval_suspects.h"

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <vector>

#include "valence/cli/data_options.h"
#include "valence/data/record.h"

namespace valence::cli {
namespace {

Result<data::OutputFormat> format_of(const std::string& path) {
  return data_output_format({.output = path, .format = {}}, data::InputFormat::kCsv);
}

}  // namespace

Status check_label_errors_file(const std::string& path) {
  VALENCE_TRY(const auto format, format_of(path));
  static_cast<void>(format);
  return {};
}

Status write_label_errors(const EvalFindings& findings, const std::string& path) {
  const std::atomic<bool> never = false;
  VALENCE_TRY(const auto format, format_of(path));
  const auto columns = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"place", "label", "suggested", "margin", "confident", "text"});
  VALENCE_TRY(const auto file, open_data_output(path, never));
  VALENCE_TRY(const auto writer, data_writer(format, *columns, *file, path));
  for (const eval::LabelSuspect& suspect : findings.evaluation.suspects) {
    data::Fields fields(columns);
    fields.add_cell(findings.rows.places[suspect.row]);
    fields.add_cell(truth_of(findings.rows, suspect.row));
    fields.add_cell(findings.rows.labels[static_cast<std::size_t>(suspect.suggested)]);
    fields.add_cell(fmt::format("{:.6f}", suspect.margin));
    fields.add_cell(suspect.is_confident ? "yes" : "no");
    fields.add_cell(findings.rows.texts[suspect.row]);
    VALENCE_TRY_STATUS(writer->write({.carried = &fields}));
  }
  VALENCE_TRY_STATUS(writer->finish());
  return file->commit();
}

}  // namespace valence::cli
