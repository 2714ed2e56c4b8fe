/// \file
/// What share of each stream's last texts had which label: the sentiment itself, as a gauge.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/observe/metrics.h"
#include "valence/pipeline/classified_record.h"

namespace valence::pipeline {

/// Thread-safe. Keeps the labels of the last kWindow texts of each of the first kMaxStreams streams; one that has no
/// text for kIdle makes room for another. A stream has a gauge from kWindow texts on: a share of fewer says little, and
/// one text alone would be all of it.
class LabelShares final : public RecordSink {
 public:
  static constexpr std::size_t kWindow = 100;
  static constexpr std::size_t kMaxStreams = 50;
  static constexpr std::chrono::hours kIdle{6};

  /// Both must outlive this; `metrics` must not be exposed after it.
  LabelShares(observe::Metrics& metrics, const Clock& clock);

  [[nodiscard]] Status write(std::span<const ClassifiedRecord> records) override;

 private:
  struct Stream {
    std::deque<std::uint32_t> labels;            // indices into counts, oldest first
    std::map<std::string, std::uint32_t> names;  // label -> index
    std::vector<std::uint64_t> counts;
    Clock::TimePoint last{};  // text
    bool is_exposed = false;
  };
  void expose();
  void drop_idle(Clock::TimePoint now);

  observe::Metrics& metrics_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Stream> streams_;
  Clock::TimePoint looked_for_idle_{};
};

}  // namespace valence::pipeline
