/// \file
/// Requests from many threads -> batches on one compute thread: admission, deadlines, and who has left.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/engine/batch_policy.h"

namespace valence {

/// One text of a request, owned.
struct BatchText {
  std::string text;
  std::optional<std::string> pair = std::nullopt;
  std::optional<TruncationSide> truncation_side = std::nullopt;
  std::optional<std::vector<std::int32_t>> token_ids = std::nullopt;

  /// A view of it.
  [[nodiscard]] TextInput input() const;
};

/// How a request left the batcher.
enum class BatchOutcome {
  kDone,       ///< a prediction, or its own error, for every text
  kExpired,    ///< its deadline passed first
  kAbandoned,  ///< nobody waited for it
  kStopped,    ///< the batcher is ending
};

/// A request on its way. Between submit() and the call of `finished` it belongs to the batcher, but for `abandoned`.
struct BatchRequest {
  std::shared_ptr<const Classifier> classifier;
  std::string model_name;  ///< for reports
  std::vector<BatchText> texts;  ///< at least one
  BatchTime deadline = BatchTime::max();
  std::shared_ptr<const std::atomic<bool>> abandoned = nullptr;  ///< raised when the client has left; may be null

  // Set by the batcher.
  BatchOutcome outcome = BatchOutcome::kDone;
  std::vector<Result<Prediction>> predictions = {};  ///< [texts] when kDone
  BatchTime admitted = {};
  double queue_seconds = 0;  ///< until its first batch began
  double tokenize_seconds = 0;
  double inference_seconds = 0;  ///< of the batches it was in, with all their texts

  /// Called once, on the compute thread or by whoever destroys the batcher; must not wait.
  std::function<void(std::unique_ptr<BatchRequest>)> finished;

 private:
  friend class DynamicBatcher;
  std::uint32_t taken_ = 0;        // texts that have been put into batches
  std::uint64_t bytes_ = 0;        // of all texts
  std::uint64_t tokens_left_ = 0;  // estimated, of the texts not yet taken
  double seconds_left_ = 0;        // the same, in time
};

/// A batch that has run.
struct BatchReport {
  const Classifier* classifier = nullptr;
  std::string_view model_name;  ///< of its oldest request
  std::uint64_t texts = 0;
  std::uint64_t tokens = 0;  ///< that the encoder read
  ClassifyTimes times = {};
  double cpu_seconds = 0;  ///< of the compute thread alone
};

struct BatcherOptions {
  QueueLimits queue;
  std::uint64_t max_batch_tokens = 16'384;
  std::chrono::microseconds max_batch_delay{0};
  /// A batch is cut so that it takes about this long, as measured: what comes later does not wait behind a long one.
  std::chrono::milliseconds max_batch_time{100};
};

/// Thread-safe.
class DynamicBatcher {
 public:
  /// `on_batch` is told of every batch, on the compute thread. `clock` must outlive this.
  DynamicBatcher(const BatcherOptions& options, const Clock& clock, std::function<void(const BatchReport&)> on_batch);
  DynamicBatcher(const DynamicBatcher&) = delete;
  DynamicBatcher& operator=(const DynamicBatcher&) = delete;
  /// Finishes what still waits as kStopped, and waits for the batch that is running.
  ~DynamicBatcher();

  /// Takes `request`, or leaves it and says after how long to come again: the queue is full, or too slow to answer in
  /// time. Whole or not at all.
  [[nodiscard]] std::optional<std::chrono::milliseconds> submit(std::unique_ptr<BatchRequest>& request);
  /// Whether submit() would refuse any request at this moment: for callers that can save the work of making one.
  [[nodiscard]] std::optional<std::chrono::milliseconds> is_full() const;

  /// Counts a batch that ran elsewhere (warming up) as experience of `classifier`'s speed.
  void learn_speed(const Classifier& classifier, std::uint64_t tokens, double seconds);
  /// Forgets what was learned of it.
  void forget_speed(const Classifier& classifier);

  struct Depth {
    std::uint64_t requests = 0;  ///< waiting
    std::uint64_t texts = 0;
    std::uint64_t tokens = 0;    ///< of those and of the batch that is running
    bool running = false;        ///< a batch is on the compute thread
    double running_seconds = 0;  ///< how long that batch has taken so far
  };
  [[nodiscard]] Depth depth() const;

 private:
  struct Part {
    BatchRequest* request;
    std::uint32_t begin;
    std::uint32_t end;
  };
  struct Batch {
    std::vector<Part> parts = {};
    std::vector<std::unique_ptr<BatchRequest>> complete = {};  // whose last text is in it
    std::vector<std::unique_ptr<BatchRequest>> dropped = {};   // that will never run
  };

  void serve();
  /// What runs next, and the requests that left the queue without running. Requires mutex_.
  Batch take_batch(BatchTime now, std::optional<BatchTime>& wake);
  void run(const Batch& batch);
  [[nodiscard]] BatchLimits limits_of(const Classifier* classifier) const;
  [[nodiscard]] QueueLoad load() const;
  [[nodiscard]] std::uint64_t estimate_tokens(const BatchRequest& request) const;
  [[nodiscard]] double speed_of(const Classifier* classifier) const;  // tokens per second; 0: not known

  BatcherOptions options_;
  const Clock& clock_;
  std::function<void(const BatchReport&)> on_batch_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::deque<std::unique_ptr<BatchRequest>> queue_;
  std::uint64_t queued_tokens_ = 0;
  double queued_seconds_ = 0;
  std::uint64_t running_tokens_ = 0;  // 0: no batch is running
  double running_seconds_ = 0;        // as estimated
  BatchTime running_since_ = {};
  std::map<const Classifier*, Throughput> speeds_;
  double tokens_per_byte_;  // learned from what comes
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace valence
