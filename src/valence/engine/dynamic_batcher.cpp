#include "valence/engine/dynamic_batcher.h"

#include <time.h>

#include <algorithm>
#include <new>
#include <utility>

namespace valence {
namespace {

// Where a batcher begins before it has seen texts: English under WordPiece.
constexpr double kFirstTokensPerByte = 0.25;
// [CLS] and [SEP], or their like.
constexpr std::uint64_t kSpecialTokens = 2;
// How much one batch moves the estimate of tokens per byte.
constexpr double kLearningRate = 0.05;
// A batch is never cut below this: fewer rows do not amortise streaming the weights (engine/batch_planner.h).
constexpr std::uint64_t kLeastBatchTokens = 256;

double thread_cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double seconds_between(BatchTime from, BatchTime to) { return std::chrono::duration<double>(to - from).count(); }

void finish(std::vector<std::unique_ptr<BatchRequest>>& requests) {
  for (auto& request : requests) {
    const auto finished = std::move(request->finished);
    finished(std::move(request));
  }
  requests.clear();
}

}  // namespace

TextInput BatchText::input() const {
  TextInput view{.text = text, .truncation_side = truncation_side};
  if (pair) view.pair = *pair;
  if (token_ids) view.token_ids = *token_ids;
  return view;
}

DynamicBatcher::DynamicBatcher(const BatcherOptions& options, const Clock& clock,
                               std::function<void(const BatchReport&)> on_batch)
    : options_(options), clock_(clock), on_batch_(std::move(on_batch)), tokens_per_byte_(kFirstTokensPerByte) {
  thread_ = std::thread([this] { serve(); });
}

DynamicBatcher::~DynamicBatcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  std::vector<std::unique_ptr<BatchRequest>> left(std::make_move_iterator(queue_.begin()),
                                                  std::make_move_iterator(queue_.end()));
  for (auto& request : left) request->outcome = BatchOutcome::kStopped;
  finish(left);
}

std::uint64_t DynamicBatcher::estimate_tokens(const BatchRequest& request) const {
  const std::uint64_t longest = request.classifier->max_length();
  std::uint64_t tokens = 0;
  for (const BatchText& text : request.texts) {
    const std::size_t bytes = text.text.size() + (text.pair ? text.pair->size() : 0);
    const auto own = text.token_ids
                         ? text.token_ids->size()
                         : kSpecialTokens + static_cast<std::uint64_t>(static_cast<double>(bytes) * tokens_per_byte_);
    tokens += std::min<std::uint64_t>(own, longest);
  }
  return tokens;
}

double DynamicBatcher::speed_of(const Classifier* classifier) const {
  const auto known = speeds_.find(classifier);
  return known == speeds_.end() ? 0 : known->second.tokens_per_second();
}

QueueLoad DynamicBatcher::load() const {
  QueueLoad load{.requests = queue_.size(), .tokens = queued_tokens_, .wait_seconds = queued_seconds_};
  if (running_tokens_ > 0) {
    load.requests += 1;
    load.wait_seconds += std::max(0.0, running_seconds_ - seconds_between(running_since_, clock_.now()));
  }
  return load;
}

std::optional<std::chrono::milliseconds> DynamicBatcher::is_full() const {
  const std::lock_guard lock(mutex_);
  return refuse_admission(load(), 0, options_.queue);
}

std::optional<std::chrono::milliseconds> DynamicBatcher::submit(std::unique_ptr<BatchRequest>& request) {
  {
    const std::lock_guard lock(mutex_);
    request->tokens_left_ = estimate_tokens(*request);
    if (const auto later = refuse_admission(load(), request->tokens_left_, options_.queue)) return later;
    const double speed = speed_of(request->classifier.get());
    request->seconds_left_ = speed > 0 ? static_cast<double>(request->tokens_left_) / speed : 0;
    request->admitted = clock_.now();
    request->predictions.reserve(request->texts.size());
    queued_tokens_ += request->tokens_left_;
    queued_seconds_ += request->seconds_left_;
    queue_.push_back(std::move(request));
  }
  wake_.notify_one();
  return std::nullopt;
}

void DynamicBatcher::learn_speed(const Classifier& classifier, std::uint64_t tokens, double seconds) {
  const std::lock_guard lock(mutex_);
  speeds_[&classifier].add(tokens, seconds);
}

void DynamicBatcher::forget_speed(const Classifier& classifier) {
  const std::lock_guard lock(mutex_);
  speeds_.erase(&classifier);
}

DynamicBatcher::Depth DynamicBatcher::depth() const {
  const std::lock_guard lock(mutex_);
  Depth depth{.requests = queue_.size(), .tokens = queued_tokens_ + running_tokens_, .running = running_tokens_ > 0};
  for (const auto& request : queue_) depth.texts += request->texts.size() - request->taken_;
  if (depth.running) depth.running_seconds = seconds_between(running_since_, clock_.now());
  return depth;
}

BatchLimits DynamicBatcher::limits_of(const Classifier* classifier) const {
  BatchLimits limits{.max_tokens = options_.max_batch_tokens, .max_delay = options_.max_batch_delay};
  if (const double speed = speed_of(classifier); speed > 0) {
    const double in_time = speed * std::chrono::duration<double>(options_.max_batch_time).count();
    const auto tokens = std::max(kLeastBatchTokens, static_cast<std::uint64_t>(in_time));
    limits.max_tokens = std::min(limits.max_tokens, tokens);
  }
  return limits;
}

DynamicBatcher::Batch DynamicBatcher::take_batch(BatchTime now, std::optional<BatchTime>& wake) {
  std::vector<WaitingRequest> waiting;
  waiting.reserve(queue_.size());
  for (const auto& request : queue_) {
    waiting.push_back({.model = request->classifier.get(),
                       .texts = static_cast<std::uint32_t>(request->texts.size()) - request->taken_,
                       .tokens = request->tokens_left_,
                       .admitted = request->admitted,
                       .deadline = request->deadline,
                       .abandoned = request->abandoned && *request->abandoned});
  }
  const BatchChoice choice = choose_batch(waiting, limits_of(queue_.front()->classifier.get()), now);
  wake = choice.wake;

  Batch batch;
  const auto leave = [this](BatchRequest& request) {
    queued_tokens_ -= request.tokens_left_;
    queued_seconds_ -= request.seconds_left_;
  };
  const auto drop = [&](const std::vector<std::size_t>& indices, BatchOutcome outcome) {
    for (const std::size_t i : indices) {
      leave(*queue_[i]);
      queue_[i]->outcome = outcome;
      batch.dropped.push_back(std::move(queue_[i]));
    }
  };
  drop(choice.expired, BatchOutcome::kExpired);
  drop(choice.abandoned, BatchOutcome::kAbandoned);
  for (const BatchTake& take : choice.takes) {
    BatchRequest& request = *queue_[take.request];
    const std::uint32_t left = static_cast<std::uint32_t>(request.texts.size()) - request.taken_;
    if (request.taken_ == 0) request.queue_seconds = seconds_between(request.admitted, now);
    batch.parts.push_back({&request, request.taken_, request.taken_ + take.texts});
    const std::uint64_t tokens = request.tokens_left_ * take.texts / left;
    const double seconds = request.seconds_left_ * take.texts / left;
    request.taken_ += take.texts;
    request.tokens_left_ -= tokens;
    request.seconds_left_ -= seconds;
    queued_tokens_ -= tokens;
    queued_seconds_ -= seconds;
    running_tokens_ += std::max<std::uint64_t>(1, tokens);
    running_seconds_ += seconds;
    if (request.taken_ == request.texts.size()) batch.complete.push_back(std::move(queue_[take.request]));
  }
  std::erase(queue_, nullptr);
  if (queue_.empty()) queued_seconds_ = 0;  // what rounding has left
  running_since_ = now;
  return batch;
}

void DynamicBatcher::run(const Batch& batch) {
  std::vector<TextInput> inputs;
  std::uint64_t bytes = 0;
  for (const Part& part : batch.parts) {
    for (std::uint32_t i = part.begin; i < part.end; ++i) {
      inputs.push_back(part.request->texts[i].input());
      bytes += inputs.back().text.size();
    }
  }
  const BatchRequest& first = *batch.parts.front().request;
  BatchReport report{.classifier = first.classifier.get(), .model_name = first.model_name, .texts = inputs.size()};
  const double cpu_before = thread_cpu_seconds();
  std::vector<Result<Prediction>> predictions;
  try {
    predictions = report.classifier->classify(inputs, report.times);
  } catch (const std::bad_alloc&) {
    predictions.assign(inputs.size(), fail(ErrorCode::kOverloaded, "", "out of memory", "send fewer texts at a time"));
  }
  report.cpu_seconds = thread_cpu_seconds() - cpu_before;

  auto next = std::make_move_iterator(predictions.begin());
  bool cut = false;
  for (const Part& part : batch.parts) {
    part.request->tokenize_seconds += report.times.tokenize_seconds;
    part.request->inference_seconds += report.times.inference_seconds;
    for (std::uint32_t i = part.begin; i < part.end; ++i, ++next) {
      part.request->predictions.push_back(*next);
      const auto& prediction = part.request->predictions.back();
      if (!prediction) continue;
      report.tokens += prediction->tokens;
      cut = cut || prediction->truncated;
    }
  }
  on_batch_(report);

  const std::lock_guard lock(mutex_);
  const double seconds = report.times.tokenize_seconds + report.times.inference_seconds + report.times.scores_seconds;
  if (report.tokens > 0) speeds_[report.classifier].add(report.tokens, seconds);
  // Truncated texts and given ids say nothing of how many tokens a byte makes.
  if (report.tokens > 0 && bytes > 0 && !cut) {
    const auto special = static_cast<double>(kSpecialTokens * report.texts);
    const double ratio = std::max(0.0, static_cast<double>(report.tokens) - special) / static_cast<double>(bytes);
    tokens_per_byte_ += kLearningRate * (std::min(ratio, 1.0) - tokens_per_byte_);
  }
  running_tokens_ = 0;
  running_seconds_ = 0;
}

void DynamicBatcher::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    std::optional<BatchTime> wake;
    Batch batch = take_batch(clock_.now(), wake);
    if (batch.parts.empty() && batch.dropped.empty()) {
      wake_.wait_until(lock, *wake);
      continue;
    }
    lock.unlock();
    finish(batch.dropped);
    if (!batch.parts.empty()) run(batch);
    finish(batch.complete);
    lock.lock();
  }
}

}  // namespace valence
