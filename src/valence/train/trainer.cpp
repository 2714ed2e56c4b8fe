#include "valence/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/model/arch/registry.h"
#include "valence/train/evaluation_metrics.h"

namespace valence::train {
namespace {

using Clock = std::chrono::steady_clock;

// Tokens of a batch that is only measured: as many as fill the products, no more than their states need memory for.
constexpr std::size_t kEvaluationTokens = 1024;

std::int64_t ceiling(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t steps_in_epoch(std::size_t examples, const TrainingOptions& options) {
  const std::int64_t batches = ceiling(static_cast<std::int64_t>(examples), options.per_device_train_batch_size);
  return std::max<std::int64_t>(1, ceiling(batches, options.gradient_accumulation_steps));
}

Schedule schedule_of(const TrainingOptions& options, std::int64_t steps_per_epoch) {
  Schedule schedule;
  schedule.kind = options.lr_scheduler_type;
  schedule.learning_rate = options.learning_rate;
  schedule.total_steps =
      options.max_steps > 0
          ? options.max_steps
          : static_cast<std::int64_t>(std::ceil(options.num_train_epochs * static_cast<double>(steps_per_epoch)));
  schedule.warmup_steps =
      options.warmup_steps > 0
          ? options.warmup_steps
          : static_cast<std::int64_t>(std::ceil(options.warmup_ratio * static_cast<double>(schedule.total_steps)));
  return schedule;
}

/// The number of the layer that a parameter belongs to, from 0 for embeddings to layers + 1 for the head; by its name,
/// so that a LoRA update is where its module is. Layers that share parameters count as the first of them.
std::int64_t depth_of(const BaseModel& model, const Parameter& parameter) {
  const Architecture& architecture = *find_architecture(model.spec.model_type);
  const TensorNames& names = architecture.names;
  const auto is_in = [&](std::string_view module) {
    return !module.empty() && parameter.name.starts_with(fmt::format("{}.", module));
  };
  const std::int64_t layers = model.spec.encoder.num_hidden_layers;
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string module = architecture.layer_module != nullptr ? architecture.layer_module(model.spec, i)
                                                                    : fmt::format("{}.{}", names.layers, i);
    if (is_in(module)) return i + 1;
  }
  if (is_in(names.convolution) || is_in(names.convolution_norm)) return 1;  // joins behind the first layer
  return is_in(names.classifier) || is_in(names.head_dense) || is_in(names.head_norm) ? layers + 1 : 0;
}

std::function<double(const Parameter&)> rates_of(const BaseModel& model, const TrainingOptions& options) {
  return [&model, decay = options.layer_decay](const Parameter& parameter) {
    if (decay == 1.0) return 1.0;
    const std::int64_t layers = model.spec.encoder.num_hidden_layers;
    return std::pow(decay, static_cast<double>(layers + 1 - depth_of(model, parameter)));
  };
}

}  // namespace

Trainer::Trainer(BaseModel& model, Network& network, const TrainingOptions& options, const TrainerRows& learned,
                 const TrainerRows& evaluated, const kernels::KernelTable& kernels, SpinTeam& team)
    : model_(model),
      network_(network),
      options_(options),
      examples_(learned.examples),
      learned_(learned),
      evaluated_(evaluated),
      team_(team),
      steps_per_epoch_(steps_in_epoch(learned.examples.size(), options)),
      schedule_(schedule_of(options, steps_per_epoch_)),
      optimizer_(model.parameters, options.optimizer, schedule_, rates_of(model, options), kernels, team) {}

Trainer::~Trainer() = default;

LossOptions Trainer::loss_options() const {
  return {model_.spec.head.problem_type, options_.label_smoothing_factor, options_.class_weights};
}

std::vector<std::uint32_t> Trainer::order_of(std::int64_t epoch) const {
  switch (options_.sampling) {
    case Sampling::kRandom:
      return shuffled(examples_.size(), options_.seed, epoch);
    case Sampling::kGroupByLength:
      return grouped_by_length(examples_, options_.per_device_train_batch_size, options_.seed, epoch);
    case Sampling::kSequential:
      break;
  }
  std::vector<std::uint32_t> order(examples_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  return order;
}

/// Rows of the word table that these examples look up, ascending.
std::vector<std::int32_t> Trainer::rows_of(std::span<const std::uint32_t> chosen) const {
  std::vector<std::int32_t> rows;
  for (const std::uint32_t i : chosen) rows.insert(rows.end(), examples_[i].ids.begin(), examples_[i].ids.end());
  std::ranges::sort(rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

/// "train.csv:12, 15, dev.csv:3": a file is named where it changes.
std::string Trainer::places_of(std::span<const std::uint32_t> chosen) const {
  std::string places;
  std::string_view file;
  for (const std::uint32_t i : chosen) {
    const std::string_view place = examples_[i].place;
    const std::size_t colon = std::min(place.rfind(':'), place.size());
    const bool same = !places.empty() && place.substr(0, colon) == file;
    file = place.substr(0, colon);
    places += places.empty() ? "" : ", ";
    places += same ? place.substr(std::min(colon + 1, place.size())) : place;
  }
  return places;
}

/// What the head reads of these rows, one after the other; empty where the encoder runs.
std::span<const float> Trainer::pooled_of(const TrainerRows& rows, std::span<const std::uint32_t> chosen) {
  if (rows.pooled.empty()) return {};
  const auto width = static_cast<std::size_t>(model_.spec.encoder.hidden_size);
  pooled_.resize(chosen.size() * width);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto from = rows.pooled.subspan(chosen[i] * width, width);
    std::copy(from.begin(), from.end(), pooled_.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  return pooled_;
}

/// One optimizer step over `chosen`, in batches of per_device_train_batch_size. Returns the mean of their rows' losses.
Result<double> Trainer::train_step(std::span<const std::uint32_t> chosen, Progress& progress) {
  const auto batch_size = static_cast<std::size_t>(options_.per_device_train_batch_size);
  const std::size_t batches = (chosen.size() + batch_size - 1) / batch_size;
  const std::vector<std::int32_t> rows = rows_of(chosen);
  const std::int64_t labels = model_.spec.head.num_labels();
  const LossOptions options = loss_options();
  // A mean over all rows of the step, however many batches they come in: as Trainer does since transformers 4.46.
  std::vector<const Target*> of_step;
  for (const std::uint32_t i : chosen) of_step.push_back(&examples_[i].target);
  const double weight = loss_weight(of_step, labels, options);
  double mean = 0;
  team_.run([&] { optimizer_.prepare(rows); });
  for (std::size_t b = 0; b < batches; ++b) {
    const auto batch_rows = chosen.subspan(b * batch_size, std::min(batch_size, chosen.size() - b * batch_size));
    builder_.clear();
    std::vector<const Target*> targets;
    for (const std::uint32_t i : batch_rows) {
      targets.push_back(&examples_[i].target);
      progress.tokens += examples_[i].ids.size();
      if (learned_.pooled.empty()) builder_.add(examples_[i].ids, examples_[i].type_ids);
    }
    const PackedBatch batch = builder_.batch();
    const std::span<const float> pooled = pooled_of(learned_, batch_rows);
    const auto count = static_cast<std::int64_t>(batch_rows.size());
    logits_.resize(batch_rows.size() * static_cast<std::size_t>(labels));
    d_logits_.resize(logits_.size());
    const DropoutStream random{mixed(mixed(options_.seed) ^ mixed(static_cast<std::uint64_t>(state_.step)) ^ b)};
    LossSum sum;
    team_.run([&] {
      if (pooled.empty()) {
        network_.forward(batch, &random, logits_);
      } else {
        network_.forward_head(pooled, count, &random, logits_);
      }
      sum = loss(logits_, targets, labels, options, weight, d_logits_);
      if (!std::isfinite(sum.loss)) return;
      if (pooled.empty()) {
        network_.backward(batch, &random, d_logits_);
      } else {
        network_.backward_head(count, &random, d_logits_);
      }
    });
    if (!std::isfinite(sum.loss)) {
      return fail(ErrorCode::kInvalidData, places_of(batch_rows),
                  fmt::format("the loss of this batch is {} at step {}", sum.loss, state_.step + 1),
                  "lower --learning_rate, or look at these rows and at the base model");
    }
    mean += sum.loss / weight;
  }
  team_.run([&] { progress.grad_norm = optimizer_.step(rows); });
  if (!std::isfinite(progress.grad_norm)) {
    return fail(ErrorCode::kInvalidData, places_of(chosen),
                fmt::format("the gradient of this batch is no number at step {}", state_.step + 1),
                "lower --learning_rate, or look at these rows and at the base model");
  }
  return mean;
}

std::vector<float> Trainer::logits_of(const TrainerRows& rows) {
  const std::span<const Example> examples = rows.examples;
  const auto labels = static_cast<std::size_t>(model_.spec.head.num_labels());
  std::vector<float> all(examples.size() * labels);
  std::vector<std::uint32_t> order(examples.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return examples[i].ids.size(); });
  std::size_t begin = 0;
  while (begin < order.size()) {
    builder_.clear();
    std::size_t end = begin;
    std::size_t tokens = 0;
    while (end < order.size() && (end == begin || tokens + examples[order[end]].ids.size() <= kEvaluationTokens)) {
      const Example& example = examples[order[end++]];
      tokens += example.ids.size();
      builder_.add(example.ids, example.type_ids);
    }
    logits_.resize((end - begin) * labels);
    const PackedBatch batch = builder_.batch();
    const auto pooled = pooled_of(rows, std::span(order).subspan(begin, end - begin));
    team_.run([&] {
      if (pooled.empty()) {
        network_.forward(batch, nullptr, logits_);
      } else {
        network_.forward_head(pooled, static_cast<std::int64_t>(end - begin), nullptr, logits_);
      }
    });
    for (std::size_t i = begin; i < end; ++i) {
      std::copy_n(logits_.begin() + static_cast<std::ptrdiff_t>((i - begin) * labels), labels,
                  all.begin() + static_cast<std::ptrdiff_t>(order[i] * labels));
    }
    begin = end;
  }
  return all;
}

std::map<std::string, double> Trainer::measure(const TrainerRows& rows, const std::string& prefix) {
  const std::vector<float> logits = logits_of(rows);
  const std::int64_t labels = model_.spec.head.num_labels();
  std::vector<const Target*> targets;
  for (const Example& example : rows.examples) targets.push_back(&example.target);
  std::vector<float> unused(logits.size());
  LossOptions options = loss_options();
  options.label_smoothing = 0;
  options.class_weights = {};
  const LossSum sum = loss(logits, targets, labels, options, 1.0, unused);
  std::map<std::string, double> metrics;
  metrics[prefix + "loss"] = sum.loss / sum.weight;
  add_metrics(logits, targets, labels, options.problem_type, prefix, metrics);
  return metrics;
}

Status Trainer::evaluate(const TrainerEvents& events, Progress& progress) {
  team_.run([&] { optimizer_.finish(); });
  Evaluation evaluation;
  evaluation.step = state_.step;
  evaluation.epoch = progress.epoch;
  evaluation.metrics = measure(evaluated_, "eval_");
  const double score = score_of(evaluation.metrics, "eval_", model_.spec.head.problem_type);
  if (state_.best_step < 0 || score > state_.best_metric) {
    state_.best_metric = score;
    state_.best_step = state_.step;
    state_.evaluations_without_gain = 0;
    evaluation.is_best = true;
  } else {
    ++state_.evaluations_without_gain;
  }
  if (options_.early_stopping_patience > 0 && state_.evaluations_without_gain >= options_.early_stopping_patience) {
    state_.stopped_early = true;
  }
  return events.on_evaluation ? events.on_evaluation(evaluation) : Status();
}

Status Trainer::run(const TrainerEvents& events, const std::atomic<bool>* stop) {
  Progress progress;
  progress.total_steps = schedule_.total_steps;
  const auto rows_per_step =
      static_cast<std::size_t>(options_.per_device_train_batch_size * options_.gradient_accumulation_steps);
  double loss_sum = 0;
  std::int64_t losses = 0;
  std::int64_t epoch = -1;
  std::vector<std::uint32_t> order;
  const auto due = [&](Strategy strategy, std::int64_t every) {
    const bool is_last = state_.step == schedule_.total_steps;
    if (strategy == Strategy::kNo) return false;
    return is_last || state_.step % (strategy == Strategy::kEpoch ? steps_per_epoch_ : every) == 0;
  };
  while (state_.step < schedule_.total_steps && !state_.stopped_early) {
    if (stop != nullptr && stop->load()) return fail(ErrorCode::kCancelled, {}, "stopped");
    const std::int64_t now = state_.step / steps_per_epoch_;
    if (now != epoch) {
      epoch = now;
      order = order_of(epoch);
    }
    const std::size_t first = static_cast<std::size_t>(state_.step % steps_per_epoch_) * rows_per_step;
    const auto chosen = std::span(order).subspan(first, std::min(rows_per_step, order.size() - first));
    progress.learning_rate = optimizer_.learning_rate();
    const auto begin = Clock::now();
    VALENCE_TRY(const double own, train_step(chosen, progress));
    progress.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    ++state_.step;
    progress.step = state_.step;
    progress.epoch = static_cast<double>(state_.step) / static_cast<double>(steps_per_epoch_);
    loss_sum += own;
    ++losses;
    progress.loss = loss_sum / static_cast<double>(losses);
    if (events.on_step) events.on_step(progress);
    if (state_.step % options_.logging_steps == 0 || state_.step == schedule_.total_steps) {
      if (events.on_log) events.on_log(progress);
      loss_sum = 0;
      losses = 0;
    }
    const bool evaluates = !evaluated_.examples.empty() && due(options_.eval_strategy, options_.eval_steps);
    if (evaluates) VALENCE_TRY_STATUS(evaluate(events, progress));
    const bool best = evaluates && state_.best_step == state_.step;
    if (events.on_save && (best || due(options_.save_strategy, options_.save_steps) || state_.stopped_early)) {
      team_.run([&] { optimizer_.finish(); });
      VALENCE_TRY_STATUS(events.on_save(best));
    }
  }
  team_.run([&] { optimizer_.finish(); });
  return {};
}

}  // namespace valence::train
