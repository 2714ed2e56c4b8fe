#include "valence/classifier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <optional>
#include <system_error>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/engine/assemble_classifier.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/engine/postprocess.h"
#include "valence/engine/sequences.h"
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

}  // namespace

Status ClassifierOptions::validate() const {
  if (threads > kMaxThreads) {
    return fail(ErrorCode::kInvalidArgument, "--threads",
                fmt::format("{} is out of range: expected 1 to {}", threads, kMaxThreads));
  }
  return {};
}

struct Classifier::Impl {
  ClassifierOptions options;
  Tokenizer tokenizer;
  std::unique_ptr<EncoderRunner> runner;
  SequenceLimits limits;
  ScoreFunction function;
  std::vector<std::int32_t> kept;
  std::vector<std::string> labels;
  std::vector<std::string> warnings;
  std::size_t batch_tokens;

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

  static Result<std::unique_ptr<const Impl>> make(const ClassifierOptions& options, Tokenizer tokenizer, Model model,
                                                  const std::string& source);
  [[nodiscard]] std::vector<Result<TextSequences>> tokenize(std::span<const std::string_view> texts) const;
  [[nodiscard]] Status run_batch(const std::vector<std::uint32_t>& members,
                                 std::span<const std::span<const std::int32_t>> sequences, WorkerState& worker,
                                 ThreadPool* together, std::span<float> all_logits) const;
};

Result<std::unique_ptr<const Classifier::Impl>> Classifier::Impl::make(const ClassifierOptions& options,
                                                                       Tokenizer tokenizer, Model model,
                                                                       const std::string& source) {
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
  for (const std::int32_t id : impl->kept) impl->labels.push_back(spec.head.labels[static_cast<std::size_t>(id)]);

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
                  .trailing_padding = spec.head.pooling == Pooling::kLast ? spec.encoder.padding_id : -1};
  const std::size_t special_tokens = impl->tokenizer.num_special_tokens_to_add(false);
  if (impl->limits.max_length <= special_tokens) {
    return fail(ErrorCode::kInvalidArgument, "--max-length",
                fmt::format("{} leaves no room for text beside the {} special tokens", impl->limits.max_length,
                            special_tokens));
  }
  return std::unique_ptr<const Impl>(std::move(impl));
}

std::vector<Result<TextSequences>> Classifier::Impl::tokenize(std::span<const std::string_view> texts) const {
  std::vector<Result<TextSequences>> tokenized(texts.size());
  const std::size_t chunks = (texts.size() + kTextsPerChunk - 1) / kTextsPerChunk;
  pool.parallel_for(chunks, [&](std::size_t chunk, std::size_t) {
    const std::size_t end = std::min(texts.size(), (chunk + 1) * kTextsPerChunk);
    for (std::size_t i = chunk * kTextsPerChunk; i < end; ++i) {
      tokenized[i] = make_sequences(tokenizer, texts[i], limits);
    }
  });
  return tokenized;
}

Status Classifier::Impl::run_batch(const std::vector<std::uint32_t>& members,
                                   std::span<const std::span<const std::int32_t>> sequences, WorkerState& worker,
                                   ThreadPool* together, std::span<float> all_logits) const {
  const std::size_t num_labels = static_cast<std::size_t>(runner->spec().head.num_labels());
  worker.builder.clear();
  for (const std::uint32_t member : members) worker.builder.add(sequences[member], {});
  worker.logits.resize(members.size() * num_labels);
  const PackedBatch batch = worker.builder.batch();
  VALENCE_TRY_STATUS(together == nullptr ? runner->run(batch, *worker.workspace, worker.logits)
                                         : runner->run_together(batch, *worker.workspace, worker.logits, *together));
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::copy_n(worker.logits.begin() + static_cast<std::ptrdiff_t>(i * num_labels), num_labels,
                all_logits.begin() + static_cast<std::ptrdiff_t>(members[i] * num_labels));
  }
  return {};
}

std::vector<Result<Prediction>> Classifier::classify(std::span<const std::string_view> texts) const {
  const Impl& impl = *impl_;
  const auto tokenized = impl.tokenize(texts);

  // Texts -> sequences: one each, or several windows of a long text.
  std::vector<std::span<const std::int32_t>> sequences;
  std::vector<std::uint32_t> lengths;
  for (const auto& text : tokenized) {
    if (!text) continue;
    for (const auto& ids : text->sequences) {
      sequences.emplace_back(ids);
      lengths.push_back(static_cast<std::uint32_t>(ids.size()));
    }
  }

  const std::size_t num_labels = static_cast<std::size_t>(impl.runner->spec().head.num_labels());
  std::vector<float> logits(sequences.size() * num_labels);
  const BatchPlan plan = plan_batches(lengths, batch_budget(lengths, impl.batch_tokens, impl.pool.size()));
  std::vector<std::optional<Error>> batch_errors(sequences.size());
  const auto run = [&](std::size_t batch, std::size_t worker, ThreadPool* together) {
    const Status ran = impl.run_batch(plan[batch], sequences, impl.workers[worker], together, logits);
    if (ran) return;
    for (const std::uint32_t member : plan[batch]) batch_errors[member] = ran.error();
  };
  const std::lock_guard turn(impl.turn);
  if (plan.size() == 1) {
    run(0, 0, &impl.pool);
  } else {
    impl.pool.parallel_for(plan.size(), [&](std::size_t batch, std::size_t worker) { run(batch, worker, nullptr); });
  }

  std::vector<Result<Prediction>> predictions;
  predictions.reserve(texts.size());
  std::size_t next = 0;
  for (const auto& text : tokenized) {
    if (!text) {
      predictions.emplace_back(tl::unexpect, text.error());
      continue;
    }
    const std::size_t count = text->sequences.size();
    const auto failed = std::find_if(batch_errors.begin() + static_cast<std::ptrdiff_t>(next),
                                     batch_errors.begin() + static_cast<std::ptrdiff_t>(next + count),
                                     [](const auto& error) { return error.has_value(); });
    if (failed != batch_errors.begin() + static_cast<std::ptrdiff_t>(next + count)) {
      predictions.emplace_back(tl::unexpect, **failed);
    } else {
      const auto merged =
          merge_logits(std::span(logits).subspan(next * num_labels, count * num_labels), *text, num_labels);
      if (!merged) {
        predictions.emplace_back(tl::unexpect, merged.error());
      } else {
        predictions.push_back(to_prediction(*merged, impl.kept, impl.function));
        predictions.back()->truncated = text->truncated;
        predictions.back()->windows = static_cast<std::int32_t>(count);
      }
    }
    next += count;
  }
  return predictions;
}

Result<std::shared_ptr<const Classifier>> Classifier::load(const std::filesystem::path& model_dir,
                                                           const ClassifierOptions& options) {
  VALENCE_TRY(Model model, load_model(model_dir, options.adapter));
  VALENCE_TRY(Tokenizer tokenizer, load_tokenizer(model_dir));
  return assemble_classifier({std::move(tokenizer), std::move(model), model_dir.string()}, options);
}

Result<std::shared_ptr<const Classifier>> Classifier::load_default(const ClassifierOptions& options) {
  const EmbeddedModel& embedded = default_model();
  const std::string source = "built-in model";
  VALENCE_TRY(Model model, load_model(embedded.config_json, embedded.weights, source, options.adapter));
  VALENCE_TRY(Tokenizer tokenizer, Tokenizer::from_tokenizer_json(embedded.tokenizer_json, source));
  return assemble_classifier({std::move(tokenizer), std::move(model), source}, options);
}

Result<std::shared_ptr<const Classifier>> assemble_classifier(ClassifierParts parts, const ClassifierOptions& options) {
  VALENCE_TRY(auto impl,
              Classifier::Impl::make(options, std::move(parts.tokenizer), std::move(parts.model), parts.source));
  return std::shared_ptr<const Classifier>(new Classifier(std::move(impl)));
}

Classifier::Classifier(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;

const std::vector<std::string>& Classifier::labels() const { return impl_->labels; }
ScoreFunction Classifier::function() const { return impl_->function; }
std::size_t Classifier::max_length() const { return impl_->limits.max_length; }
std::size_t Classifier::threads() const { return impl_->pool.size(); }
Precision Classifier::precision() const { return impl_->runner->precision(); }
const std::vector<std::string>& Classifier::warnings() const { return impl_->warnings; }

}  // namespace valence
