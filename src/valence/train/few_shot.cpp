#include "valence/train/few_shot.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "valence/train/logistic_regression.h"

namespace valence::train {
namespace {

/// Rows of a batch: classes in turn, each class's examples in an order of their own that is drawn anew when they are
/// through. So classes count alike however many examples they have.
class ClassSampler {
 public:
  ClassSampler(std::span<const Example> examples, std::size_t classes, std::uint64_t seed)
      : by_class_(classes), seed_(seed) {
    for (std::size_t i = 0; i < examples.size(); ++i) {
      by_class_[static_cast<std::size_t>(examples[i].target.label)].rows.push_back(static_cast<std::uint32_t>(i));
    }
    std::erase_if(by_class_, [](const Class& each) { return each.rows.empty(); });
  }

  std::uint32_t next() {
    Class& own = by_class_[turn_++ % by_class_.size()];
    if (own.at == own.order.size()) {
      own.order = shuffled(own.rows.size(), seed_ ^ mixed(turn_ % by_class_.size()), own.round++);
      own.at = 0;
    }
    return own.rows[own.order[own.at++]];
  }

 private:
  struct Class {
    std::vector<std::uint32_t> rows, order;
    std::size_t at = 0;
    std::int64_t round = 0;
  };
  std::vector<Class> by_class_;
  std::uint64_t seed_;
  std::size_t turn_ = 0;
};

/// For each text, the log-probability of its class's other texts under a softmax over its cosines to all others; the
/// loss is minus their mean. Texts alone in their class are passed over. Writes the gradient of `pooled`.
double contrastive_loss(std::span<const float> pooled, std::span<const std::int32_t> labels, std::size_t width,
                        double temperature, std::span<float> d_pooled) {
  const std::size_t count = labels.size();
  std::vector<double> unit(count * width);
  std::vector<double> length(count);
  for (std::size_t i = 0; i < count; ++i) {
    double squares = 0;
    for (std::size_t c = 0; c < width; ++c)
      squares += static_cast<double>(pooled[i * width + c]) * pooled[i * width + c];
    length[i] = std::sqrt(std::max(squares, 1e-24));
    for (std::size_t c = 0; c < width; ++c) unit[i * width + c] = pooled[i * width + c] / length[i];
  }
  std::vector<double> similarity(count * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double dot = 0;
      for (std::size_t c = 0; c < width; ++c) dot += unit[i * width + c] * unit[j * width + c];
      similarity[i * count + j] = similarity[j * count + i] = dot / temperature;
    }
  }
  std::vector<double> gradient(count * count, 0.0);  // of similarity[i][j], as i's own softmax has it
  double loss = 0;
  std::size_t anchors = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t positives = 0;
    double greatest = -1e300;
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      positives += labels[j] == labels[i] ? 1 : 0;
      greatest = std::max(greatest, similarity[i * count + j]);
    }
    if (positives == 0 || positives + 1 == count) continue;
    ++anchors;
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum += j == i ? 0 : std::exp(similarity[i * count + j] - greatest);
    const double log_sum = greatest + std::log(sum);
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      const double share = labels[j] == labels[i] ? 1.0 / static_cast<double>(positives) : 0.0;
      loss += share * (log_sum - similarity[i * count + j]);
      gradient[i * count + j] = std::exp(similarity[i * count + j] - log_sum) - share;
    }
  }
  std::ranges::fill(d_pooled, 0.0F);
  if (anchors == 0) return 0;
  const double scale = 1.0 / (static_cast<double>(anchors) * temperature);
  std::vector<double> d_unit(width);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::fill(d_unit, 0.0);
    for (std::size_t j = 0; j < count; ++j) {
      const double both = scale * (gradient[i * count + j] + gradient[j * count + i]);
      if (j == i || both == 0) continue;
      for (std::size_t c = 0; c < width; ++c) d_unit[c] += both * unit[j * width + c];
    }
    double along = 0;  // what would only change the length
    for (std::size_t c = 0; c < width; ++c) along += d_unit[c] * unit[i * width + c];
    for (std::size_t c = 0; c < width; ++c) {
      d_pooled[i * width + c] = static_cast<float>((d_unit[c] - along * unit[i * width + c]) / length[i]);
    }
  }
  return loss / static_cast<double>(anchors);
}

/// Where an activation is nearly the identity: f(scale * x + shift) = scale * x + shift, for |x| of a normalised state.
struct PassThrough {
  float scale = 1.0F;
  float shift = 0.0F;
};

PassThrough pass_through(Activation activation) {
  switch (activation) {
    case Activation::kTanh:
      return {0.01F, 0.0F};  // states are a few units at most: tanh(0.05) is 0.05 within 0.1 %
    case Activation::kNone:
      return {1.0F, 0.0F};
    case Activation::kRelu:
    case Activation::kGelu:
    case Activation::kGeluTanh:
    case Activation::kSilu:
      break;
  }
  return {1.0F, 50.0F};  // far in the positive, where they are straight
}

}  // namespace

std::int64_t batch_rows(const FewShotOptions& options, std::int64_t classes) {
  return std::max(options.batch_size, 2 * classes);
}

Status learn_few(BaseModel& model, Network& network, const FewShotOptions& options, std::span<const Example> examples,
                 const kernels::KernelTable& kernels, SpinTeam& team, const FewShotEvents& events,
                 const std::atomic<bool>* stop) {
  const auto classes = static_cast<std::size_t>(model.spec.head.num_labels());
  const auto width = static_cast<std::size_t>(model.spec.encoder.hidden_size);
  const std::int64_t per_epoch = std::max<std::int64_t>(
      1, (static_cast<std::int64_t>(examples.size()) + options.batch_size - 1) / options.batch_size);
  Schedule schedule{ScheduleKind::kLinear, options.learning_rate, 0, per_epoch * options.num_iterations};
  schedule.warmup_steps = static_cast<std::int64_t>(options.warmup_ratio * static_cast<double>(schedule.total_steps));
  AdamWOptions adamw;
  adamw.weight_decay = options.weight_decay;
  AdamW optimizer(
      model.parameters, adamw, schedule, [](const Parameter&) { return 1.0; }, kernels, team);
  ClassSampler sampler(examples, classes, options.seed);
  BatchBuilder builder;
  Progress progress;
  progress.total_steps = schedule.total_steps;
  for (std::int64_t step = 0; step < schedule.total_steps; ++step) {
    if (stop != nullptr && stop->load()) return fail(ErrorCode::kCancelled, {}, "stopped");
    const auto begin = std::chrono::steady_clock::now();
    builder.clear();
    std::vector<std::int32_t> labels;
    std::vector<std::int32_t> rows;
    for (std::int64_t i = 0; i < batch_rows(options, model.spec.head.num_labels()); ++i) {
      const Example& example = examples[sampler.next()];
      builder.add(example.ids, example.type_ids);
      labels.push_back(example.target.label);
      rows.insert(rows.end(), example.ids.begin(), example.ids.end());
      progress.tokens += example.ids.size();
    }
    std::ranges::sort(rows);
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    const PackedBatch batch = builder.batch();
    std::vector<float> pooled(labels.size() * width);
    std::vector<float> d_pooled(pooled.size());
    const DropoutStream random{mixed(mixed(options.seed) ^ mixed(static_cast<std::uint64_t>(step)))};
    progress.learning_rate = optimizer.learning_rate();
    team.run([&] {
      optimizer.prepare(rows);
      network.forward_pooled(batch, &random, pooled);
      progress.loss = contrastive_loss(pooled, labels, width, options.temperature, d_pooled);
      network.backward_pooled(batch, &random, d_pooled);
      progress.grad_norm = optimizer.step(rows);
    });
    if (!std::isfinite(progress.loss) || !std::isfinite(progress.grad_norm)) {
      return fail(ErrorCode::kInvalidData, {}, fmt::format("the loss is {} at step {}", progress.loss, step + 1),
                  "lower --learning_rate, or look at the base model");
    }
    progress.step = step + 1;
    progress.epoch = static_cast<double>(progress.step) / static_cast<double>(per_epoch);
    progress.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (events.on_step) events.on_step(progress);
  }
  team.run([&] { optimizer.finish(); });
  return {};
}

Status fit_head(BaseModel& model, std::span<const Example> examples, std::span<const float> pooled,
                const FewShotOptions& options) {
  const auto width = static_cast<std::size_t>(model.spec.encoder.hidden_size);
  std::vector<std::int32_t> labels;
  for (const Example& example : examples) labels.push_back(example.target.label);
  // States of length 1, as the fit sees them; after a norm all have about the same.
  double squares = 0;
  for (const float value : pooled) squares += static_cast<double>(value) * value;
  const double length = std::sqrt(squares / static_cast<double>(examples.size()));
  std::vector<double> unit(pooled.begin(), pooled.end());
  for (double& value : unit) value /= length;
  const LinearClassifier fitted = fit_logistic_regression(
      unit, labels, static_cast<std::size_t>(model.spec.head.num_labels()), options.inverse_regularisation);

  const auto values = [&](const TensorView& view) {
    const auto* const first = reinterpret_cast<const float*>(view.bytes.data());
    return model.parameters.values_of(model.parameters.owner_of(first));
  };
  const ModelWeights& weights = model.weights;
  PassThrough pass;
  if (weights.head_dense) {
    pass = pass_through(model.spec.head.dense_act);
    const std::span<float> dense = values(weights.head_dense->weight.values);
    std::ranges::fill(dense, 0.0F);
    for (std::size_t i = 0; i < width; ++i) dense[i * width + i] = pass.scale;
    if (weights.head_dense->bias) std::ranges::fill(values(*weights.head_dense->bias), pass.shift);
  }
  const std::span<float> classifier = values(weights.classifier.weight.values);
  for (std::size_t i = 0; i < classifier.size(); ++i) {
    classifier[i] = static_cast<float>(fitted.weights[i] / (length * pass.scale));
  }
  if (!weights.classifier.bias) return {};
  const std::span<float> bias = values(*weights.classifier.bias);
  for (std::size_t label = 0; label < bias.size(); ++label) {
    double shifted = 0;
    for (std::size_t c = 0; c < width; ++c) shifted += static_cast<double>(classifier[label * width + c]) * pass.shift;
    bias[label] = static_cast<float>(fitted.biases[label] - shifted);
  }
  return {};
}

}  // namespace valence::train
