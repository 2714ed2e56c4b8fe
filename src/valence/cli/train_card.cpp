#include "valence/cli/train_card.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <system_error>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"

namespace valence::cli {
namespace {

std::string method_words(const TrainOptions& options) {
  if (options.few_shot) return "few-shot: contrastive tuning, then logistic regression";
  switch (options.training.method) {
    case train::Method::kFull:
      return "full fine-tuning";
    case train::Method::kLora:
      return fmt::format("LoRA, rank {}, alpha {:g}, dropout {:g}", options.training.lora.r,
                         options.training.lora.lora_alpha, options.training.lora.lora_dropout);
    case train::Method::kHead:
      return "the head alone";
  }
  return {};
}

std::string metrics_text(const std::map<std::string, double>& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics) text += fmt::format("{}{} {:.4f}", text.empty() ? "" : ", ", name, value);
  return text;
}

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total;
}

}  // namespace

void describe(const train::BaseModel& base, const train::HeadRequest& head, const TrainOptions& options,
              const TrainReport& report, std::vector<std::string>& notes) {
  if (!base.fresh.empty()) {
    notes.push_back(fmt::format("new parameters, which the base does not have: {}", fmt::join(base.fresh, ", ")));
  }
  std::uint64_t all = 0;
  for (const train::Parameter& parameter : base.parameters.parameters()) all += parameter.size;
  notes.push_back(fmt::format("{}: {} of {} parameters learn; about {} of memory", method_words(options),
                              with_thousands(base.parameters.learning_size()), with_thousands(all),
                              megabytes(report.estimated_bytes)));
  if (head.problem_type != ProblemType::kRegression) {
    std::string line = "labels:";
    constexpr std::size_t kShown = 20;
    for (std::size_t i = 0; i < std::min(kShown, head.labels.size()); ++i) {
      line += fmt::format("{} {} {}", i == 0 ? "" : ",", head.labels[i], with_thousands(report.label_counts[i]));
    }
    if (head.labels.size() > kShown) line += fmt::format(" and {} more", head.labels.size() - kShown);
    notes.push_back(line);
    for (std::size_t i = 0; i < head.labels.size(); ++i) {
      if (report.label_counts[i] < 2) {
        notes.push_back(fmt::format("warning: {} row{} of \"{}\" to learn from", report.label_counts[i],
                                    report.label_counts[i] == 1 ? "" : "s", head.labels[i]));
      }
    }
  }
  if (report.truncated > 0) {
    notes.push_back(fmt::format("{} texts are longer than {} tokens and were cut", with_thousands(report.truncated),
                                options.training.max_length));
  }
}

std::string report_text(const train::BaseModel& base, const TrainArguments& arguments, const TrainOptions& options,
                        const TrainReport& report) {
  std::string text =
      fmt::format("base       {} ({})\nmethod     {}\n", arguments.model, base.spec.model_type, method_words(options));
  if (base.spec.head.problem_type != ProblemType::kRegression) {
    text += fmt::format("labels     {}\n", fmt::join(base.spec.head.labels, ", "));
  }
  text += fmt::format("steps      {} of {}{}\n", with_thousands(static_cast<std::uint64_t>(report.steps)),
                      with_thousands(static_cast<std::uint64_t>(report.total_steps)),
                      report.stopped_early ? ", stopped early" : "");
  if (report.training_seconds > 0) {
    text += fmt::format(
        "time       {} ({} tokens/s while learning)\n", clock_time(std::chrono::duration<double>(report.seconds)),
        with_thousands(static_cast<std::uint64_t>(static_cast<double>(report.tokens) / report.training_seconds)));
  }
  if (!report.best.empty()) text += fmt::format("best       {}\n", metrics_text(report.best));
  if (!report.last.empty()) text += fmt::format("last       {}\n", metrics_text(report.last));
  return text;
}

std::string report_json(const train::BaseModel& base, const TrainArguments& arguments, const TrainOptions& options,
                        const TrainReport& report) {
  JsonText json;
  json.begin_object().key("base").string(arguments.model).key("model_type").string(base.spec.model_type);
  json.key("method").string(options.few_shot ? "few-shot" : arguments.method).key("labels").begin_array();
  for (const std::string& label : base.spec.head.labels) json.string(label);
  json.end_array().key("rows").begin_array();
  for (const std::uint64_t count : report.label_counts) json.integer(static_cast<std::int64_t>(count));
  json.end_array().key("parameters_that_learn").integer(static_cast<std::int64_t>(base.parameters.learning_size()));
  json.key("new_parameters").begin_array();
  for (const std::string& name : base.fresh) json.string(name);
  json.end_array().key("options").begin_object();
  for (const auto& [name, value] : train::fingerprint(options.training)) json.key(name).string(value);
  json.end_object();
  json.key("steps").integer(report.steps).key("total_steps").integer(report.total_steps);
  json.key("stopped_early").boolean(report.stopped_early).key("seconds").number(report.seconds);
  json.key("training_seconds")
      .number(report.training_seconds)
      .key("tokens")
      .integer(static_cast<std::int64_t>(report.tokens));
  const auto add = [&](std::string_view key, const std::map<std::string, double>& metrics) {
    json.key(key).begin_object();
    for (const auto& [name, value] : metrics) json.key(name).number(value);
    json.end_object();
  };
  add("best", report.best);
  add("last", report.last);
  json.end_object();
  return json.text() + "\n";
}

std::string train_card(const train::BaseModel& base, const TrainArguments& arguments, const TrainOptions& options,
                       const TrainReport& report) {
  const train::TrainingOptions& training = options.training;
  std::string card = "---\nlibrary_name: transformers\npipeline_tag: text-classification\ntags:\n- valence\n---\n\n";
  card += fmt::format("# {}\n\n", std::filesystem::path(arguments.output_dir).filename().string());
  card += fmt::format("A {} classifier, fine-tuned by `valence train` ({}).\n\n", base.spec.model_type,
                      method_words(options));
  card += "| | |\n|---|---|\n";
  const auto row = [&](std::string_view name, const std::string& value) {
    card += fmt::format("| {} | {} |\n", name, value);
  };
  row("labels", fmt::format("{}", fmt::join(base.spec.head.labels, ", ")));
  row("rows learned from", with_thousands(sum(report.label_counts)));
  if (options.few_shot) {
    row("learning rate", fmt::format("{:g}", options.few_shot->learning_rate));
    row("batch size", std::to_string(options.few_shot->batch_size));
    row("iterations", std::to_string(options.few_shot->num_iterations));
  } else {
    row("learning rate", fmt::format("{:g}, {}", training.learning_rate, train::name(training.lr_scheduler_type)));
    row("batch size",
        fmt::format("{} x {}", training.per_device_train_batch_size, training.gradient_accumulation_steps));
    row("epochs", fmt::format("{:g}", training.num_train_epochs));
  }
  row("longest text", fmt::format("{} tokens", training.max_length));
  row("seed", std::to_string(training.seed));
  if (!report.best.empty()) row("on rows kept out", metrics_text(report.best));
  return card;
}

Result<std::vector<std::string>> metrics_up_to(const std::filesystem::path& path, std::int64_t step) {
  constexpr std::uint64_t kMaxBytes = 256U << 20U;
  std::vector<std::string> lines;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return lines;
  VALENCE_TRY(const std::string text, read_file(path, kMaxBytes));
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.empty()) continue;
    VALENCE_TRY(const Json json, Json::parse(line, path.string()));
    VALENCE_TRY(const std::int64_t at, json.integer("step"));
    if (at <= step) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace valence::cli
