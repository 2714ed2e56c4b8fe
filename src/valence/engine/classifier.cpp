#include "valence/classifier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/engine/assemble_classifier.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/engine/calibration_file.h"
#include "valence/engine/default_model.h"
#include "valence/engine/entities.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/engine/postprocess.h"
#include "valence/engine/sequences.h"
#include "valence/engine/zero_shot.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/model.h"
#include "valence/model/runner.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

constexpr std::size_t kMaxThreads = 1024;
// Texts a worker tokenizes before it asks for more: small enough to balance, large enough to hide the hand-over.
constexpr std::size_t kTextsPerChunk = 32;

/// The ids of the labels to keep, in the model's order.
Result<std::vector<std::int32_t>> kept_labels(const std::vector<std::string>& model_labels,
                                              const std::vector<std::string>& wanted) {
  std::vector<std::int32_t> kept(model_labels.size());
  std::iota(kept.begin(), kept.end(), 0);
  if (wanted.empty()) return kept;
  for (const std::string& label : wanted) {
    if (std::find(model_labels.begin(), model_labels.end(), label) == model_labels.end()) {
      return fail(ErrorCode::kInvalidArgument, "--labels", fmt::format("the model has no label \"{}\"", label),
                  fmt::format("its labels are {}", fmt::join(model_labels, ", ")));
    }
  }
  std::erase_if(kept, [&](std::int32_t id) {
    return std::find(wanted.begin(), wanted.end(), model_labels[static_cast<std::size_t>(id)]) == wanted.end();
  });
  return kept;
}

/// The highest id that a text need not spell a special token to get: of the vocabulary, and of what is put around
/// texts. Added tokens beyond are for make_sequences. Nothing if the vocabulary is empty.
std::optional<std::size_t> highest_id_of_any_text(const Tokenizer& tokenizer) {
  std::size_t size = tokenizer.base_vocabulary_size();
  for (const auto& around : {tokenizer.encode(""), tokenizer.encode_pair("", "")}) {
    if (!around) continue;
    for (const std::int32_t id : around->ids) size = std::max(size, static_cast<std::size_t>(id) + 1);
  }
  return size == 0 ? std::nullopt : std::optional(size - 1);
}

/// What a token classifier and a zero-shot one cannot be asked for.
Status check_head(const ClassifierOptions& options, bool labels_tokens) {
  const bool zero_shot = !options.zero_shot.labels.empty();
  const auto refuse = [](std::string_view option, std::string what) {
    return fail(ErrorCode::kInvalidArgument, std::string(option), std::move(what), "leave it out");
  };
  if (labels_tokens) {
    if (zero_shot) return refuse("--zero-shot", "the model labels tokens, not texts");
    if (!options.labels.empty()) return refuse("--labels", "the model labels tokens, not texts");
    if (options.function != ScoreFunction::kModel) return refuse("--function", "the model labels tokens, by softmax");
    if (options.on_long == LongText::kWindow) return refuse("--on-long window", "tokens are not labelled in windows");
    return {};
  }
  if (options.aggregation != AggregationStrategy::kNone) {
    return refuse("--aggregation-strategy", "the model labels texts, not tokens");
  }
  if (!zero_shot) return {};
  if (!options.labels.empty()) return refuse("--labels", "the labels are those of --zero-shot");
  if (options.function != ScoreFunction::kModel) {
    return refuse("--function", "zero-shot scores have their own: see --multi-label");
  }
  if (options.on_long == LongText::kWindow) return refuse("--on-long window", "pairs are not read in windows");
  return {};
}

}  // namespace

Status ClassifierOptions::validate() const {
  if (threads > kMaxThreads) {
    return fail(ErrorCode::kInvalidArgument, "--threads",
                fmt::format("{} is out of range: expected 1 to {}", threads, kMaxThreads));
  }
  return {};
}

struct Classifier::Impl {
  /// Ids and types of one sequence, views of a text's, and where its logits begin among those of all.
  struct Sequence {
    std::span<const std::int32_t> ids;
    std::span<const std::int32_t> types;
    std::size_t first_logit;
    std::size_t logits;
  };

  ClassifierOptions options;
  Tokenizer tokenizer;
  std::unique_ptr<EncoderRunner> runner;
  SequenceLimits limits;
  ScoreFunction function;
  std::optional<Calibration> calibration;
  double temperature = 1;  // of `function`
  std::vector<std::int32_t> kept;
  std::vector<std::string> labels;
  std::vector<std::string> warnings;
  std::size_t batch_tokens;
  std::optional<ZeroShot> zero_shot;
  bool labels_tokens = false;
  bool has_token_types = false;  // the model has a table of them, and the tokenizer tells

  // The compute threads and what each of them mutates. classify() is const and may be called from anywhere: whoever
  // computes holds `turn`, so that a worker's state has one user at a time.
  struct WorkerState {
    std::unique_ptr<EncoderRunner::Workspace> workspace;
    BatchBuilder builder;
    std::vector<float> logits;
  };
  mutable std::mutex turn;
  mutable ThreadPool pool;
  mutable std::vector<WorkerState> workers;

  Impl(const ClassifierOptions& given, Tokenizer text_tokenizer, std::unique_ptr<EncoderRunner> packed)
      : options(given),
        tokenizer(std::move(text_tokenizer)),
        runner(std::move(packed)),
        function(resolve_function(given.function, runner->spec().head.problem_type)),
        batch_tokens(given.batch_tokens == 0 ? kDefaultBatchTokens : given.batch_tokens),
        pool(given.threads == 0 ? usable_cores() : given.threads),
        workers(pool.size()) {
    for (auto& worker : workers) worker.workspace = runner->make_workspace();
  }

  static Result<std::unique_ptr<const Impl>> make(const ClassifierOptions& options, ClassifierParts parts);
  [[nodiscard]] Result<TextSequences> sequences_of(const TextInput& input) const;
  [[nodiscard]] std::vector<Result<TextSequences>> tokenize(std::span<const TextInput> texts) const;
  [[nodiscard]] Status run_batch(const std::vector<std::uint32_t>& members, std::span<const Sequence> sequences,
                                 WorkerState& worker, ThreadPool* together, std::span<float> all_logits) const;
  [[nodiscard]] Result<Prediction> predict(const TextInput& input, const TextSequences& text,
                                           std::span<const float> logits) const;
};

Result<std::unique_ptr<const Classifier::Impl>> Classifier::Impl::make(const ClassifierOptions& options,
                                                                       ClassifierParts parts) {
  auto& [tokenizer, model, source, calibration] = parts;
  VALENCE_TRY_STATUS(options.validate());
  const ModelSpec spec = model.spec;
  const auto embedding_rows = static_cast<std::size_t>(spec.encoder.vocab_size);
  if (const auto highest = highest_id_of_any_text(tokenizer); highest && *highest >= embedding_rows) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("the tokenizer knows ids up to {}, but the model's embedding table has {} rows", *highest,
                            embedding_rows),
                "the tokenizer files belong to another checkpoint");
  }
  std::vector<std::string> warnings;
  if (!model.weights.unused.empty()) {
    constexpr std::size_t kNamed = 5;
    const auto& unused = model.weights.unused;
    warnings.push_back(fmt::format(
        "{}: {} tensor{} not used by {}: {}{}", source, unused.size(), unused.size() == 1 ? " is" : "s are",
        spec.model_type,
        fmt::join(unused.begin(), unused.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, unused.size())), ", "),
        unused.size() > kNamed ? ", ..." : ""));
  }
  const bool labels_tokens = spec.head.pooling == Pooling::kNone;
  VALENCE_TRY_STATUS(check_head(options, labels_tokens));
  std::optional<ZeroShot> zero_shot;
  if (!options.zero_shot.labels.empty()) {
    VALENCE_TRY(zero_shot, ZeroShot::make(options.zero_shot, spec.head.labels));
  }
  VALENCE_TRY(auto kept, kept_labels(spec.head.labels, options.labels));
  VALENCE_TRY(auto runner,
              make_runner(std::move(model), {.precision = options.precision, .fp32_layers = options.fp32_layers}));

  if (options.precision != Precision::kAuto && runner->precision() != options.precision) {
    VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
    const bool has_kernels = kernels::encoder_kernels(*table, options.precision) != nullptr;
    warnings.push_back(fmt::format("--precision {}: {}, running in {}", name(options.precision),
                                   has_kernels ? "every layer is kept in fp32" : "this CPU has no fast path for it",
                                   name(runner->precision())));
  }
  std::unique_ptr<Impl> impl;
  try {
    impl = std::make_unique<Impl>(options, std::move(tokenizer), std::move(runner));
  } catch (const std::system_error& refused) {
    return fail(ErrorCode::kOverloaded, "--threads",
                fmt::format("the operating system starts no {} threads: {}",
                            options.threads == 0 ? usable_cores() : options.threads, refused.code().message()),
                "take fewer, or raise the limit on processes or memory");
  }
  impl->warnings = std::move(warnings);
  impl->kept = std::move(kept);
  impl->labels_tokens = labels_tokens;
  impl->has_token_types = spec.encoder.type_vocab_size > 0;
  if (zero_shot) {
    impl->labels = options.zero_shot.labels;
    impl->function = zero_shot->label_by_label() ? ScoreFunction::kSigmoid : ScoreFunction::kSoftmax;
  }
  if (calibration && calibration->function == impl->function) impl->temperature = calibration->temperature;
  impl->calibration = std::move(calibration);
  impl->zero_shot = std::move(zero_shot);
  for (const std::int32_t id : impl->kept) {
    if (impl->zero_shot) break;
    impl->labels.push_back(spec.head.labels[static_cast<std::size_t>(id)]);
  }

  std::size_t model_maximum = static_cast<std::size_t>(spec.encoder.max_sequence_length());
  if (const auto own = impl->tokenizer.model_max_length()) model_maximum = std::min(model_maximum, *own);
  if (options.max_length > static_cast<std::size_t>(spec.encoder.max_sequence_length())) {
    return fail(ErrorCode::kInvalidArgument, "--max-length",
                fmt::format("{} is more than the model's {} positions", options.max_length,
                            spec.encoder.max_sequence_length()));
  }
  impl->limits = {.max_length = options.max_length == 0 ? model_maximum : options.max_length,
                  .on_long = options.on_long,
                  .embedding_rows = embedding_rows,
                  .trailing_padding = spec.head.pooling == Pooling::kLast ? spec.encoder.padding_id : -1,
                  .keeps_encoding = labels_tokens};
  const std::size_t special_tokens = impl->tokenizer.num_special_tokens_to_add(impl->zero_shot.has_value());
  if (impl->limits.max_length <= special_tokens) {
    return fail(ErrorCode::kInvalidArgument, "--max-length",
                fmt::format("{} leaves no room for text beside the {} special tokens", impl->limits.max_length,
                            special_tokens));
  }
  return std::unique_ptr<const Impl>(std::move(impl));
}

Result<TextSequences> Classifier::Impl::sequences_of(const TextInput& input) const {
  const bool is_pair = input.pair && !input.pair->empty();
  SequenceLimits own = limits;
  own.truncation_side = input.truncation_side;
  if (input.token_ids) {
    if (labels_tokens || zero_shot) {
      return fail(ErrorCode::kUnsupported, "", "this model is given texts, not token ids");
    }
    return make_given_sequence(*input.token_ids, own);
  }
  if (labels_tokens && is_pair) {
    return fail(ErrorCode::kUnsupported, "", "the model labels the tokens of one text, not of a pair");
  }
  if (!zero_shot) {
    return is_pair ? make_pair_sequence(tokenizer, input.text, *input.pair, TruncationStrategy::kLongestFirst, own)
                   : make_sequences(tokenizer, input.text, own);
  }
  if (is_pair) return fail(ErrorCode::kUnsupported, "", "zero-shot labels are for one text, not for a pair");
  // An empty premise would be judged by the hypothesis alone.
  if (input.text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return fail(ErrorCode::kInvalidData, "", "empty text");
  }
  TextSequences all;
  for (const std::string& hypothesis : zero_shot->hypotheses()) {
    VALENCE_TRY(auto pair, make_pair_sequence(tokenizer, input.text, hypothesis, TruncationStrategy::kOnlyFirst, own));
    all.sequences.push_back(std::move(pair.sequences.front()));
    if (!pair.token_type_ids.empty()) all.token_type_ids.push_back(std::move(pair.token_type_ids.front()));
    all.truncated = all.truncated || pair.truncated;
  }
  return all;
}

std::vector<Result<TextSequences>> Classifier::Impl::tokenize(std::span<const TextInput> texts) const {
  std::vector<Result<TextSequences>> tokenized(texts.size());
  const std::size_t chunks = (texts.size() + kTextsPerChunk - 1) / kTextsPerChunk;
  pool.parallel_for(chunks, [&](std::size_t chunk, std::size_t) {
    const std::size_t end = std::min(texts.size(), (chunk + 1) * kTextsPerChunk);
    for (std::size_t i = chunk * kTextsPerChunk; i < end; ++i) tokenized[i] = sequences_of(texts[i]);
  });
  return tokenized;
}

Status Classifier::Impl::run_batch(const std::vector<std::uint32_t>& members, std::span<const Sequence> sequences,
                                   WorkerState& worker, ThreadPool* together, std::span<float> all_logits) const {
  worker.builder.clear();
  std::size_t logits = 0;
  for (const std::uint32_t member : members) {
    worker.builder.add(sequences[member].ids, sequences[member].types);
    logits += sequences[member].logits;
  }
  worker.logits.resize(logits);
  const PackedBatch batch = worker.builder.batch();
  VALENCE_TRY_STATUS(together == nullptr ? runner->run(batch, *worker.workspace, worker.logits)
                                         : runner->run_together(batch, *worker.workspace, worker.logits, *together));
  auto next = worker.logits.begin();
  for (const std::uint32_t member : members) {
    const auto count = static_cast<std::ptrdiff_t>(sequences[member].logits);
    std::copy_n(next, count, all_logits.begin() + static_cast<std::ptrdiff_t>(sequences[member].first_logit));
    next += count;
  }
  return {};
}

Result<Prediction> Classifier::Impl::predict(const TextInput& input, const TextSequences& text,
                                             std::span<const float> logits) const {
  const auto& model_labels = runner->spec().head.labels;
  Prediction prediction;
  if (labels_tokens) {
    VALENCE_TRY(prediction.entities,
                find_entities(tokenizer, input.text, text.encoding, logits, model_labels, options.aggregation));
    prediction.label_id = -1;
  } else if (zero_shot) {
    VALENCE_TRY_STATUS(check_finite(logits));
    prediction = zero_shot->to_prediction(logits);
  } else {
    VALENCE_TRY(const auto merged, merge_logits(logits, text, model_labels.size()));
    prediction = to_prediction(merged, kept, function, temperature);
    prediction.logits.reserve(kept.size());
    for (const std::int32_t label : kept) prediction.logits.push_back(merged[static_cast<std::size_t>(label)]);
    prediction.windows = static_cast<std::int32_t>(text.sequences.size());
  }
  prediction.truncated = text.truncated;
  for (const auto& ids : text.sequences) prediction.tokens += static_cast<std::uint32_t>(ids.size());
  return prediction;
}

std::vector<Result<Prediction>> Classifier::classify(std::span<const std::string_view> texts) const {
  std::vector<TextInput> inputs;
  inputs.reserve(texts.size());
  for (const std::string_view text : texts) inputs.push_back({.text = text});
  return classify(inputs);
}

std::vector<Result<Prediction>> Classifier::classify(std::span<const TextInput> texts) const {
  ClassifyTimes unused;
  return classify(texts, unused);
}

std::vector<Result<Prediction>> Classifier::classify(std::span<const TextInput> texts, ClassifyTimes& times) const {
  const Impl& impl = *impl_;
  auto since = std::chrono::steady_clock::now();
  const auto lap = [&since] {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(since, now)).count();
  };
  const auto tokenized = impl.tokenize(texts);
  times.tokenize_seconds = lap();

  // Texts -> sequences: one each, or several: windows of a long text, the hypotheses of zero-shot labels.
  const std::size_t num_labels = impl.runner->spec().head.labels.size();
  std::vector<Impl::Sequence> sequences;
  std::vector<std::uint32_t> lengths;
  std::size_t num_logits = 0;
  for (const auto& text : tokenized) {
    if (!text) continue;
    for (std::size_t i = 0; i < text->sequences.size(); ++i) {
      const auto& ids = text->sequences[i];
      const std::size_t rows = impl.labels_tokens ? ids.size() : 1;
      const auto types = impl.has_token_types ? text->types_of(i) : std::span<const std::int32_t>();
      sequences.push_back({ids, types, num_logits, rows * num_labels});
      lengths.push_back(static_cast<std::uint32_t>(ids.size()));
      num_logits += rows * num_labels;
    }
  }

  std::vector<float> logits(num_logits);
  const BatchPlan plan = plan_batches(lengths, batch_budget(lengths, impl.batch_tokens, impl.pool.size()));
  std::vector<std::optional<Error>> batch_errors(sequences.size());
  const auto run = [&](std::size_t batch, std::size_t worker, ThreadPool* together) {
    const Status ran = impl.run_batch(plan[batch], sequences, impl.workers[worker], together, logits);
    if (ran) return;
    for (const std::uint32_t member : plan[batch]) batch_errors[member] = ran.error();
  };
  const std::lock_guard turn(impl.turn);
  times.wait_seconds = lap();
  if (plan.size() == 1) {
    run(0, 0, &impl.pool);
  } else {
    impl.pool.parallel_for(plan.size(), [&](std::size_t batch, std::size_t worker) { run(batch, worker, nullptr); });
  }

  times.inference_seconds = lap();

  std::vector<Result<Prediction>> predictions;
  predictions.reserve(texts.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& text = tokenized[i];
    if (!text) {
      predictions.emplace_back(tl::unexpect, text.error());
      continue;
    }
    const auto errors = std::span(batch_errors).subspan(next, text->sequences.size());
    const auto failed = std::find_if(errors.begin(), errors.end(), [](const auto& error) { return error.has_value(); });
    if (failed != errors.end()) {
      predictions.emplace_back(tl::unexpect, **failed);
    } else {
      const Impl::Sequence& first = sequences[next];
      const Impl::Sequence& last = sequences[next + text->sequences.size() - 1];
      predictions.push_back(impl.predict(
          texts[i], *text,
          std::span(logits).subspan(first.first_logit, last.first_logit + last.logits - first.first_logit)));
    }
    next += text->sequences.size();
  }
  times.scores_seconds = lap();
  return predictions;
}

Result<Prediction> Classifier::rescored(const Prediction& prediction, ScoreFunction function) const {
  if (prediction.logits.empty()) {
    return fail(ErrorCode::kUnsupported, "", "this model's scores have one function only");
  }
  std::vector<std::int32_t> all(prediction.logits.size());
  std::iota(all.begin(), all.end(), 0);
  const ScoreFunction resolved = function == ScoreFunction::kModel ? model_function() : function;
  const bool calibrated = impl_->calibration && impl_->calibration->function == resolved;
  Prediction other = to_prediction(prediction.logits, all, resolved, calibrated ? impl_->calibration->temperature : 1);
  other.truncated = prediction.truncated;
  other.windows = prediction.windows;
  other.tokens = prediction.tokens;
  other.logits = prediction.logits;
  return other;
}

namespace {

/// What was fitted for the model as it is says nothing of another head or of merged weights.
bool wants_calibration(const Model& model, const ClassifierOptions& options) {
  return options.use_calibration && options.zero_shot.labels.empty() && options.adapter.empty() &&
         model.spec.head.pooling != Pooling::kNone;
}

}  // namespace

Result<std::shared_ptr<const Classifier>> Classifier::load(const std::filesystem::path& model_dir,
                                                           const ClassifierOptions& options) {
  VALENCE_TRY(Model model, load_model(model_dir, options.adapter));
  VALENCE_TRY(Tokenizer tokenizer, load_tokenizer(model_dir));
  std::optional<Calibration> calibration;
  if (wants_calibration(model, options)) {
    VALENCE_TRY(calibration, load_calibration(model_dir, model.spec.head.labels));
  }
  return assemble_classifier({std::move(tokenizer), std::move(model), model_dir.string(), std::move(calibration)},
                             options);
}

Result<std::shared_ptr<const Classifier>> Classifier::load_default(const ClassifierOptions& options) {
  const EmbeddedModel& embedded = default_model();
  const std::string source = "built-in model";
  VALENCE_TRY(Model model, load_model(embedded.config_json, embedded.weights, source, options.adapter));
  VALENCE_TRY(Tokenizer tokenizer, Tokenizer::from_tokenizer_json(embedded.tokenizer_json, source));
  std::optional<Calibration> calibration;
  if (wants_calibration(model, options)) {
    VALENCE_TRY(const Json document, Json::parse(embedded.calibration_json, source));
    VALENCE_TRY(calibration, parse_calibration(document, model.spec.head.labels));
  }
  return assemble_classifier({std::move(tokenizer), std::move(model), source, std::move(calibration)}, options);
}

Result<std::shared_ptr<const Classifier>> assemble_classifier(ClassifierParts parts, const ClassifierOptions& options) {
  VALENCE_TRY(auto impl, Classifier::Impl::make(options, std::move(parts)));
  return std::shared_ptr<const Classifier>(new Classifier(std::move(impl)));
}

Classifier::Classifier(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;

const std::vector<std::string>& Classifier::labels() const { return impl_->labels; }
ScoreFunction Classifier::function() const { return impl_->function; }
ScoreFunction Classifier::model_function() const {
  return resolve_function(ScoreFunction::kModel, impl_->runner->spec().head.problem_type);
}
const std::optional<Calibration>& Classifier::calibration() const { return impl_->calibration; }
bool Classifier::labels_tokens() const { return impl_->labels_tokens; }
std::size_t Classifier::max_length() const { return impl_->limits.max_length; }
std::size_t Classifier::threads() const { return impl_->pool.size(); }
const Tokenizer& Classifier::tokenizer() const { return impl_->tokenizer; }
Precision Classifier::precision() const { return impl_->runner->precision(); }
const std::vector<std::string>& Classifier::warnings() const { return impl_->warnings; }

}  // namespace valence
