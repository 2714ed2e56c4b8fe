/// \file
/// The options of `valence train`, as written and as meant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/record_reader.h"
#include "valence/model/head_spec.h"
#include "valence/precision.h"
#include "valence/train/few_shot.h"
#include "valence/train/training_options.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// The words of the command line, one member an option. Names are those of TrainingArguments and LoraConfig.
struct TrainArguments {
  std::vector<std::string> data;
  std::vector<std::string> eval_data;
  std::string model = "default";
  std::string method = "full";
  std::string output_dir;
  std::string input_format, encoding = "utf-8", text_column, text_pair_column, label_column = "label";
  std::string choices_column, teacher_column;
  double teacher_weight = 0.5;
  std::string problem_type;
  double eval_split = 0.1;
  double learning_rate = 0;  ///< 0: by method
  double num_train_epochs = 3;
  std::int64_t max_steps = -1;
  std::int64_t per_device_train_batch_size = 8;
  std::int64_t gradient_accumulation_steps = 1;
  std::string lr_scheduler_type = "linear";
  std::int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  double weight_decay = 0, adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8, max_grad_norm = 1.0;
  double layer_decay = 1.0, label_smoothing_factor = 0;
  std::vector<std::string> class_weights;  ///< "balanced", or label=weight
  std::string train_sampling_strategy = "random";
  std::uint64_t seed = 42;
  std::int64_t logging_steps = 50, eval_steps = 500, save_steps = 500, early_stopping_patience = 0;
  std::string eval_strategy = "epoch", save_strategy = "epoch";
  bool load_best_model_at_end = true;
  std::string max_length = "512";
  std::int64_t r = 8;
  double lora_alpha = 8, lora_dropout = 0;
  std::vector<std::string> target_modules;
  bool use_rslora = false;
  bool bf16 = false;
  std::string precision = "auto";
  std::string threads;
  bool few_shot = false;
  std::int64_t num_iterations = 20;
  bool no_label_names = false;
  bool resume = false, dry_run = false, json = false;
};

struct TrainOptions {
  train::TrainingOptions training;
  std::optional<train::FewShotOptions> few_shot;  ///< absent: not asked for
  data::ReaderOptions reader;
  std::optional<ProblemType> problem_type;
  bool balanced_weights = false;
  std::vector<std::pair<std::string, float>> class_weights;  ///< by label
  std::size_t threads = 0;                                   ///< 0: physical cores
  Precision precision = Precision::kFp32;                    ///< of an encoder that does not learn
  std::vector<std::string> notes;                            ///< what was asked for and is done otherwise
};

void declare_train_options(CLI::App& app, TrainArguments& arguments);

/// Checks each value. Errors name the option.
Result<TrainOptions> interpret(const TrainArguments& arguments);

}  // namespace valence::cli
