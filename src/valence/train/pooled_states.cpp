#include "valence/train/pooled_states.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/model/runner.h"

namespace valence::train {
namespace {

/// The encoder with a head that gives what it reads: no dense layer, and the identity for a classifier.
Model headless(const BaseModel& base, std::span<const float> identity) {
  ModelSpec spec = base.spec;
  const std::int64_t hidden = spec.encoder.hidden_size;
  spec.head.has_dense = false;
  spec.head.dense_norm = false;
  spec.head.classifier_bias = false;
  spec.head.labels.assign(static_cast<std::size_t>(hidden), "");
  ModelWeights weights = base.weights;
  weights.head_dense.reset();
  weights.head_norm.reset();
  weights.classifier = {};
  weights.classifier.weight.values = {DType::kF32, {hidden, hidden}, std::as_bytes(identity)};
  return {std::move(spec), Checkpoint::from_tensors({}, "training"), std::move(weights)};
}

}  // namespace

Result<std::vector<float>> pooled_states(const BaseModel& base, std::span<const Example> examples, ThreadPool& pool,
                                         const PooledOptions& options) {
  const auto hidden = static_cast<std::size_t>(base.spec.encoder.hidden_size);
  std::vector<float> identity(hidden * hidden, 0.0F);
  for (std::size_t i = 0; i < hidden; ++i) identity[i * hidden + i] = 1.0F;
  VALENCE_TRY(const auto runner, make_runner(headless(base, identity), {.precision = options.precision}));
  std::vector<std::uint32_t> lengths;
  for (const Example& example : examples) lengths.push_back(static_cast<std::uint32_t>(example.ids.size()));
  const BatchPlan plan = plan_batches(lengths, batch_budget(lengths, kDefaultBatchTokens, pool.size()));
  std::vector<float> states(examples.size() * hidden);
  struct Worker {
    BatchBuilder builder;
    std::unique_ptr<EncoderRunner::Workspace> workspace;
    std::vector<float> logits;
  };
  std::vector<Worker> workers(pool.size());
  std::mutex mutex;  // guards what follows
  std::optional<Error> failed;
  std::size_t done = 0;
  pool.parallel_for(plan.size(), [&](std::size_t index, std::size_t at) {
    if (options.stop != nullptr && options.stop->load()) return;
    Worker& worker = workers[at];
    if (!worker.workspace) worker.workspace = runner->make_workspace();
    worker.builder.clear();
    for (const std::uint32_t i : plan[index]) worker.builder.add(examples[i].ids, examples[i].type_ids);
    worker.logits.resize(plan[index].size() * hidden);
    const Status ran = runner->run(worker.builder.batch(), *worker.workspace, worker.logits);
    for (std::size_t row = 0; row < plan[index].size(); ++row) {
      std::copy_n(worker.logits.begin() + static_cast<std::ptrdiff_t>(row * hidden), hidden,
                  states.begin() + static_cast<std::ptrdiff_t>(plan[index][row] * hidden));
    }
    const std::scoped_lock lock(mutex);
    if (!ran && !failed) failed = ran.error();
    done += plan[index].size();
    if (options.on_progress) options.on_progress(done);
  });
  if (failed) return fail(*failed);
  if (options.stop != nullptr && options.stop->load()) return fail(ErrorCode::kCancelled, {}, "stopped");
  return states;
}

}  // namespace valence::train
