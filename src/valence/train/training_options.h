/// \file
/// How to train. Names and defaults are those of transformers' TrainingArguments and peft's LoraConfig where they
/// exist.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/train/adamw.h"
#include "valence/train/schedule.h"

namespace valence::train {

/// What learns: everything, low-rank updates beside frozen matrices and the classifier, or the head alone.
enum class Method : std::uint8_t { kFull, kLora, kHead };

/// When something is done that takes a while.
enum class Strategy : std::uint8_t { kNo, kSteps, kEpoch };

/// In which order an epoch takes the rows.
enum class Sampling : std::uint8_t { kRandom, kSequential, kGroupByLength };

// As options and reports call them.
constexpr std::string_view name(Method method) {
  constexpr std::array<std::string_view, 3> kNames{"full", "lora", "head"};
  return kNames[static_cast<std::size_t>(method)];
}
constexpr std::string_view name(Strategy strategy) {
  constexpr std::array<std::string_view, 3> kNames{"no", "steps", "epoch"};
  return kNames[static_cast<std::size_t>(strategy)];
}
constexpr std::string_view name(Sampling sampling) {
  constexpr std::array<std::string_view, 3> kNames{"random", "sequential", "group_by_length"};
  return kNames[static_cast<std::size_t>(sampling)];
}

struct LoraOptions {
  std::int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  std::vector<std::string> target_modules =
      {};                   ///< suffixes of module names; empty: query and value, as peft's for the model
  bool use_rslora = false;  ///< scale by alpha / sqrt(r)
};

struct TrainingOptions {
  Method method = Method::kFull;
  bool bf16 = false;  ///< products of bf16 operands, summed in f32; parameters and all else f32
  double learning_rate = 5e-5;
  double num_train_epochs = 3;
  std::int64_t max_steps = -1;  ///< > 0: instead of num_train_epochs
  std::int64_t per_device_train_batch_size = 8;
  std::int64_t gradient_accumulation_steps = 1;
  ScheduleKind lr_scheduler_type = ScheduleKind::kLinear;
  std::int64_t warmup_steps = 0;
  double warmup_ratio = 0;  ///< of all steps, where warmup_steps is 0
  AdamWOptions optimizer;
  double layer_decay = 1.0;  ///< layer i of n learns at learning_rate * layer_decay^(n - i)
  double label_smoothing_factor = 0;
  std::vector<float> class_weights = {};
  Sampling sampling = Sampling::kRandom;
  std::uint64_t seed = 42;
  std::int64_t logging_steps = 50;
  Strategy eval_strategy = Strategy::kEpoch;
  std::int64_t eval_steps = 500;
  Strategy save_strategy = Strategy::kEpoch;
  std::int64_t save_steps = 500;
  bool load_best_model_at_end = true;
  std::int64_t early_stopping_patience = 0;  ///< evaluations without gain before it ends; 0: never
  std::int64_t max_length = 512;             ///< tokens of a text
  LoraOptions lora;

  /// kInvalidArgument, naming the option, its value and what it may be.
  [[nodiscard]] Status validate() const;
};

/// Every setting that changes the result, as `name=value` pairs: a resumed run must have the same.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> fingerprint(const TrainingOptions& options);

}  // namespace valence::train
