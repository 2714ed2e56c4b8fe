#include "valence/observe/catalog.h"

#include "valence/base/check.h"

namespace valence::observe {
namespace {

/// `count` bounds from `first`, each `ratio` times the one before.
std::vector<double> geometric(double first, double ratio, std::size_t count) {
  std::vector<double> bounds;
  for (double bound = first; bounds.size() < count; bound *= ratio) bounds.push_back(bound);
  return bounds;
}

std::vector<MetricInfo> make_catalog() {
  using enum MetricType;
  // 50 us to 26 s and 1 to 16,384, by factors of two.
  const std::vector<double> seconds = geometric(0.00005, 2, 20);
  const std::vector<double> powers = geometric(1, 2, 15);
  const std::vector<double> tenths{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1};
  return {
      {Metric::kBuildInfo, "valence_build_info", "Version of the running program.", kGauge, {"version"}},
      {Metric::kProcessCpuSeconds, "process_cpu_seconds_total", "User and system CPU time of the process.", kCounter},
      {Metric::kProcessResidentBytes, "process_resident_memory_bytes", "Resident memory of the process.", kGauge},
      {Metric::kProcessOpenFds, "process_open_fds", "Open file descriptors of the process.", kGauge},
      {Metric::kProcessStartTime, "process_start_time_seconds", "Start of the process, Unix time.", kGauge},
      {Metric::kProcessThreads, "process_threads", "Threads of the process.", kGauge},
      {Metric::kRequests, "valence_requests_total", "HTTP requests answered.", kCounter, {"route", "code"}},
      {Metric::kRequestDuration,
       "valence_request_duration_seconds",
       "From a request's last byte read to its answer handed to the connection.",
       kHistogram,
       {"route"},
       seconds},
      {Metric::kRequestBytes, "valence_request_bytes_total", "Bytes of HTTP requests read.", kCounter},
      {Metric::kReplyBytes, "valence_reply_bytes_total", "Bytes of HTTP replies written.", kCounter},
      {Metric::kConnections, "valence_connections", "Open HTTP connections.", kGauge},
      {Metric::kConnectionsRefused,
       "valence_connections_closed_total",
       "Connections ended by the server for a reason.",
       kCounter,
       {"reason"}},
      {Metric::kInFlight, "valence_requests_in_flight", "Requests being answered.", kGauge},
      {Metric::kRefused,
       "valence_refused_requests_total",
       "Requests for classification that were not computed.",
       kCounter,
       {"reason"}},
      {Metric::kStageDuration,
       "valence_stage_duration_seconds",
       "Time of the stages of a batch (queue: of a request).",
       kHistogram,
       {"stage"},
       seconds},
      {Metric::kComputeCpuSeconds,
       "valence_compute_cpu_seconds_total",
       "CPU time of the compute thread from tokenizing to scores; helpers of --threads above 1 are not in it.",
       kCounter,
       {"model"}},
      {Metric::kTexts, "valence_texts_total", "Texts classified, by answer.", kCounter, {"model", "task", "label"}},
      {Metric::kTextErrors, "valence_text_errors_total", "Texts that could not be classified.", kCounter, {"model"}},
      {Metric::kConfidence, "valence_confidence_ratio", "Score of the answer.", kHistogram, {"model", "task"}, tenths},
      {Metric::kAbstained, "valence_abstained_total", "Answers below the threshold asked for.", kCounter, {"model"}},
      {Metric::kTruncated, "valence_truncated_total", "Texts cut to the model's length.", kCounter, {"model"}},
      {Metric::kTokens,
       "valence_tokens_total",
       "Tokens the model has read, special ones included.",
       kCounter,
       {"model"}},
      {Metric::kBatchTexts, "valence_batch_texts", "Texts of a batch.", kHistogram, {"model"}, powers},
      {Metric::kBatchTokens, "valence_batch_tokens", "Tokens of a batch.", kHistogram, {"model"}, powers},
      {Metric::kQueueTexts, "valence_queue_texts", "Texts waiting for a batch.", kGauge},
      {Metric::kQueueTokens, "valence_queue_tokens", "Tokens waiting or in the running batch, as estimated.", kGauge},
      {Metric::kModelInfo, "valence_model_info", "Models being served.", kGauge, {"model", "version"}},
      {Metric::kModelLoads,
       "valence_model_loads_total",
       "Loads and reloads of models.",
       kCounter,
       {"model", "outcome"}},
      {Metric::kSentimentRatio,
       "valence_sentiment_ratio",
       "Share of a label among the last texts of a stream; window: how many.",
       kGauge,
       {"stream", "label", "window"}},
      {Metric::kSinkErrors, "valence_sink_errors_total", "Batches of records that a sink did not take.", kCounter},
      {Metric::kSpoolBytes, "valence_spool_bytes", "Records on their way to the history.", kGauge},
      {Metric::kSpoolRefused, "valence_spool_refused_records_total",
       "Records that found the spool full and are in no history.", kCounter},
      {Metric::kSpoolSetAside, "valence_spool_set_aside_records_total",
       "Records that the history refuses for what they are, kept as *.damaged.", kCounter},
      {Metric::kSpoolFailing,
       "valence_spool_failing",
       "1 while the history (store) or the spool's disk (disk) takes nothing.",
       kGauge,
       {"what"}},
      {Metric::kReady, "valence_ready", "1 while requests are welcome (/readyz).", kGauge},
      {Metric::kCorrections,
       "valence_corrections_total",
       "Labels that people have put right.",
       kCounter,
       {"from", "to"}},
      {Metric::kAlerts,
       "valence_alerts_total",
       "Messages of alert rules, by how they ended.",
       kCounter,
       {"rule", "outcome"}},
      {Metric::kSubscribers, "valence_event_subscribers", "Clients that follow /v1/events.", kGauge},
  };
}

}  // namespace

std::span<const MetricInfo> catalog() {
  static const std::vector<MetricInfo> table = make_catalog();
  return table;
}

const MetricInfo& info(Metric metric) {
  const MetricInfo& found = catalog()[static_cast<std::size_t>(metric)];
  VALENCE_ASSERT(found.metric == metric, "the table is in the order of the enumeration");
  return found;
}

}  // namespace valence::observe
