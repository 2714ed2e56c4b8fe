/// \file
/// The one road of a text that somebody is waiting for: admission, batches, the answer, and those who remember it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/error.h"
#include "valence/engine/dynamic_batcher.h"
#include "valence/observe/metrics.h"
#include "valence/pipeline/classified_record.h"
#include "valence/pipeline/served_model.h"

namespace valence::pipeline {

/// The answer below a threshold that the caller set.
inline constexpr std::string_view kUncertain = "uncertain";

/// Of a text whose caller names none.
inline constexpr std::string_view kDefaultStream = "default";

/// What a record keeps of a text beyond the text.
struct TextFields {
  std::string id;        ///< never empty
  std::string metadata;  ///< a JSON object, or empty
};

struct ServiceRequest {
  std::shared_ptr<const ServedModel> model;
  std::vector<BatchText> texts;    ///< at least one
  std::vector<TextFields> fields;  ///< [texts]
  std::string stream{kDefaultStream};
  std::string channel;
  std::string subject;
  std::optional<float> threshold;                    ///< a best score below it is "uncertain"
  std::optional<std::chrono::milliseconds> timeout;  ///< absent: ServiceOptions::timeout; a longer one is cut to that
  std::shared_ptr<const std::atomic<bool>> abandoned;
  bool all_or_nothing = false;  ///< one text that cannot be classified leaves all without an answer, and unrecorded
  bool refuses_cut = false;     ///< so does one that is longer than the model reads
  bool comes_again = false;     ///< the caller holds what is refused and submits it again: that counts as no refusal
};

struct ServiceReply {
  BatchOutcome outcome = BatchOutcome::kDone;
  std::int64_t time_ms = 0;                     ///< of admission, Unix time
  ServiceRequest request;                       ///< as it came
  std::vector<Result<Prediction>> predictions;  ///< [texts] when kDone
  double queue_seconds = 0;
  double tokenize_seconds = 0;
  double inference_seconds = 0;

  /// What was answered to text `i`: a label of the model, or kUncertain.
  [[nodiscard]] std::string_view label(std::size_t i) const;
};

struct ServiceOptions {
  BatcherOptions batcher;
  std::chrono::milliseconds timeout{30'000};
};

/// Thread-safe.
class Service {
 public:
  using Finished = std::function<void(std::shared_ptr<const ServiceReply>)>;

  /// `sinks` are told of every answer that reaches its caller, before its `finished`; they and the rest must outlive
  /// this.
  Service(const ServiceOptions& options, const Clock& clock, observe::Metrics& metrics, std::vector<RecordSink*> sinks);

  /// Calls `finished` once, from the compute thread; it must not wait. Or takes nothing, and says after how long to
  /// come again.
  [[nodiscard]] std::optional<std::chrono::milliseconds> submit(ServiceRequest request, Finished finished);
  /// Whether submit() would refuse at this moment whatever came; counts as a refusal.
  [[nodiscard]] std::optional<std::chrono::milliseconds> refuse_early();

  [[nodiscard]] DynamicBatcher::Depth depth() const { return batcher_.depth(); }
  [[nodiscard]] const ServiceOptions& options() const { return options_; }

  /// One real inference, so that the first caller does not pay for cold caches and its speed is known.
  Status warm_up(const ServedModel& model);
  /// After a model was replaced: what was learned of it goes.
  void retire(const ServedModel& model);

 private:
  struct ModelMetrics;
  struct BatchMetrics;
  void finish(std::unique_ptr<BatchRequest> done, const std::shared_ptr<ServiceReply>& reply, const Finished& finished);
  void count(const ServiceReply& reply);
  void on_batch(const BatchReport& report);
  ModelMetrics& metrics_of(const ServedModel& model);
  void record(const ServiceReply& reply);

  ServiceOptions options_;
  const Clock& clock_;
  observe::Metrics& metrics_;
  std::vector<RecordSink*> sinks_;
  observe::Counter refused_overloaded_;
  observe::Counter refused_expired_;
  observe::Counter refused_abandoned_;
  observe::Counter sink_errors_;
  observe::Histogram queue_seconds_;
  observe::Histogram tokenize_seconds_;
  observe::Histogram inference_seconds_;
  observe::Histogram scores_seconds_;
  std::map<std::string, std::shared_ptr<ModelMetrics>, std::less<>> model_metrics_;  // of the compute thread
  std::map<std::string, std::shared_ptr<BatchMetrics>, std::less<>> batch_metrics_;  // the same
  DynamicBatcher batcher_;  // last: its thread uses what is above
};

}  // namespace valence::pipeline
