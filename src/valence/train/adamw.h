/// \file
/// AdamW over the parameters that learn. Rows of embedding tables that no batch touched are left alone, and caught up
/// with when they are next needed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/spin_team.h"
#include "valence/kernels/training_table.h"
#include "valence/train/lazy_floats.h"
#include "valence/train/parameter_set.h"
#include "valence/train/schedule.h"

namespace valence::train {

/// Names and defaults of transformers' TrainingArguments.
struct AdamWOptions {
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay = 0;
  double max_grad_norm = 1.0;  ///< 0: no clipping
};

/// The numbers of torch.optim.AdamW with torch.nn.utils.clip_grad_norm_, whatever the number of threads.
///
/// A row without gradient still moves in AdamW: by its momentum, and by weight decay. Those steps are replayed, one by
/// one up to kReplayedSteps (momentum is 10^-23 of what it was by then) and in closed form beyond, before the row is
/// used: prepare() and finish().
class AdamW {
 public:
  static constexpr std::int64_t kReplayedSteps = 512;

  /// `rate_of` multiplies the learning rate of a parameter (layer-wise decay). The set must outlive the optimizer.
  AdamW(ParameterSet& parameters, const AdamWOptions& options, const Schedule& schedule,
        const std::function<double(const Parameter&)>& rate_of, const kernels::KernelTable& kernels, SpinTeam& team);

  /// Before a step's forward passes: `rows` (ascending, each once) of the tables that are looked up are what they would
  /// be had they been updated all along.
  void prepare(std::span<const std::int32_t> rows);
  /// One step from the gradients, which become zero. Returns their norm before clipping; when that is not finite,
  /// nothing is changed but the gradients.
  double step(std::span<const std::int32_t> rows);
  /// Catches up with all rows: before values are evaluated or saved.
  void finish();

  [[nodiscard]] std::int64_t steps() const { return steps_; }
  /// The learning rate of the step to come.
  [[nodiscard]] double learning_rate() const { return schedule_.at(steps_); }

  /// Moments and counters, for a checkpoint: valid after finish().
  struct State {
    std::span<float> first_moments, second_moments;  ///< laid out as the gradients
    std::int64_t* steps = nullptr;
  };
  [[nodiscard]] State state() { return {first_.span(), second_.span(), &steps_}; }
  /// After state() has been filled from a checkpoint.
  void restored();

 private:
  struct Rates {
    float decay, step_size, second_moment_scale;
  };
  [[nodiscard]] Rates rates(std::int64_t step, std::size_t parameter) const;
  /// Before rates() of steps up to `step`; one thread.
  void correct_up_to(std::int64_t step);
  void update(std::size_t parameter, std::size_t first, std::size_t size, float* gradients, float scale,
              std::int64_t step);
  void replay(std::size_t parameter, std::int32_t row, std::int64_t until);
  [[nodiscard]] double gradient_norm(std::span<const std::int32_t> rows);
  [[nodiscard]] std::size_t row_size(const Parameter& parameter) const {
    return parameter.size / static_cast<std::size_t>(parameter.shape.front());
  }

  ParameterSet& parameters_;
  AdamWOptions options_;
  Schedule schedule_;
  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  LazyFloats first_, second_;
  std::vector<double> rate_;                          // of each parameter
  std::vector<std::vector<std::int64_t>> row_steps_;  // of each by_row parameter: how many steps each row has had
  struct Piece {
    std::size_t parameter, first, size;
  };
  std::vector<Piece> pieces_;  // of all parameters that are updated whole
  std::vector<double> squares_;
  struct Corrections {
    double first, second;
  };
  std::vector<Corrections> corrections_;  // of each step: 1 - beta1^t and 1 / sqrt(1 - beta2^t)
  std::int64_t steps_ = 0;
};

}  // namespace valence::train
