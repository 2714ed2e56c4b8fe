/// \file
/// Every metric of valence in one table: nothing else names one.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace valence::observe {

enum class MetricType { kCounter, kGauge, kHistogram };

enum class Metric {
  kBuildInfo,
  kProcessCpuSeconds,
  kProcessResidentBytes,
  kProcessOpenFds,
  kProcessStartTime,
  kProcessThreads,
  kRequests,
  kRequestDuration,
  kRequestBytes,
  kReplyBytes,
  kConnections,
  kConnectionsRefused,
  kInFlight,
  kRefused,
  kStageDuration,
  kComputeCpuSeconds,
  kTexts,
  kTextErrors,
  kConfidence,
  kAbstained,
  kTruncated,
  kTokens,
  kBatchTexts,
  kBatchTokens,
  kQueueTexts,
  kQueueTokens,
  kModelInfo,
  kModelLoads,
  kSentimentRatio,
  kSinkErrors,
  kSpoolBytes,
  kSpoolRefused,
  kSpoolSetAside,
  kSpoolFailing,
  kReady,
  kCorrections,
  kAlerts,
  kSubscribers,
};

struct MetricInfo {
  Metric metric;
  std::string_view name;  ///< as exposed; counters with _total
  std::string_view help;
  MetricType type;
  std::vector<std::string_view> labels = {};  ///< names, in the order in which values are given
  std::vector<double> buckets = {};           ///< upper bounds of a histogram, ascending
};

/// In the order of the enumeration.
[[nodiscard]] std::span<const MetricInfo> catalog();
[[nodiscard]] const MetricInfo& info(Metric metric);

}  // namespace valence::observe
