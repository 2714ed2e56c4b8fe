/// \file
/// What share of each stream's last texts had which label: the sentiment itself, as a gauge.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "valence/observe/metrics.h"
#include "valence/pipeline/classified_record.h"

namespace valence::pipeline {

/// Thread-safe. Keeps the labels of the last kWindow texts of each of the first kMaxStreams streams.
class LabelShares final : public RecordSink {
 public:
  static constexpr std::size_t kWindow = 100;
  static constexpr std::size_t kMaxStreams = 50;

  /// `metrics` must outlive this, and not be exposed after it.
  explicit LabelShares(observe::Metrics& metrics);

  [[nodiscard]] Status write(std::span<const ClassifiedRecord> records) override;

 private:
  struct Stream {
    std::deque<std::uint32_t> labels;            // indices into counts, oldest first
    std::map<std::string, std::uint32_t> names;  // label -> index
    std::vector<std::uint64_t> counts;
  };
  void expose();

  observe::Metrics& metrics_;
  std::mutex mutex_;
  std::map<std::string, Stream> streams_;
};

}  // namespace valence::pipeline
