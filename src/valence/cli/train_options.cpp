#include "valence/cli/train_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/cli/classify_options.h"
#include "valence/cli/option_values.h"
#include "valence/kernels/bf16_dispatch.h"
#include "valence/kernels/dispatch.h"
#include "valence/pipeline/labelled_texts.h"

namespace valence::cli {
namespace {

template <class Value>
constexpr Choice<Value> called(Value value) {
  return {train::name(value), value};
}
constexpr std::array kMethods{called(train::Method::kFull), called(train::Method::kLora), called(train::Method::kHead)};
constexpr std::array kStrategies{called(train::Strategy::kNo), called(train::Strategy::kSteps),
                                 called(train::Strategy::kEpoch)};
constexpr std::array kSamplings{called(train::Sampling::kRandom), called(train::Sampling::kSequential),
                                called(train::Sampling::kGroupByLength)};
constexpr std::array kProblemTypes{Choice<ProblemType>{"single_label_classification", ProblemType::kSingleLabel},
                                   Choice<ProblemType>{"multi_label_classification", ProblemType::kMultiLabel},
                                   Choice<ProblemType>{"regression", ProblemType::kRegression}};

// Where nothing is said: what each method is usually given (TrainingArguments; peft's examples; a linear probe).
double usual_learning_rate(train::Method method) {
  switch (method) {
    case train::Method::kFull:
      return 5e-5;
    case train::Method::kLora:
      return 5e-4;
    case train::Method::kHead:
      return 1e-3;
  }
  return 0;
}

constexpr std::size_t kMaxTokens = std::size_t{1} << 20;

/// Adds "--num-train-epochs", which may be written "--num_train_epochs" too, and whatever other spellings there are.
template <class T>
CLI::Option* add(CLI::App& app, const std::string& name, T& value, const std::string& help, const std::string& type,
                 const std::string& group, const std::string& alias = "") {
  std::string dashes = name;
  std::ranges::replace(dashes, '_', '-');
  std::string names = "--" + dashes;
  if (dashes != name) names += ",--" + name;
  if (!alias.empty()) names += ",--" + alias;
  return app.add_option(names, value, help)->type_name(type)->group(group);
}

/// --bf16 takes bf16 where that is faster than f32, for the products of what learns and for an encoder that only reads;
/// --precision bf16 whatever it costs, so that its answers can be had on any CPU. Without either, what learns does so
/// in f32, and an encoder that only reads in bf16 where tiles make it several times faster.
Status choose_precision(const TrainArguments& arguments, TrainOptions& options) {
  VALENCE_TRY(const Precision asked, parse_precision(arguments.precision));
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  const bool learns = options.training.method != train::Method::kHead;
  const bool names_another = asked != Precision::kAuto && asked != Precision::kBf16;
  if (learns && names_another && asked != Precision::kFp32) {
    return fail(ErrorCode::kUnsupported, "--precision",
                fmt::format("{} is not built in for layers that learn", arguments.precision), "fp32 or bf16");
  }
  if (arguments.bf16 && names_another) {
    return fail(ErrorCode::kInvalidArgument, "--bf16",
                fmt::format("does not go with --precision {}", arguments.precision), "leave out one of them");
  }
  const bool fast = kernels::bf16_products_are_fast(*table);
  // Of a head alone, --precision is about the encoder.
  const bool insists = asked == Precision::kBf16 && (learns || arguments.bf16);
  options.training.bf16 = insists || (arguments.bf16 && fast);
  if (arguments.bf16 && !options.training.bf16) {
    options.notes.push_back(
        fmt::format("--bf16: {} kernels on this CPU multiply f32 at least as fast, so products "
                    "stay in f32{}",
                    kernels::name(table->isa), learns ? " (--precision bf16 insists)" : ""));
  }
  if (insists && !fast) {
    options.notes.emplace_back("--precision bf16: f32 would be at least as fast with these kernels");
  }
  if (learns || asked == Precision::kFp32) return {};
  options.precision = asked != Precision::kAuto          ? asked
                      : table->isa == kernels::Isa::kAmx ? Precision::kBf16
                      : arguments.bf16 && fast           ? Precision::kBf16
                                                         : Precision::kFp32;
  return {};
}

Result<std::pair<std::string, float>> parse_class_weight(const std::string& word) {
  const std::size_t equals = word.rfind('=');
  float weight = 0;
  const char* const end = word.data() + word.size();
  if (equals != std::string::npos && equals > 0) {
    const auto [stop, failed] = std::from_chars(word.data() + equals + 1, end, weight);
    if (failed == std::errc() && stop == end && weight > 0 && weight < 1e6F)
      return std::pair{word.substr(0, equals), weight};
  }
  return fail(ErrorCode::kInvalidArgument, "--class_weights",
              fmt::format("\"{}\": expected balanced, LABEL=WEIGHT with a weight above 0, or a .json file", word));
}

/// {"label": weight, ...}, as `valence data balance --method weights` writes it.
Result<std::vector<std::pair<std::string, float>>> read_class_weights(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 20;
  VALENCE_TRY(const std::string text, read_file(path, kMaxBytes));
  VALENCE_TRY(const Json document, Json::parse(text, path));
  VALENCE_TRY(const auto members, document.members());
  std::vector<std::pair<std::string, float>> weights;
  for (const auto& [label, value] : members) {
    VALENCE_TRY(const double weight, value.as_number());
    if (!(weight > 0 && weight < 1e6)) return value.invalid(fmt::format("weight {:g} is not above 0", weight));
    weights.emplace_back(label, static_cast<float>(weight));
  }
  return weights;
}

}  // namespace

void declare_train_options(CLI::App& app, TrainArguments& arguments) {
  app.add_option("data", arguments.data, "Labelled rows to learn from (.csv .tsv .jsonl, also .gz and .zst)")
      ->type_name("DATA")
      ->required();
  const std::string data = "Data";
  add(app, "eval_data", arguments.eval_data, "Labelled rows to measure on", "FILE", data);
  add(app, "eval_split", arguments.eval_split,
      "Share of the rows kept out for measuring without --eval-data, 0 for none [0.1]", "SHARE", data);
  add(app, "text_column", arguments.text_column, "Column or dotted field of the texts [first of text, sentence, ...]",
      "C", data);
  add(app, "text_pair_column", arguments.text_pair_column, "Column of a second text", "C", data);
  add(app, "label_column", arguments.label_column, "Column or field of the labels [label]", "C", data);
  add(app, "choices_column", arguments.choices_column,
      "Column of the labels that the row was labelled among, joined by |; empty: all. Where sets of several kinds are "
      "learned together, a row says nothing of the labels its set does not have",
      "C", data);
  add(app, "teacher_column", arguments.teacher_column,
      "Column of another model's scores, as classify --top-k all writes them, to learn from beside the labels", "C",
      data);
  add(app, "teacher_weight", arguments.teacher_weight, "How much of the truth is the teacher's, 0 to 1 [0.5]", "X",
      data);
  add(app, "problem_type", arguments.problem_type,
      "single_label_classification, multi_label_classification (labels joined by |) or regression [single]", "T", data);
  add(app, "input_format", arguments.input_format, "csv, tsv or jsonl [by suffix]", "F", data);
  app.add_option("--encoding", arguments.encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E")
      ->group(data);

  const std::string model = "Model";
  app.add_option("-m,--model", arguments.model, "The base: a directory, org/name in the cache, or default [default]")
      ->type_name("BASE")
      ->group(model);
  app.add_option("--method", arguments.method, "full, lora or head: what learns [full]")->type_name("M")->group(model);
  add(app, "output_dir", arguments.output_dir, "Where the model goes", "DIR", model)->required();
  add(app, "max_length", arguments.max_length, "Tokens of a text; longer ones are cut [512, at most the model's]", "N",
      model);

  const std::string training = "Training (names of TrainingArguments)";
  add(app, "learning_rate", arguments.learning_rate, "[5e-5; lora 5e-4; head 1e-3; few-shot 5e-5]", "LR", training,
      "lr");
  add(app, "num_train_epochs", arguments.num_train_epochs, "[3]", "N", training, "epochs");
  add(app, "max_steps", arguments.max_steps, "Steps instead of epochs", "N", training);
  add(app, "per_device_train_batch_size", arguments.per_device_train_batch_size, "[8]", "N", training, "batch-size");
  add(app, "gradient_accumulation_steps", arguments.gradient_accumulation_steps, "[1]", "N", training);
  add(app, "lr_scheduler_type", arguments.lr_scheduler_type,
      "linear, cosine, constant or constant_with_warmup [linear]", "S", training);
  add(app, "warmup_steps", arguments.warmup_steps, "[0]", "N", training);
  add(app, "warmup_ratio", arguments.warmup_ratio, "Share of all steps [0]", "SHARE", training);
  add(app, "weight_decay", arguments.weight_decay, "Of matrices, not of biases and norms [0]", "X", training);
  add(app, "adam_beta1", arguments.adam_beta1, "[0.9]", "X", training);
  add(app, "adam_beta2", arguments.adam_beta2, "[0.999]", "X", training);
  add(app, "adam_epsilon", arguments.adam_epsilon, "[1e-8]", "X", training);
  add(app, "max_grad_norm", arguments.max_grad_norm, "Gradients are scaled down to this norm; 0: never [1]", "X",
      training);
  add(app, "layer_decay", arguments.layer_decay, "Each layer further from the head learns so much slower [1]", "X",
      training);
  add(app, "label_smoothing_factor", arguments.label_smoothing_factor, "[0]", "X", training);
  add(app, "class_weights", arguments.class_weights, "balanced, LABEL=WEIGHT,... or a .json file of them [all 1]", "W",
      training)
      ->delimiter(',');
  add(app, "train_sampling_strategy", arguments.train_sampling_strategy,
      "random, sequential or group_by_length [random]", "S", training);
  app.add_option("--seed", arguments.seed, "[42]")->type_name("N")->group(training);
  add(app, "logging_steps", arguments.logging_steps, "[50]", "N", training);
  add(app, "eval_strategy", arguments.eval_strategy, "no, steps or epoch [epoch]", "S", training);
  add(app, "eval_steps", arguments.eval_steps, "[500]", "N", training);
  add(app, "save_strategy", arguments.save_strategy, "no, steps or epoch: checkpoints for --resume [epoch]", "S",
      training);
  add(app, "save_steps", arguments.save_steps, "[500]", "N", training);
  add(app, "load_best_model_at_end", arguments.load_best_model_at_end,
      "The result is the best evaluation's, not the last [true]", "BOOL", training);
  add(app, "early_stopping_patience", arguments.early_stopping_patience,
      "Evaluations without gain before it ends; 0: never [0]", "N", training);

  const std::string few = "Few-shot";
  app.add_flag("--few-shot,--few_shot", arguments.few_shot,
               "For 8 to 64 examples a class: contrastive tuning of the encoder, then a linear classifier")
      ->group(few);
  add(app, "num_iterations", arguments.num_iterations, "How often each example is seen [20]", "N", few);
  app.add_flag("--no-label-names,--no_label_names", arguments.no_label_names,
               "Labels are bare marks: their names are not learned from as texts of their classes")
      ->group(few);

  const std::string lora = "LoRA (names of LoraConfig)";
  add(app, "r", arguments.r, "Rank [8]", "N", lora, "lora-r");
  add(app, "lora_alpha", arguments.lora_alpha, "Updates are scaled by alpha / r [8]", "X", lora, "alpha");
  add(app, "lora_dropout", arguments.lora_dropout, "[0]", "X", lora, "dropout");
  add(app, "target_modules", arguments.target_modules, "Modules to adapt, by the ends of their names [query and value]",
      "A,B", lora)
      ->delimiter(',');
  add(app, "use_rslora", arguments.use_rslora, "Scale by alpha / sqrt(r) [false]", "BOOL", lora);

  const std::string run = "Run";
  app.add_flag("--bf16", arguments.bf16,
               "Products in bf16 with f32 sums and parameters, where this CPU does that faster than f32")
      ->group(run);
  app.add_option("--precision", arguments.precision,
                 "fp32, or bf16 on any CPU; for --method head what the encoder runs in: bf16, fp16, int8 [fp32; head "
                 "with AMX bf16]")
      ->type_name("P")
      ->group(run);
  app.add_option("--threads", arguments.threads, "[physical cores]")->type_name("N")->group(run);
  app.add_flag("--resume", arguments.resume, "Go on with the run that was cut in --output-dir")->group(run);
  app.add_flag("--dry-run", arguments.dry_run, "Read everything, say what would be trained, and stop")->group(run);
  app.add_flag("--json", arguments.json, "The summary as JSON on stdout")->group(run);
}

Result<TrainOptions> interpret(const TrainArguments& arguments) {
  ClassifyArguments shared;  // what the commands share means the same in all
  shared.input_format = arguments.input_format;
  shared.encoding = arguments.encoding;
  shared.text_column = arguments.text_column;
  shared.text_pair_column = arguments.text_pair_column;
  shared.threads = arguments.threads;
  VALENCE_TRY(const ClassifyOptions as_classify, interpret(shared, false));
  TrainOptions options;
  options.reader = as_classify.reader;
  VALENCE_TRY(options.threads, parse_threads(arguments.threads));
  train::TrainingOptions& training = options.training;
  VALENCE_TRY(training.method, choose("--method", arguments.method, kMethods));
  training.learning_rate =
      arguments.learning_rate == 0 ? usual_learning_rate(training.method) : arguments.learning_rate;
  training.num_train_epochs = arguments.num_train_epochs;
  training.max_steps = arguments.max_steps;
  training.per_device_train_batch_size = arguments.per_device_train_batch_size;
  training.gradient_accumulation_steps = arguments.gradient_accumulation_steps;
  const auto schedule = train::schedule_named(arguments.lr_scheduler_type);
  if (!schedule) {
    return fail(not_one_of("--lr_scheduler_type", arguments.lr_scheduler_type,
                           {"linear", "cosine", "constant", "constant_with_warmup"}));
  }
  training.lr_scheduler_type = *schedule;
  training.warmup_steps = arguments.warmup_steps;
  training.warmup_ratio = arguments.warmup_ratio;
  training.optimizer = {arguments.adam_beta1, arguments.adam_beta2, arguments.adam_epsilon, arguments.weight_decay,
                        arguments.max_grad_norm};
  training.layer_decay = arguments.layer_decay;
  training.label_smoothing_factor = arguments.label_smoothing_factor;
  VALENCE_TRY(training.sampling, choose("--train_sampling_strategy", arguments.train_sampling_strategy, kSamplings));
  training.seed = arguments.seed;
  training.logging_steps = arguments.logging_steps;
  VALENCE_TRY(training.eval_strategy, choose("--eval_strategy", arguments.eval_strategy, kStrategies));
  VALENCE_TRY(training.save_strategy, choose("--save_strategy", arguments.save_strategy, kStrategies));
  training.eval_steps = arguments.eval_steps;
  training.save_steps = arguments.save_steps;
  training.load_best_model_at_end = arguments.load_best_model_at_end;
  training.early_stopping_patience = arguments.early_stopping_patience;
  VALENCE_TRY(const std::size_t max_length, parse_count("--max_length", arguments.max_length, kMaxTokens));
  training.max_length = static_cast<std::int64_t>(max_length);
  training.lora = {arguments.r, arguments.lora_alpha, arguments.lora_dropout, arguments.target_modules,
                   arguments.use_rslora};
  VALENCE_TRY_STATUS(training.validate());
  VALENCE_TRY_STATUS(choose_precision(arguments, options));
  if (arguments.few_shot) {
    if (training.method != train::Method::kFull) {
      return fail(ErrorCode::kInvalidArgument, "--few-shot", "tunes the whole encoder: it goes with --method full");
    }
    if (arguments.resume) {
      return fail(ErrorCode::kInvalidArgument, "--resume", "a few-shot run keeps no checkpoint to go on from",
                  "begin it anew in another --output-dir");
    }
    if (arguments.num_iterations < 0 || arguments.num_iterations > 10000) {
      return fail(ErrorCode::kInvalidArgument, "--num_iterations",
                  fmt::format("{}: expected 0 to 10000", arguments.num_iterations));
    }
    train::FewShotOptions& few_shot = options.few_shot.emplace();
    few_shot.num_iterations = arguments.num_iterations;
    few_shot.seed = training.seed;
    if (arguments.learning_rate > 0) few_shot.learning_rate = arguments.learning_rate;
  }
  if (arguments.no_label_names && !arguments.few_shot) {
    return fail(ErrorCode::kInvalidArgument, "--no-label-names", "is of --few-shot: names are learned from only there");
  }
  const bool has_soft_targets = !arguments.choices_column.empty() || !arguments.teacher_column.empty();
  if (has_soft_targets && arguments.few_shot) {
    return fail(ErrorCode::kInvalidArgument, "--few-shot", "learns from labels alone",
                "leave --choices-column and --teacher-column out");
  }
  if (has_soft_targets && !arguments.problem_type.empty() && arguments.problem_type != "single_label_classification") {
    return fail(ErrorCode::kInvalidArgument, "--problem_type",
                "--choices-column and --teacher-column are for one label a text",
                "leave them out, or give single_label_classification rows");
  }
  if (!(arguments.teacher_weight >= 0 && arguments.teacher_weight <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "--teacher_weight",
                fmt::format("{:g}: expected 0 to 1", arguments.teacher_weight));
  }
  if (!arguments.problem_type.empty()) {
    VALENCE_TRY(options.problem_type, choose("--problem_type", arguments.problem_type, kProblemTypes));
  }
  for (const std::string& word : arguments.class_weights) {
    if (word == "balanced") {
      options.balanced_weights = true;
      continue;
    }
    if (word.ends_with(".json")) {
      VALENCE_TRY(auto weights, read_class_weights(word));
      std::ranges::move(weights, std::back_inserter(options.class_weights));
      continue;
    }
    VALENCE_TRY(auto weight, parse_class_weight(word));
    options.class_weights.push_back(std::move(weight));
  }
  if (!(arguments.eval_split >= 0 && arguments.eval_split < 1)) {
    return fail(ErrorCode::kInvalidArgument, "--eval_split",
                fmt::format("{:g}: expected a share from 0, below 1", arguments.eval_split));
  }
  return options;
}

}  // namespace valence::cli
