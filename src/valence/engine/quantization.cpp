#include "valence/engine/quantization.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "valence/engine/assemble_classifier.h"
#include "valence/engine/postprocess.h"
#include "valence/model/gguf_model.h"
#include "valence/model/model.h"
#include "valence/model/onnx_model.h"

namespace valence {
namespace {

// Texts between two looks at the stop flag: a batch plan's worth, under a second for most models.
constexpr std::size_t kTextsPerCall = 256;
// Sensitivity runs the model once a layer at nearly the cost of f32, and a share of a few hundred rows is enough to
// rank layers.
constexpr std::size_t kSensitivityRows = 256;

/// At most `count` of them, evenly spread: files are often sorted by label.
std::vector<std::size_t> spread(const std::vector<std::size_t>& rows, std::size_t count) {
  if (rows.size() <= count) return rows;
  std::vector<std::size_t> sample;
  for (std::size_t i = 0; i < count; ++i) sample.push_back(rows[i * rows.size() / count]);
  return sample;
}

/// Rows that must be right for a loss of at most `max_loss_points`.
std::uint64_t needed_right(const PairedCounts& f32, double max_loss_points) {
  // A whole number that arithmetic in floating point missed by a hair is still that number.
  constexpr double kHair = 1e-9;
  const double allowed = std::floor(max_loss_points / 100 * static_cast<double>(f32.rows()) + kHair);
  const auto right = static_cast<double>(f32.first_right());
  return static_cast<std::uint64_t>(std::max(0.0, right - allowed));
}

Status check_problem_type(const ModelSpec& spec, const std::string& source) {
  if (spec.head.pooling == Pooling::kNone) {
    return fail(ErrorCode::kUnsupported, source, "labels tokens: losses are measured on labels of whole texts",
                "run it with --precision int8, which needs no other directory");
  }
  switch (spec.head.problem_type) {
    case ProblemType::kSingleLabel:
      return {};
    case ProblemType::kMultiLabel:
      return fail(ErrorCode::kUnsupported, source,
                  "gives every text any number of labels: its loss is not measured yet",
                  "quantise single-label classifiers");
    case ProblemType::kRegression:
      return fail(ErrorCode::kUnsupported, source, "gives numbers, not labels: its loss is not measured yet",
                  "quantise single-label classifiers");
  }
  return {};
}

}  // namespace

/// One run over the texts: the f32 answers, and every plan compared with them.
class Quantization::Measurement {
 public:
  Measurement(Quantization& owner, std::span<const std::string_view> texts, std::span<const std::int32_t> truth,
              const QuantizationLimits& limits)
      : owner_(owner), texts_(texts), truth_(truth), limits_(limits) {}

  Result<QuantizationReport> run();

 private:
  using Failures = std::vector<FailedRow>;

  Result<Answers> answers_of(const StoragePlan& plan, const std::vector<std::size_t>& rows, Failures* failures);
  Status answer_in_f32();
  Result<Comparison> compare_with(const StoragePlan& plan);
  Status search(QuantizationReport& report);
  Status measure_sensitivity(QuantizationReport& report);

  [[nodiscard]] std::int64_t num_layers() const { return owner_.spec().encoder.num_hidden_layers; }
  [[nodiscard]] std::size_t num_labels() const { return owner_.spec().head.labels.size(); }
  [[nodiscard]] StoragePlan source_plan() const {
    StoragePlan plan = plan_with_kept(num_layers(), {});
    std::ranges::fill(plan.layers, MatrixStorage::kSource);
    plan.rest = MatrixStorage::kSource;
    return plan;
  }
  [[nodiscard]] Answers f32_answers(const std::vector<std::size_t>& positions) const;

  Quantization& owner_;
  std::span<const std::string_view> texts_;
  std::span<const std::int32_t> truth_;
  const QuantizationLimits& limits_;
  std::vector<std::size_t> rows_;  // that count
  std::vector<std::int32_t> truth_of_rows_;
  Answers f32_;  // of rows_
  Failures failed_;
  std::size_t done_ = 0;
  std::size_t planned_ = 0;
};

Result<Answers> Quantization::Measurement::answers_of(const StoragePlan& plan, const std::vector<std::size_t>& rows,
                                                      Failures* failures) {
  VALENCE_TRY(const auto classifier, owner_.classifier_of(plan));
  Answers answers;
  answers.labels.resize(rows.size());
  answers.logits.assign(rows.size() * num_labels(), 0.0F);
  std::vector<std::int32_t> all_labels(num_labels());
  for (std::size_t i = 0; i < all_labels.size(); ++i) all_labels[i] = static_cast<std::int32_t>(i);
  std::vector<std::string_view> window;
  for (std::size_t begin = 0; begin < rows.size(); begin += kTextsPerCall) {
    if (limits_.stop != nullptr && limits_.stop->load()) return fail(ErrorCode::kCancelled, "", "stopped");
    const std::size_t end = std::min(rows.size(), begin + kTextsPerCall);
    window.clear();
    for (std::size_t i = begin; i < end; ++i) window.push_back(texts_[rows[i]]);
    const auto predictions = classifier->classify(window);
    for (std::size_t i = begin; i < end; ++i) {
      const auto& logits = predictions[i - begin];
      if (!logits) {
        if (failures != nullptr) failures->push_back({rows[i], logits.error()});
        continue;
      }
      std::ranges::copy(logits->scores, answers.logits.begin() + static_cast<std::ptrdiff_t>(i * num_labels()));
      const Prediction scored = to_prediction(logits->scores, all_labels, ScoreFunction::kSoftmax);
      answers.labels[i] = {.label_id = scored.label_id, .score = scored.score};
    }
    done_ += end - begin;
    if (limits_.on_progress) limits_.on_progress(done_, std::max(done_, planned_));
  }
  return answers;
}

/// Drops the texts that no precision can read, so that both models are judged on the same rows.
Status Quantization::Measurement::answer_in_f32() {
  std::vector<std::size_t> all(texts_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  VALENCE_TRY(const Answers answers, answers_of(source_plan(), all, &failed_));
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (answers.labels[i].label_id == kNoAnswer) continue;
    rows_.push_back(i);
    truth_of_rows_.push_back(truth_[i]);
    f32_.labels.push_back(answers.labels[i]);
    const auto logits = std::span(answers.logits).subspan(i * num_labels(), num_labels());
    f32_.logits.insert(f32_.logits.end(), logits.begin(), logits.end());
  }
  if (!rows_.empty()) return {};
  if (failed_.empty()) return fail(ErrorCode::kInvalidData, "", "no row to measure with");
  return fail(failed_.front().error.in("no row can be classified; the first"));
}

Result<Comparison> Quantization::Measurement::compare_with(const StoragePlan& plan) {
  VALENCE_TRY(const Answers answers, answers_of(plan, rows_, nullptr));
  Comparison comparison = compare(truth_of_rows_, f32_, answers, num_labels());
  for (Flip& flip : comparison.flips) flip.row = rows_[flip.row];
  return comparison;
}

Status Quantization::Measurement::search(QuantizationReport& report) {
  const auto score_of = [](const Comparison& comparison) {
    return LayerScore{.right = comparison.counts.second_right(), .logit_error = comparison.logit_error};
  };
  const std::uint64_t needed = needed_right(report.all_int8.counts, limits_.max_loss_points);
  std::map<std::vector<std::int64_t>, Comparison> measured{{{}, report.all_int8}};
  std::size_t round = 0;
  const auto measure = [&](const std::vector<std::int64_t>& kept) -> Result<LayerScore> {
    if (std::exchange(round, kept.size()) != kept.size()) {
      const auto trials = static_cast<std::size_t>(num_layers()) - kept.size() + 1;
      planned_ = std::max(planned_, done_ + trials * rows_.size());
    }
    VALENCE_TRY(const Comparison comparison, compare_with(plan_with_kept(num_layers(), kept)));
    measured.emplace(kept, comparison);
    return score_of(comparison);
  };
  VALENCE_TRY(report.search, search_layers(num_layers(), score_of(report.all_int8), needed, measure));
  report.passed = report.search.score.right >= needed;
  report.chosen = measured.at(report.search.kept);
  return {};
}

Answers Quantization::Measurement::f32_answers(const std::vector<std::size_t>& positions) const {
  Answers chosen;
  for (const std::size_t position : positions) {
    chosen.labels.push_back(f32_.labels[position]);
    const auto logits = std::span(f32_.logits).subspan(position * num_labels(), num_labels());
    chosen.logits.insert(chosen.logits.end(), logits.begin(), logits.end());
  }
  return chosen;
}

Status Quantization::Measurement::measure_sensitivity(QuantizationReport& report) {
  std::vector<std::size_t> positions(rows_.size());
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  positions = spread(positions, kSensitivityRows);
  std::vector<std::size_t> sample;
  for (const std::size_t position : positions) sample.push_back(rows_[position]);
  const Answers expected = f32_answers(positions);
  report.sample_rows = sample.size();
  for (std::int64_t part = kEmbeddingsAndHead; part < num_layers(); ++part) {
    StoragePlan plan = source_plan();
    (part == kEmbeddingsAndHead ? plan.rest : plan.layers[static_cast<std::size_t>(part)]) = MatrixStorage::kInt8;
    VALENCE_TRY(const Answers answers, answers_of(plan, sample, nullptr));
    PartSensitivity sensitivity{.layer = part, .logit_error = relative_logit_error(expected, answers, num_labels())};
    for (std::size_t i = 0; i < sample.size(); ++i) {
      if (answers.labels[i].label_id == expected.labels[i].label_id) ++sensitivity.equal_labels;
    }
    report.sensitivity.push_back(sensitivity);
  }
  return {};
}

Result<QuantizationReport> Quantization::Measurement::run() {
  const std::size_t parts = static_cast<std::size_t>(num_layers()) + 1;
  planned_ = 2 * texts_.size() + parts * std::min(texts_.size(), kSensitivityRows);
  QuantizationReport report;
  VALENCE_TRY_STATUS(answer_in_f32());
  VALENCE_TRY(report.all_int8, compare_with(plan_with_kept(num_layers(), {})));
  VALENCE_TRY_STATUS(measure_sensitivity(report));
  VALENCE_TRY_STATUS(search(report));
  report.rows = std::move(rows_);
  report.failed = std::move(failed_);
  return report;
}

/// Models whose layers cannot be stored in int8 one by one.
Status check_layers(const Model& model, const std::string& source) {
  constexpr auto kHint = "run it with --precision int8, which quantises at load";
  if (model.spec.head.pooling == Pooling::kNone) {
    return fail(ErrorCode::kUnsupported, source, "labels tokens: its loss is measured on texts", kHint);
  }
  if (model.spec.encoder.layer_groups > 0) {
    return fail(ErrorCode::kUnsupported, source, "its layers share their parameters: none can be kept alone", kHint);
  }
  const bool transposed = std::ranges::any_of(model.weights.layers,
                                              [](const LayerWeights& layer) { return layer.output.weight.transposed; });
  if (transposed) {
    return fail(ErrorCode::kUnsupported, source, "stores its layers' weights [inputs, outputs]", kHint);
  }
  return {};
}

Result<Quantization> Quantization::open(const std::filesystem::path& model_dir, const ClassifierOptions& options) {
  VALENCE_TRY(const auto gguf, find_gguf(model_dir));
  if (gguf) {
    return fail(ErrorCode::kUnsupported, gguf->string(), "is a GGUF file: only Hugging Face directories are quantised",
                "quantise the checkpoint that it was converted from");
  }
  VALENCE_TRY(const auto onnx, find_onnx(model_dir));
  if (onnx) {
    return fail(ErrorCode::kUnsupported, onnx->string(), "is an ONNX file: only Hugging Face directories are quantised",
                "quantise the checkpoint that it was exported from");
  }
  VALENCE_TRY(Model model, load_model(model_dir));
  VALENCE_TRY_STATUS(check_problem_type(model.spec, model_dir.string()));
  VALENCE_TRY_STATUS(check_layers(model, model_dir.string()));
  VALENCE_TRY(Tokenizer tokenizer, Tokenizer::load(model_dir));
  Quantization quantization(std::move(tokenizer), options);
  quantization.options_.function = ScoreFunction::kNone;  // logits: scores are made of them where they are needed
  quantization.model_dir_ = model_dir;
  VALENCE_TRY(quantization.config_json_, read_config(model_dir));
  quantization.model_ = std::make_unique<const Model>(std::move(model));
  VALENCE_TRY(QuantizedWeights weights, QuantizedWeights::make(*quantization.model_));
  quantization.weights_ = std::make_unique<QuantizedWeights>(std::move(weights));
  for (const std::string& name : quantization.model_->weights.unused) {
    quantization.warnings_.push_back(fmt::format("{}: tensor {} is not used by {} and is left out", model_dir.string(),
                                                 name, quantization.spec().model_type));
  }
  return quantization;
}

Result<std::shared_ptr<const Classifier>> Quantization::classifier_of(const StoragePlan& plan) {
  Checkpoint checkpoint = Checkpoint::from_tensors(weights_->tensors(plan), model_dir_.string());
  VALENCE_TRY(Model model, load_model(config_json_, std::move(checkpoint)));
  // Layers stored as int8 run so and the others in fp32: as they will for whoever loads the result.
  const bool has_int8 = std::ranges::find(plan.layers, MatrixStorage::kInt8) != plan.layers.end();
  ClassifierOptions options = options_;
  options.precision = has_int8 ? Precision::kInt8 : Precision::kFp32;
  VALENCE_TRY(auto classifier, assemble_classifier({tokenizer_, std::move(model), model_dir_.string()}, options));
  if (classifier->precision() != options.precision) {
    return fail(ErrorCode::kUnsupported, "", "this CPU runs no int8, so its loss cannot be measured here");
  }
  return classifier;
}

Result<QuantizationReport> Quantization::measure(std::span<const std::string_view> texts,
                                                 std::span<const std::int32_t> truth,
                                                 const QuantizationLimits& limits) {
  return Measurement(*this, texts, truth, limits).run();
}

SafetensorsLayout Quantization::layout(const std::vector<std::int64_t>& kept, const SafetensorsMetadata& metadata) {
  return lay_out_safetensors(weights_->tensors(plan_with_kept(spec().encoder.num_hidden_layers, kept)), metadata);
}

std::uint64_t Quantization::source_bytes() const {
  std::uint64_t size = 0;
  for (const std::string& name : model_->checkpoint.names()) size += model_->checkpoint.find(name)->bytes.size();
  return size;
}

}  // namespace valence
