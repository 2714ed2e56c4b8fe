/// \file
/// Which waiting requests run now, and whether one more may wait: decisions over values, without threads or clocks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace valence {

using BatchTime = std::chrono::steady_clock::time_point;

/// One request in the queue. Requests lie oldest first.
struct WaitingRequest {
  const void* model = nullptr;  ///< requests of different models, or of two versions of one, never share a batch
  std::uint32_t texts = 0;      ///< not yet taken, at least 1
  std::uint64_t tokens = 0;     ///< of those, as estimated
  BatchTime admitted;
  BatchTime deadline;
  bool abandoned = false;  ///< nobody waits for the answer any more
};

struct BatchLimits {
  std::uint64_t max_tokens = 0;  ///< of a batch; one text that has more runs alone
  /// How long the oldest request waits for company while the batch is not full. 0: not at all.
  std::chrono::microseconds max_delay{0};
};

/// The first `texts` texts of a waiting request.
struct BatchTake {
  std::size_t request = 0;  ///< index into the waiting requests
  std::uint32_t texts = 0;
};

struct BatchChoice {
  std::vector<std::size_t> expired;    ///< past their deadline, ascending: to be refused
  std::vector<std::size_t> abandoned;  ///< ascending: to be dropped
  std::vector<BatchTake> takes;        ///< what runs now; all of one model, in order
  std::optional<BatchTime> wake;       ///< when nothing runs: the time to choose again, if no request comes before
};

/// In order of arrival, the oldest request's model first, until the budget is full. A request that does not fit whole
/// is taken in part, so that a large one cannot wait for ever for an empty batch.
[[nodiscard]] BatchChoice choose_batch(std::span<const WaitingRequest> waiting, const BatchLimits& limits,
                                       BatchTime now);

struct QueueLimits {
  std::size_t max_requests = 512;
  std::uint64_t max_tokens = 8 * 16'384;
  std::chrono::milliseconds max_delay{2000};  ///< the longest that a request may have to wait, as estimated
};

/// What is in the queue and in the batch that is running.
struct QueueLoad {
  std::size_t requests = 0;
  std::uint64_t tokens = 0;
  double wait_seconds = 0;  ///< until all that has run, as estimated
};

/// Whether a request of `tokens` may join the queue: nothing if it may, else after how long it should come again. An
/// empty queue takes any request.
[[nodiscard]] std::optional<std::chrono::milliseconds> refuse_admission(const QueueLoad& load, std::uint64_t tokens,
                                                                        const QueueLimits& limits);

/// Tokens per second over the last batches: each one counts a little less than the one after it.
class Throughput {
 public:
  void add(std::uint64_t tokens, double seconds);
  [[nodiscard]] double tokens_per_second() const { return seconds_ > 0 ? tokens_ / seconds_ : 0; }

 private:
  double tokens_ = 0;
  double seconds_ = 0;
};

}  // namespace valence
