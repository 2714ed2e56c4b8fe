#include "valence/train/training_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace valence::train {
namespace {

Status require(bool holds, std::string_view option, const std::string& value, std::string_view expected) {
  if (holds) return {};
  return fail(ErrorCode::kInvalidArgument, fmt::format("--{}", option),
              fmt::format("{}: expected {}", value, expected));
}

Status number(std::string_view option, double value, double least, double most, std::string_view expected) {
  return require(std::isfinite(value) && value >= least && value <= most, option, fmt::format("{:g}", value), expected);
}

Status count(std::string_view option, std::int64_t value, std::int64_t least) {
  constexpr std::int64_t kMost = 1'000'000'000;
  return require(value >= least && value <= kMost, option, std::to_string(value),
                 least == 0 ? "0 or more" : "a count from 1");
}

}  // namespace

Status TrainingOptions::validate() const {
  constexpr double kLargest = 1e9;
  const double below_one = std::nextafter(1.0, 0.0);
  VALENCE_TRY_STATUS(number("learning_rate", learning_rate, 0, 10, "a rate from 0 to 10"));
  VALENCE_TRY_STATUS(number("num_train_epochs", num_train_epochs, 0, 100000, "a number from 0 to 100000"));
  VALENCE_TRY_STATUS(count("per_device_train_batch_size", per_device_train_batch_size, 1));
  VALENCE_TRY_STATUS(count("gradient_accumulation_steps", gradient_accumulation_steps, 1));
  VALENCE_TRY_STATUS(count("warmup_steps", warmup_steps, 0));
  VALENCE_TRY_STATUS(number("warmup_ratio", warmup_ratio, 0, 1, "a share from 0 to 1"));
  VALENCE_TRY_STATUS(number("adam_beta1", optimizer.adam_beta1, 0, below_one, "a number from 0, below 1"));
  VALENCE_TRY_STATUS(number("adam_beta2", optimizer.adam_beta2, 0, below_one, "a number from 0, below 1"));
  VALENCE_TRY_STATUS(number("adam_epsilon", optimizer.adam_epsilon, 0, 1, "a number from 0 to 1"));
  VALENCE_TRY_STATUS(number("weight_decay", optimizer.weight_decay, 0, 10, "a number from 0 to 10"));
  VALENCE_TRY_STATUS(
      number("max_grad_norm", optimizer.max_grad_norm, 0, kLargest, "0 (no clipping) or a positive norm"));
  VALENCE_TRY_STATUS(number("layer_decay", layer_decay, 0, 1, "a factor from 0 to 1"));
  VALENCE_TRY_STATUS(number("label_smoothing_factor", label_smoothing_factor, 0, below_one, "a share from 0, below 1"));
  VALENCE_TRY_STATUS(count("logging_steps", logging_steps, 1));
  VALENCE_TRY_STATUS(count("eval_steps", eval_steps, 1));
  VALENCE_TRY_STATUS(count("save_steps", save_steps, 1));
  VALENCE_TRY_STATUS(count("early_stopping_patience", early_stopping_patience, 0));
  VALENCE_TRY_STATUS(count("max_length", max_length, 1));
  VALENCE_TRY_STATUS(count("r", lora.r, 1));
  VALENCE_TRY_STATUS(number("lora_alpha", lora.lora_alpha, 0, kLargest, "a positive number"));
  return number("lora_dropout", lora.lora_dropout, 0, below_one, "a probability from 0, below 1");
}

std::vector<std::pair<std::string, std::string>> fingerprint(const TrainingOptions& options) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](std::string setting, const auto& value) {
    all.emplace_back(std::move(setting), fmt::format("{}", value));
  };
  add("method", name(options.method));
  add("bf16", options.bf16);
  add("learning_rate", options.learning_rate);
  add("num_train_epochs", options.num_train_epochs);
  add("max_steps", options.max_steps);
  add("per_device_train_batch_size", options.per_device_train_batch_size);
  add("gradient_accumulation_steps", options.gradient_accumulation_steps);
  add("lr_scheduler_type", name(options.lr_scheduler_type));
  add("warmup_steps", options.warmup_steps);
  add("warmup_ratio", options.warmup_ratio);
  add("adam_beta1", options.optimizer.adam_beta1);
  add("adam_beta2", options.optimizer.adam_beta2);
  add("adam_epsilon", options.optimizer.adam_epsilon);
  add("weight_decay", options.optimizer.weight_decay);
  add("max_grad_norm", options.optimizer.max_grad_norm);
  add("layer_decay", options.layer_decay);
  add("label_smoothing_factor", options.label_smoothing_factor);
  add("class_weights", fmt::format("{}", fmt::join(options.class_weights, ",")));
  add("train_sampling_strategy", name(options.sampling));
  add("seed", options.seed);
  add("eval_strategy", name(options.eval_strategy));
  add("eval_steps", options.eval_steps);
  add("save_strategy", name(options.save_strategy));
  add("save_steps", options.save_steps);
  add("load_best_model_at_end", options.load_best_model_at_end);
  add("early_stopping_patience", options.early_stopping_patience);
  add("max_length", options.max_length);
  add("r", options.lora.r);
  add("lora_alpha", options.lora.lora_alpha);
  add("lora_dropout", options.lora.lora_dropout);
  add("target_modules", fmt::format("{}", fmt::join(options.lora.target_modules, ",")));
  add("use_rslora", options.lora.use_rslora);
  return all;
}

}  // namespace valence::train
