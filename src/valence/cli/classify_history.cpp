#include "valence/cli/classify_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "valence/base/time_text.h"
#include "valence/cli/history_options.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/serve_models.h"
#include "valence/data/label_column.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdDigits = 32;  // of a sha256: 128 bits
// What a run is asked to write, and where it finds texts: an answer stays the same.
constexpr std::array<std::string_view, 6> kNotOfAnswers{"--format",      "--top-k",    "--on-error",
                                                        "--text-column", "--encoding", "--input-format"};

std::string column(const data::Fields& fields, std::string_view name) {
  return data::value_of(fields, name).value_or("");
}

}  // namespace

Result<std::unique_ptr<ClassifyHistory>> ClassifyHistory::open(const ClassifyArguments& arguments,
                                                               const ClassifyOptions& options,
                                                               const Classifier& classifier) {
  if (classifier.labels_tokens()) {
    return fail(ErrorCode::kUnsupported, "--history", "the model labels words, and the history holds labels of texts");
  }
  std::unique_ptr<ClassifyHistory> history(new ClassifyHistory);
  VALENCE_TRY(ModelVersion version, model_version(arguments.model, options.classifier));
  std::string config = version.config_sha256;
  for (const auto& [name, value] : settings_of(arguments, options)) {
    const bool matters = std::find(kNotOfAnswers.begin(), kNotOfAnswers.end(), name) == kNotOfAnswers.end();
    if (matters) config += fmt::format("\n{}={}", name, value);
  }
  if (!arguments.adapter.empty()) {
    VALENCE_TRY(const std::string adapter, files_fingerprint(arguments.adapter));
    config += "\n" + adapter;
  }
  config = store::sha256_hex(config);
  history->model_ = arguments.model;
  history->model_version_ = version.weights_sha256.substr(0, ModelVersion::kShort);
  history->config_version_ = config.substr(0, ModelVersion::kShort);
  history->run_ = version.weights_sha256 + config;
  history->labels_ = classifier.labels();
  history->text_ = options.store_text;
  history->stream_ = arguments.stream;
  VALENCE_TRY(history->store_, open_history_at(arguments.history_db, store::HistoryAccess::kKeep));
  return history;
}

Status ClassifyHistory::keep(const std::vector<pipeline::AnsweredRow>& rows) {
  if (rows.empty()) return {};
  std::vector<store::StoredRecord> records;
  records.reserve(rows.size());
  for (const pipeline::AnsweredRow& row : rows) records.push_back(record_of(row));
  if (const auto written = store_->write(records); !written) return fail(written.error().in("history"));
  return {};
}

store::StoredRecord ClassifyHistory::record_of(const pipeline::AnsweredRow& row) {
  const data::Record& from = *row.record;
  pipeline::ClassifiedRecord record;
  record.id = is_file(from.input)
                  ? store::sha256_hex(fmt::format("{}\n{}\n{}\n{}", input_path_, from.line, run_, from.text))
                        .substr(0, kIdDigits)
                  : ids_.next();
  const auto said = valence::parse_time_ms(column(from.carried, "time"));
  record.time_ms = said && *said >= 0 ? *said : clock_.unix_ms();
  record.stream = stream_.empty() ? column(from.carried, "stream") : stream_;
  if (record.stream.empty()) record.stream = "default";
  record.channel = column(from.carried, "channel");
  record.subject = column(from.carried, "subject");
  record.text = from.text;
  record.label = row.label;
  record.score = row.score;
  for (std::size_t i = 0; i < labels_.size(); ++i) record.scores.push_back({labels_[i], row.prediction->scores[i]});
  record.model = model_;
  record.model_version = model_version_;
  record.config_version = config_version_;
  record.tokens = row.prediction->tokens;
  record.truncated = row.prediction->truncated;
  return store::stored_form(record, text_);
}

/// Windows come file by file, so that the last answer nearly always holds.
bool ClassifyHistory::is_file(std::string_view input) {
  if (input == input_) return input_is_file_;
  input_ = input;
  std::error_code failed;
  input_is_file_ = fs::is_regular_file(input_, failed);
  input_path_ = input_is_file_ ? fs::absolute(input_, failed).lexically_normal().string() : "";
  return input_is_file_;
}

}  // namespace valence::cli
