#include "valence/train/adamw.h"

#include <algorithm>
#include <cmath>

namespace valence::train {
namespace {

// Updated at a time: small enough to share out evenly, large enough to be worth a turn.
constexpr std::size_t kPieceFloats = 16384;

}  // namespace

AdamW::AdamW(ParameterSet& parameters, const AdamWOptions& options, const Schedule& schedule,
             const std::function<double(const Parameter&)>& rate_of, const kernels::KernelTable& kernels,
             SpinTeam& team)
    : parameters_(parameters),
      options_(options),
      schedule_(schedule),
      kernels_(kernels),
      team_(team),
      first_(parameters.gradients().size(), parameters.dense_gradients()),
      second_(parameters.gradients().size(), parameters.dense_gradients()) {
  const auto all = parameters.parameters();
  row_steps_.resize(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    rate_.push_back(rate_of(all[i]));
    if (!all[i].learns) continue;
    if (all[i].by_row) {
      row_steps_[i].assign(static_cast<std::size_t>(all[i].shape.front()), 0);
      continue;
    }
    for (std::size_t first = 0; first < all[i].size; first += kPieceFloats) {
      pieces_.push_back({i, first, std::min(kPieceFloats, all[i].size - first)});
    }
  }
}

/// torch/optim/adamw.py, _single_tensor_adamw: factors in double, applied in f32.
AdamW::Rates AdamW::rates(std::int64_t step, std::size_t parameter) const {
  const double learning_rate = schedule_.at(step) * rate_[parameter];
  const double decay = parameters_.parameters()[parameter].decays ? options_.weight_decay : 0.0;
  const Corrections& corrections = corrections_[static_cast<std::size_t>(step)];
  return {static_cast<float>(1.0 - learning_rate * decay), static_cast<float>(learning_rate / corrections.first),
          static_cast<float>(corrections.second)};
}

/// Two powers take as long as the update of a row: they are computed once a step, not once a row.
void AdamW::correct_up_to(std::int64_t step) {
  while (static_cast<std::int64_t>(corrections_.size()) <= step) {
    const auto count = static_cast<double>(corrections_.size() + 1);
    corrections_.push_back(
        {1.0 - std::pow(options_.adam_beta1, count), 1.0 / std::sqrt(1.0 - std::pow(options_.adam_beta2, count))});
  }
}

void AdamW::update(std::size_t index, std::size_t first, std::size_t size, float* gradients, float scale,
                   std::int64_t step) {
  const Parameter& parameter = parameters_.parameters()[index];
  const Rates of = rates(step, index);
  const std::size_t at = parameter.gradient + first;
  kernels_.training->adamw({.value = parameters_.values_of(parameter).data() + first,
                            .gradient = gradients,
                            .first_moment = first_.data() + at,
                            .second_moment = second_.data() + at,
                            .size = static_cast<std::int64_t>(size),
                            .gradient_scale = scale,
                            .decay = of.decay,
                            .beta1 = static_cast<float>(options_.adam_beta1),
                            .beta2 = static_cast<float>(options_.adam_beta2),
                            .step_size = of.step_size,
                            .second_moment_scale = of.second_moment_scale,
                            .epsilon = static_cast<float>(options_.adam_epsilon)});
}

void AdamW::replay(std::size_t index, std::int32_t row, std::int64_t until) {
  const Parameter& parameter = parameters_.parameters()[index];
  std::int64_t& done = row_steps_[index][static_cast<std::size_t>(row)];
  const std::size_t width = row_size(parameter);
  const std::size_t first = static_cast<std::size_t>(row) * width;
  const std::int64_t replayed = std::min(until, done + kReplayedSteps);
  const std::span<const float> momentum = first_.span().subspan(parameter.gradient + first, width);
  const bool moves = std::ranges::any_of(momentum, [](float m) { return m != 0.0F; });
  if (moves) {
    for (; done < replayed; ++done) update(index, first, width, nullptr, 1.0F, done);
  }
  if (done == until) return;
  double decay = 1.0;
  for (std::int64_t step = done; step < until; ++step) decay *= static_cast<double>(rates(step, index).decay);
  if (decay != 1.0) {
    for (float& value : parameters_.values_of(parameter).subspan(first, width))
      value = static_cast<float>(value * decay);
  }
  if (moves) {
    const auto steps = static_cast<double>(until - done);
    const auto first_factor = static_cast<float>(std::pow(options_.adam_beta1, steps));
    const auto second_factor = static_cast<float>(std::pow(options_.adam_beta2, steps));
    for (float& m : first_.span().subspan(parameter.gradient + first, width)) m *= first_factor;
    for (float& v : second_.span().subspan(parameter.gradient + first, width)) v *= second_factor;
  }
  done = until;
}

void AdamW::prepare(std::span<const std::int32_t> rows) {
  correct_up_to(steps_);
  for (std::size_t i = 0; i < row_steps_.size(); ++i) {
    if (row_steps_[i].empty()) continue;
    team_.parallel_for(rows.size(), [&](std::size_t at, std::size_t) { replay(i, rows[at], steps_); });
  }
}

void AdamW::finish() {
  correct_up_to(steps_);
  constexpr std::size_t kRows = 256;
  for (std::size_t i = 0; i < row_steps_.size(); ++i) {
    if (row_steps_[i].empty()) continue;
    const std::size_t rows = row_steps_[i].size();
    team_.parallel_for((rows + kRows - 1) / kRows, [&](std::size_t block, std::size_t) {
      for (std::size_t row = block * kRows; row < std::min(rows, (block + 1) * kRows); ++row) {
        replay(i, static_cast<std::int32_t>(row), steps_);
      }
    });
  }
}

void AdamW::restored() {
  for (auto& rows : row_steps_) std::ranges::fill(rows, steps_);
}

double AdamW::gradient_norm(std::span<const std::int32_t> rows) {
  squares_.assign(pieces_.size(), 0.0);
  const auto all = parameters_.parameters();
  team_.parallel_for(pieces_.size(), [&](std::size_t i, std::size_t) {
    const auto& [index, first, size] = pieces_[i];
    squares_[i] = kernels_.training->sum_of_squares(parameters_.gradients_of(all[index]).data() + first,
                                                    static_cast<std::int64_t>(size));
  });
  double sum = 0;
  for (const double square : squares_) sum += square;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (row_steps_[i].empty()) continue;
    const std::size_t width = row_size(all[i]);
    squares_.assign(rows.size(), 0.0);
    team_.parallel_for(rows.size(), [&](std::size_t at, std::size_t) {
      squares_[at] = kernels_.training->sum_of_squares(
          parameters_.gradients_of(all[i]).data() + static_cast<std::size_t>(rows[at]) * width,
          static_cast<std::int64_t>(width));
    });
    for (const double square : squares_) sum += square;
  }
  return std::sqrt(sum);
}

double AdamW::step(std::span<const std::int32_t> rows) {
  correct_up_to(steps_);
  const double norm = gradient_norm(rows);
  const auto all = parameters_.parameters();
  const bool finite = std::isfinite(norm);
  // torch.nn.utils.clip_grad_norm_: the coefficient is at most 1.
  const double clipped = options_.max_grad_norm > 0 ? std::min(1.0, options_.max_grad_norm / (norm + 1e-6)) : 1.0;
  const auto scale = static_cast<float>(clipped);
  const auto take = [&](std::size_t index, std::size_t first, std::size_t size) {
    float* const gradients = parameters_.gradients_of(all[index]).data() + first;
    if (finite) {
      update(index, first, size, gradients, scale, steps_);
    } else {
      std::fill_n(gradients, size, 0.0F);
    }
  };
  team_.parallel_for(pieces_.size(), [&](std::size_t i, std::size_t) {
    take(pieces_[i].parameter, pieces_[i].first, pieces_[i].size);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (row_steps_[i].empty()) continue;
    const std::size_t width = row_size(all[i]);
    team_.parallel_for(rows.size(), [&](std::size_t at, std::size_t) {
      const auto row = static_cast<std::size_t>(rows[at]);
      take(i, row * width, width);
      if (finite) ++row_steps_[i][row];
    });
  }
  if (finite) ++steps_;
  return norm;
}

}  // namespace valence::train
