/// \file
/// How busy the server is just now: texts classified, and how long the requests that classified took.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "valence/base/clock.h"
#include "valence/pipeline/classified_record.h"

namespace valence::server {

/// Thread-safe; of constant size, whatever the load.
class Activity final : public pipeline::RecordSink {
 public:
  static constexpr int kRateSeconds = 10;
  static constexpr int kLatencySeconds = 300;

  /// `clock` must outlive this.
  explicit Activity(const Clock& clock);

  /// Counts texts that were classified.
  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records) override;
  /// A request whose answer has been made, `seconds` after it was taken.
  void add_request(double seconds);

  struct Texts {
    std::uint64_t total = 0;  ///< since the start
    double per_second = 0;    ///< the mean of the last kRateSeconds whole seconds
  };
  [[nodiscard]] Texts texts() const;

  /// Of the last kLatencySeconds, to within 2 %.
  struct Latency {
    std::uint64_t requests = 0;
    double p50_ms = 0;
    double p90_ms = 0;
    double p99_ms = 0;
  };
  /// Nothing where there was no request.
  [[nodiscard]] std::optional<Latency> latency() const;

 private:
  // Latencies are counted in steps of 2^(1/kSteps) from a microsecond on; the last place takes what is longer.
  static constexpr int kSteps = 18;
  static constexpr int kOctaves = 28;  // to 268 s
  static constexpr int kPlaces = kSteps * kOctaves;
  static constexpr int kSlotSeconds = 5;
  static constexpr int kSlots = kLatencySeconds / kSlotSeconds;

  struct Second {
    std::int64_t number = -1;  // of the clock
    std::uint64_t texts = 0;
  };
  struct Slot {
    std::int64_t number = -1;  // the clock's seconds / kSlotSeconds
    std::array<std::uint32_t, kPlaces> counts{};
  };
  [[nodiscard]] std::int64_t now_s() const;

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards everything below
  std::uint64_t total_ = 0;
  std::array<Second, kRateSeconds + 1> seconds_;  // a ring by the second's number
  std::unique_ptr<std::array<Slot, kSlots>> slots_;
};

}  // namespace valence::server
