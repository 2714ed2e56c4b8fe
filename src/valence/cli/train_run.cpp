#include "valence/cli/train_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "valence/base/json_text.h"
#include "valence/base/spin_team.h"
#include "valence/base/write_file.h"
#include "valence/cli/label_texts.h"
#include "valence/cli/quantities.h"
#include "valence/cli/train_base.h"
#include "valence/cli/train_card.h"
#include "valence/cli/train_data.h"
#include "valence/cli/train_html.h"
#include "valence/kernels/bf16_dispatch.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/config.h"
#include "valence/train/few_shot.h"
#include "valence/train/lora.h"
#include "valence/train/memory_estimate.h"
#include "valence/train/model_writer.h"
#include "valence/train/pooled_states.h"
#include "valence/train/run_state.h"
#include "valence/train/trainer.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStateFile = "training_state.safetensors";
constexpr const char* kMetricsFile = "metrics.jsonl";

std::string metrics_line(const std::map<std::string, double>& metrics) {
  std::string line;
  for (const auto& [name, value] : metrics) line += fmt::format("  {} {:.4f}", name, value);
  return line;
}

}  // namespace

struct TrainRun::State {
  TrainArguments arguments;
  TrainOptions options;
  std::vector<Error> failed;
  std::vector<std::string> notes;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<SpinTeam> team;
  TrainBase source;
  std::unique_ptr<train::BaseModel> base;
  train::HeadRequest head;
  std::vector<train::Example> examples, evaluated;
  std::vector<train::Example> named;            // the labels' names, for few-shot
  std::vector<float> pooled, pooled_evaluated;  // of --method head
  std::unique_ptr<train::Network> network;
  std::unique_ptr<train::Trainer> trainer;
  train::Fingerprint fingerprint;
  std::vector<std::string> metrics;  // lines of metrics.jsonl
  TrainReport report;

  [[nodiscard]] fs::path output() const { return arguments.output_dir; }
  Status check_output() const;
  Status read_rows();
  Status make_network();
  enum class Encoder { kLearns, kFrozen };
  Status make_trainer(const std::atomic<bool>& stop, Encoder encoder);
  Status check_memory();
  Status finish(const std::function<void(const std::string&)>& say);
  [[nodiscard]] Result<bool> wants_mean_layer() const;
  Status learn_few(const std::atomic<bool>& stop, const std::function<void(const LearningState&)>& on_progress,
                   const std::function<void(const std::string&)>& say);
  Status write_result() const;
  Status save(bool best);
  Status log(JsonText json);
};

TrainRun::TrainRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrainRun::~TrainRun() = default;

const std::vector<Error>& TrainRun::failed_rows() const { return state_->failed; }
const std::vector<std::string>& TrainRun::notes() const { return state_->notes; }

/// The directory may be made, or is empty, or holds the run to go on with.
Status TrainRun::State::check_output() const {
  std::error_code error;
  if (!fs::exists(output(), error)) {
    const fs::path parent = fs::absolute(output()).parent_path();
    if (fs::is_directory(parent, error)) return {};
    return fail(ErrorCode::kNotFound, parent.string(),
                fmt::format("no such directory to make {} in", output().filename().string()));
  }
  if (!fs::is_directory(output(), error)) {
    return fail(ErrorCode::kInvalidArgument, "--output-dir",
                fmt::format("{} is there and is no directory", output().string()));
  }
  if (arguments.resume || fs::is_empty(output(), error)) return {};
  const bool cut = fs::exists(output() / kStateFile, error);
  return fail(ErrorCode::kInvalidArgument, "--output-dir", fmt::format("{} is there and not empty", output().string()),
              cut ? "a run was cut there: --resume goes on with it" : "choose a name that is free");
}

Status TrainRun::State::read_rows() {
  const TrainingColumns columns{arguments.label_column, arguments.choices_column, arguments.teacher_column};
  VALENCE_TRY(TrainingRows rows, read_training_rows(arguments.data, options.reader, columns));
  failed = rows.failed;
  VALENCE_TRY(head, train::label_space(rows.labels, options.problem_type));
  if (options.few_shot && head.problem_type != ProblemType::kSingleLabel) {
    return fail(ErrorCode::kInvalidArgument, "--few-shot", "is for texts with one label each",
                "leave it out, or give single_label_classification rows");
  }
  VALENCE_TRY(source, open_train_base(arguments.model));
  const auto room = [&](std::span<const Shape> shapes) {
    return options.training.method == train::Method::kLora ? train::lora_room(shapes, options.training.lora.r) : 0;
  };
  VALENCE_TRY(const bool adds_mean_layer, wants_mean_layer());
  VALENCE_TRY(
      train::BaseModel made,
      train::make_base_model(source.config_json, source.checkpoint(), head,
                             {.seed = options.training.seed, .room_beside = room, .adds_mean_layer = adds_mean_layer}));
  base = std::make_unique<train::BaseModel>(std::move(made));
  head.labels = base->spec.head.labels;

  const EncoderSpec& encoder = base->spec.encoder;
  std::int64_t max_length = std::min(options.training.max_length, encoder.max_sequence_length());
  if (const auto own = source.tokenizer->model_max_length())
    max_length = std::min(max_length, static_cast<std::int64_t>(*own));
  options.training.max_length = max_length;
  const EncodingLimits limits{static_cast<std::size_t>(max_length), static_cast<std::size_t>(encoder.vocab_size),
                              encoder.type_vocab_size > 1};
  VALENCE_TRY(EncodedRows encoded, encode_rows(rows, *source.tokenizer, limits, head, arguments.teacher_weight, *pool));
  std::ranges::move(encoded.failed, std::back_inserter(failed));
  report.truncated = encoded.truncated;
  if (encoded.examples.empty()) {
    return fail(ErrorCode::kInvalidData, arguments.data.front(), "has no row that can be learned from");
  }
  if (!arguments.eval_data.empty()) {
    VALENCE_TRY(const TrainingRows other,
                read_training_rows(arguments.eval_data, options.reader,
                                   {.label = arguments.label_column, .choices = arguments.choices_column}));
    VALENCE_TRY(EncodedRows measured, encode_rows(other, *source.tokenizer, limits, head, 0, *pool));
    std::ranges::copy(other.failed, std::back_inserter(failed));
    std::ranges::move(measured.failed, std::back_inserter(failed));
    examples = std::move(encoded.examples);
    evaluated = std::move(measured.examples);
  } else {
    std::vector<train::Target> targets;
    for (const train::Example& example : encoded.examples) targets.push_back(example.target);
    const std::vector<bool> out = train::held_out(targets, head, arguments.eval_split, options.training.seed);
    for (std::size_t i = 0; i < out.size(); ++i) {
      (out[i] ? evaluated : examples).push_back(std::move(encoded.examples[i]));
    }
    if (!evaluated.empty()) {
      notes.push_back(fmt::format("{} of {} rows are kept out to measure on (--eval-split {:g})",
                                  with_thousands(evaluated.size()), with_thousands(out.size()), arguments.eval_split));
    }
  }
  if (options.few_shot && !arguments.no_label_names && rows.pairs.empty()) {
    VALENCE_TRY(EncodedRows names, encode_rows(label_texts(head.labels), *source.tokenizer, limits, head, 0, *pool));
    named = std::move(names.examples);
    if (!named.empty()) {
      notes.push_back(fmt::format("{} texts are made of the labels' names and learned from (--no-label-names: none)",
                                  named.size()));
    }
  }
  return {};
}

Status TrainRun::State::make_network() {
  train::TrainingOptions& training = options.training;
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  VALENCE_TRY(const Json config, Json::parse(base->config_json, "config.json"));
  VALENCE_TRY(const train::DropoutSpec dropout, train::dropout_spec(config, base->spec.model_type));
  const kernels::Bf16Products* const bf16 = training.bf16 ? &kernels::bf16_products(*table) : nullptr;
  train::ParameterSet& parameters = base->parameters;
  if (training.method == train::Method::kLora) {
    VALENCE_TRY(const auto probe, train::Network::make(*base, {dropout, bf16}, *table, *team));
    VALENCE_TRY_STATUS(train::add_lora_parameters(*probe, training.lora, training.seed, parameters));
  }
  choose_what_learns(*base, training.method);
  VALENCE_TRY(network, train::Network::make(*base, {dropout, bf16}, *table, *team));
  if (training.method == train::Method::kLora) train::attach_lora(*network, parameters, training.lora);

  std::vector<train::Target> targets;
  for (const train::Example& example : examples) targets.push_back(example.target);
  report.label_counts = train::label_counts(targets, head);
  VALENCE_TRY(training.class_weights, class_weights(options, head, report.label_counts));
  fingerprint = train::fingerprint(training);
  fingerprint.emplace_back("data", fmt::format("{:016x}", hash_of(examples)));
  fingerprint.emplace_back("eval data", fmt::format("{:016x}", hash_of(evaluated)));
  fingerprint.emplace_back("base", source.fingerprint);
  return {};
}

/// Few examples are learned from as sentence encoders are: by the mean of the states, where the architecture lets it be
/// a layer.
Result<bool> TrainRun::State::wants_mean_layer() const {
  if (!options.few_shot) return false;
  VALENCE_TRY(const Json config, Json::parse(source.config_json, "config.json"));
  VALENCE_TRY(const ModelSpec spec, parse_config(config));
  return train::can_add_mean_layer(spec);
}

Status TrainRun::State::learn_few(const std::atomic<bool>& stop,
                                  const std::function<void(const LearningState&)>& on_progress,
                                  const std::function<void(const std::string&)>& say) {
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  train::FewShotEvents events;
  events.on_step = [&](const train::Progress& at) {
    on_progress({.step = at.step,
                 .total_steps = at.total_steps,
                 .epoch = at.epoch,
                 .loss = at.loss,
                 .learning_rate = at.learning_rate,
                 .tokens_per_second = at.seconds > 0 ? static_cast<double>(at.tokens) / at.seconds : 0});
    report.steps = report.total_steps = at.step;
    report.tokens = at.tokens;
    report.training_seconds = at.seconds;
  };
  std::ranges::move(named, std::back_inserter(examples));
  VALENCE_TRY_STATUS(train::learn_few(*base, *network, *options.few_shot, examples, *table, *team, events, &stop));
  VALENCE_TRY_STATUS(make_trainer(stop, Encoder::kFrozen));  // from here on
  VALENCE_TRY_STATUS(train::fit_head(*base, examples, pooled, *options.few_shot));
  if (evaluated.empty()) return {};
  report.best = report.last = trainer->measure({evaluated, pooled_evaluated}, "eval_");
  say(fmt::format("measured:{}", metrics_line(report.best)));
  return {};
}

/// An encoder that does not learn reads every text once, before the first step.
Status TrainRun::State::make_trainer(const std::atomic<bool>& stop, Encoder encoder) {
  if (encoder == Encoder::kFrozen) {
    const train::PooledOptions pooling{.precision = options.precision, .stop = &stop};
    VALENCE_TRY(pooled, train::pooled_states(*base, examples, *pool, pooling));
    VALENCE_TRY(pooled_evaluated, train::pooled_states(*base, evaluated, *pool, pooling));
  }
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  trainer = std::make_unique<train::Trainer>(*base, *network, options.training, train::TrainerRows{examples, pooled},
                                             train::TrainerRows{evaluated, pooled_evaluated}, *table, *team);
  return {};
}

Status TrainRun::State::check_memory() {
  std::vector<std::int64_t> lengths;
  for (const train::Example& example : examples) lengths.push_back(static_cast<std::int64_t>(example.ids.size()));
  std::ranges::sort(lengths, std::greater());
  const auto rows =
      static_cast<std::size_t>(options.few_shot ? train::batch_rows(*options.few_shot, base->spec.head.num_labels())
                                                : std::min<std::int64_t>(options.training.per_device_train_batch_size,
                                                                         static_cast<std::int64_t>(lengths.size())));
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < rows; ++i) tokens += lengths[i % lengths.size()];
  const std::uint64_t needed = train::training_bytes(*base, tokens, lengths.front());
  report.estimated_bytes = needed;
  const auto available = train::available_bytes();
  if (!available || needed <= *available) return {};
  return fail(ErrorCode::kOverloaded, {},
              fmt::format("training needs about {}, and {} are free", megabytes(needed), megabytes(*available)),
              options.few_shot
                  ? "take a smaller --max-length or a smaller base"
                  : "take a smaller --per-device-train-batch-size (with --gradient-accumulation-steps), a smaller "
                    "--max-length, or --method lora");
}

Result<std::unique_ptr<TrainRun>> TrainRun::prepare(const TrainArguments& arguments, const TrainOptions& options) {
  auto state = std::make_unique<State>();
  state->arguments = arguments;
  state->options = options;
  state->notes = options.notes;
  VALENCE_TRY_STATUS(state->check_output());
  state->pool = std::make_unique<ThreadPool>(options.threads == 0 ? usable_cores() : options.threads);
  state->team = std::make_unique<SpinTeam>(*state->pool);
  VALENCE_TRY_STATUS(state->read_rows());
  VALENCE_TRY_STATUS(state->make_network());
  VALENCE_TRY_STATUS(state->check_memory());
  describe(*state->base, state->head, state->options, state->report, state->notes);
  return std::unique_ptr<TrainRun>(new TrainRun(std::move(state)));
}

Status TrainRun::State::log(JsonText json) {
  std::string line = json.text();
  std::erase(line, '\n');
  metrics.push_back(std::move(line));
  return write_file_atomically(output() / kMetricsFile, fmt::format("{}\n", fmt::join(metrics, "\n")));
}

Status TrainRun::State::write_result() const {
  train::CompanionFiles files = source.files;
  files.emplace_back("README.md", train_card(*base, arguments, options, report));
  if (options.training.method == train::Method::kLora) {
    return train::write_adapter(*base, options.training.lora, arguments.model, files, output());
  }
  return train::write_model(*base, files, output());
}

Status TrainRun::State::save(bool best) {
  if (best || evaluated.empty() || !options.training.load_best_model_at_end) VALENCE_TRY_STATUS(write_result());
  return train::save_run_state(output() / kStateFile, *base, *trainer, fingerprint);
}

Status TrainRun::run(const std::atomic<bool>& stop, const std::function<void(const LearningState&)>& on_progress,
                     const std::function<void(const std::string&)>& say) {
  State& state = *state_;
  std::error_code error;
  fs::create_directory(state.output(), error);
  if (error) return fail(ErrorCode::kIo, state.output().string(), fmt::format("cannot be made: {}", error.message()));
  const auto began = std::chrono::steady_clock::now();
  if (state.options.few_shot) {
    VALENCE_TRY_STATUS(state.learn_few(stop, on_progress, say));
    state.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return state.finish(say);
  }
  VALENCE_TRY_STATUS(state.make_trainer(
      stop, state.options.training.method == train::Method::kHead ? State::Encoder::kFrozen : State::Encoder::kLearns));
  if (state.arguments.resume) {
    if (fs::exists(state.output() / kStateFile, error)) {
      VALENCE_TRY_STATUS(
          train::load_run_state(state.output() / kStateFile, *state.base, *state.trainer, state.fingerprint));
      say(fmt::format("going on after step {} of {}", state.trainer->state().step, state.trainer->total_steps()));
      VALENCE_TRY(state.metrics, metrics_up_to(state.output() / kMetricsFile, state.trainer->state().step));
    } else {
      say("no checkpoint to go on from: beginning anew");
    }
  }
  const std::int64_t first_step = state.trainer->state().step;
  train::TrainerEvents events;
  events.on_step = [&](const train::Progress& at) {
    on_progress({.step = at.step,
                 .first_step = first_step,
                 .total_steps = at.total_steps,
                 .epoch = at.epoch,
                 .loss = at.loss,
                 .learning_rate = at.learning_rate,
                 .tokens_per_second = at.seconds > 0 ? static_cast<double>(at.tokens) / at.seconds : 0});
    state.report.tokens = at.tokens;
    state.report.training_seconds = at.seconds;
  };
  Status logged;
  events.on_log = [&](const train::Progress& at) {
    JsonText json;
    json.begin_object().key("step").integer(at.step).key("epoch").number(at.epoch).key("loss").number(at.loss);
    json.key("grad_norm").number(at.grad_norm).key("learning_rate").number(at.learning_rate);
    json.key("tokens_per_second").number(at.seconds > 0 ? static_cast<double>(at.tokens) / at.seconds : 0).end_object();
    if (logged) logged = state.log(std::move(json));
  };
  events.on_evaluation = [&](const train::Evaluation& evaluation) {
    say(fmt::format("epoch {:.2f}, step {}:{}{}", evaluation.epoch, evaluation.step, metrics_line(evaluation.metrics),
                    evaluation.is_best ? "  (best)" : ""));
    if (evaluation.is_best) state.report.best = evaluation.metrics;
    state.report.last = evaluation.metrics;
    JsonText json;
    json.begin_object().key("step").integer(evaluation.step).key("epoch").number(evaluation.epoch);
    for (const auto& [name, value] : evaluation.metrics) json.key(name).number(value);
    json.end_object();
    return state.log(std::move(json));
  };
  events.on_save = [&](bool best) { return logged ? state.save(best) : logged; };
  const Status done = state.trainer->run(events, &stop);
  state.report.steps = state.trainer->state().step;
  state.report.total_steps = state.trainer->total_steps();
  state.report.stopped_early = state.trainer->state().stopped_early;
  state.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (!done) return done;
  VALENCE_TRY_STATUS(logged);
  return state.finish(say);
}

/// Once everything is learned: what the directory is for.
Status TrainRun::State::finish(const std::function<void(const std::string&)>& say) {
  std::error_code ignored;
  const bool keeps_best =
      !options.few_shot && options.training.load_best_model_at_end && trainer->state().best_step >= 0;
  if (!keeps_best) VALENCE_TRY_STATUS(write_result());
  VALENCE_TRY_STATUS(
      write_file_atomically(output() / "training_report.json", report_json(*base, arguments, options, report)));
  VALENCE_TRY(const std::string page, train_html(*base, arguments, options, report, metrics));
  VALENCE_TRY_STATUS(write_file_atomically(output() / "report.html", page));
  fs::remove(output() / kStateFile, ignored);  // a whole run needs no checkpoint
  say(fmt::format("{}: written", output().string()));
  return {};
}

std::string TrainRun::summary(bool json) const {
  return json ? report_json(*state_->base, state_->arguments, state_->options, state_->report)
              : report_text(*state_->base, state_->arguments, state_->options, state_->report);
}

std::string TrainRun::how_to_go_on() const {
  if (state_->options.few_shot) return "stopped; a few-shot run keeps nothing and is begun anew";
  if (!state_->trainer) return "stopped before the first step";
  return fmt::format("stopped after step {} of {}; --resume goes on from the last checkpoint in {}",
                     state_->trainer->state().step, state_->trainer->total_steps(), state_->output().string());
}

}  // namespace valence::cli
