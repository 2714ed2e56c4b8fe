#include "valence/engine/batch_policy.h"

#include <algorithm>
#include <cmath>

namespace valence {
namespace {

constexpr double kForgetting = 0.95;  // what is left of a batch's weight when the next one has run

}  // namespace

BatchChoice choose_batch(std::span<const WaitingRequest> waiting, const BatchLimits& limits, BatchTime now) {
  BatchChoice choice;
  const void* model = nullptr;
  std::uint64_t tokens = 0;
  bool full = false;
  BatchTime oldest = BatchTime::max();
  BatchTime first_deadline = BatchTime::max();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const WaitingRequest& request = waiting[i];
    if (request.abandoned) {
      choice.abandoned.push_back(i);
      continue;
    }
    if (request.deadline <= now) {
      choice.expired.push_back(i);
      continue;
    }
    if (full || (model != nullptr && request.model != model)) continue;
    model = request.model;
    oldest = std::min(oldest, request.admitted);
    first_deadline = std::min(first_deadline, request.deadline);
    const std::uint64_t room = limits.max_tokens - std::min(tokens, limits.max_tokens);
    std::uint32_t texts = request.texts;
    if (request.tokens > room) {
      const std::uint64_t tokens_a_text = std::max<std::uint64_t>(1, request.tokens / request.texts);
      texts = static_cast<std::uint32_t>(std::min<std::uint64_t>(request.texts, room / tokens_a_text));
      if (texts == 0 && choice.takes.empty()) texts = 1;
      full = true;
    }
    if (texts == 0) continue;
    choice.takes.push_back({i, texts});
    tokens += request.tokens * texts / request.texts;
    full = full || tokens >= limits.max_tokens;
  }
  if (!choice.takes.empty() && !full && oldest + limits.max_delay > now) {
    choice.wake = std::min(oldest + limits.max_delay, first_deadline);
    choice.takes.clear();
  }
  return choice;
}

std::optional<std::chrono::milliseconds> refuse_admission(const QueueLoad& load, std::uint64_t tokens,
                                                          const QueueLimits& limits) {
  if (load.requests == 0) return std::nullopt;
  const bool too_many = load.requests >= limits.max_requests;
  const bool too_much = load.tokens + tokens > limits.max_tokens;
  const bool too_late = load.wait_seconds > std::chrono::duration<double>(limits.max_delay).count();
  if (!too_many && !too_much && !too_late) return std::nullopt;
  // By then half of what waits now is done: the queue has room again, and is not yet idle.
  const double again_seconds = std::clamp(load.wait_seconds / 2, 0.05, 60.0);
  return std::chrono::milliseconds(std::llround(again_seconds * 1000));
}

void Throughput::add(std::uint64_t tokens, double seconds) {
  tokens_ = tokens_ * kForgetting + static_cast<double>(tokens);
  seconds_ = seconds_ * kForgetting + seconds;
}

}  // namespace valence
