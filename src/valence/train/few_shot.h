/// \file
/// Learning from a handful of examples a class: the encoder is tuned so that texts of one class lie close and others
/// apart, then a linear classifier is fitted to where they lie. Source: SetFit (Tunstall et al. 2022); the loss is that
/// of supervised contrastive learning (Khosla et al. 2020).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "valence/base/error.h"
#include "valence/train/examples.h"
#include "valence/train/network.h"
#include "valence/train/trainer.h"

namespace valence::train {

struct FewShotOptions {
  std::int64_t num_iterations = 20;  ///< how often each example is seen
  double learning_rate = 5e-5;
  double warmup_ratio = 0.1;
  std::int64_t batch_size = 32;  ///< examples whose pairs are looked at together
  double temperature = 0.1;      ///< of the cosines
  double weight_decay = 0.01;
  double inverse_regularisation = 1.0;  ///< C of the classifier, over states of length 1
  std::uint64_t seed = 42;
};

/// Examples of a batch: batch_size, or two a class where that is more. Some come twice where there are fewer.
[[nodiscard]] std::int64_t batch_rows(const FewShotOptions& options, std::int64_t classes);

struct FewShotEvents {
  std::function<void(const Progress&)> on_step;
};

/// Tunes what learns in `model`'s encoder. kSingleLabel only; each class needs an example. Errors: kCancelled; a loss
/// that is no number.
Status learn_few(BaseModel& model, Network& network, const FewShotOptions& options, std::span<const Example> examples,
                 const kernels::KernelTable& kernels, SpinTeam& team, const FewShotEvents& events,
                 const std::atomic<bool>* stop);

/// Fits dense layer and classifier of the head to `pooled` [examples, hidden_size] as multinomial logistic regression:
/// the dense layer passes its input through its activation (nearly) unchanged, the classifier is linear.
Status fit_head(BaseModel& model, std::span<const Example> examples, std::span<const float> pooled,
                const FewShotOptions& options);

}  // namespace valence::train
