/// \file
/// The loop: batches, steps, evaluations, checkpoints.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/spin_team.h"
#include "valence/engine/batch_builder.h"
#include "valence/train/adamw.h"
#include "valence/train/examples.h"
#include "valence/train/network.h"
#include "valence/train/training_options.h"

namespace valence::train {

/// Where a run stands, told as often as anything changes.
struct Progress {
  std::int64_t step = 0;  ///< optimizer steps done
  std::int64_t total_steps = 0;
  double epoch = 0;
  double loss = 0;  ///< mean over the steps since the last log
  double grad_norm = 0;
  double learning_rate = 0;
  std::uint64_t tokens = 0;  ///< real ones, in this process
  double seconds = 0;        ///< of training in this process, evaluations left out
};

/// Of the rows kept out of training. What is there depends on the kind of problem.
struct Evaluation {
  std::int64_t step = 0;
  double epoch = 0;
  std::map<std::string, double> metrics;  ///< "eval_loss", "eval_accuracy", "eval_f1", ...
  bool is_best = false;
};

/// What a run tells its caller. All are called on the caller's thread; any may be null. A failed Status ends the run.
struct TrainerEvents {
  std::function<void(const Progress&)> on_step;
  std::function<void(const Progress&)> on_log;  ///< every logging_steps
  std::function<Status(const Evaluation&)> on_evaluation;
  /// A checkpoint is due: values are caught up. `best` tells whether they are the best so far.
  std::function<Status(bool best)> on_save;
};

/// The part of a run's state that is not in the parameters or the optimizer.
struct TrainerState {
  std::int64_t step = 0;
  double best_metric = 0;
  std::int64_t best_step = -1;
  std::int64_t evaluations_without_gain = 0;
  bool stopped_early = false;
};

/// Rows as a trainer takes them: token ids, and what the head reads of each text where the encoder does not learn.
struct TrainerRows {
  std::span<const Example> examples;
  std::span<const float> pooled = {};  ///< [examples, hidden_size] (pooled_states.h), or empty: the encoder runs
};

/// Trains what learns in a BaseModel. Deterministic: the same data, options, kernels and versions give the same bits,
/// whatever the number of threads, and also when the run was cut after a save and goes on from there.
class Trainer {
 public:
  /// All must outlive the trainer. `evaluated` may be empty. `options` have been validated.
  Trainer(BaseModel& model, Network& network, const TrainingOptions& options, const TrainerRows& learned,
          const TrainerRows& evaluated, const kernels::KernelTable& kernels, SpinTeam& team);
  ~Trainer();

  [[nodiscard]] std::int64_t total_steps() const { return schedule_.total_steps; }
  [[nodiscard]] std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  [[nodiscard]] AdamW& optimizer() { return optimizer_; }
  [[nodiscard]] TrainerState& state() { return state_; }

  /// Runs until all steps are done, patience is out, or `stop` is raised (kCancelled). Errors: a loss or gradient that
  /// is no number (names the rows of the batch; the values are those before that step), and what an event returned.
  Status run(const TrainerEvents& events, const std::atomic<bool>* stop);

  /// Logits of `rows` without dropout, [examples, num_labels].
  [[nodiscard]] std::vector<float> logits_of(const TrainerRows& rows);
  /// Loss and metrics of `rows`, each name after `prefix`.
  [[nodiscard]] std::map<std::string, double> measure(const TrainerRows& rows, const std::string& prefix);

 private:
  [[nodiscard]] std::vector<std::uint32_t> order_of(std::int64_t epoch) const;
  [[nodiscard]] std::vector<std::int32_t> rows_of(std::span<const std::uint32_t> chosen) const;
  [[nodiscard]] std::span<const float> pooled_of(const TrainerRows& rows, std::span<const std::uint32_t> chosen);
  Result<double> train_step(std::span<const std::uint32_t> chosen, Progress& progress);
  Status evaluate(const TrainerEvents& events, Progress& progress);
  [[nodiscard]] LossOptions loss_options() const;
  [[nodiscard]] std::string places_of(std::span<const std::uint32_t> chosen) const;

  BaseModel& model_;
  Network& network_;
  const TrainingOptions& options_;
  std::span<const Example> examples_;
  TrainerRows learned_, evaluated_;
  SpinTeam& team_;
  std::int64_t steps_per_epoch_ = 0;
  Schedule schedule_;
  AdamW optimizer_;
  TrainerState state_;
  BatchBuilder builder_;
  std::vector<float> logits_, d_logits_, pooled_;
};

}  // namespace valence::train
