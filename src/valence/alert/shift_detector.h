/// \file
/// The share has left what is usual: RuleKind::kBaseline and kChange, by cumulative sums.
#pragma once

#include <optional>

#include "valence/alert/cusum_design.h"
#include "valence/alert/detector.h"

namespace valence::alert {

/// A learned share is learned anew from all texts outside alarms each time they have doubled, up to this many.
inline constexpr std::uint64_t kEnoughLearnedTexts = 200'000;
/// After a change, so many texts say what is usual now.
inline constexpr std::uint64_t kSettleTexts = kMinLearnTexts;

class ShiftDetector final : public Detector {
 public:
  ShiftDetector(const Rule& rule, std::optional<Learned> learned);

  void observe(std::int64_t now_ms, bool hit) override;
  void advance(std::int64_t) override {}
  void set_firing(bool firing) override { firing_ = firing; }
  void restore_alarm(bool rising) override;
  [[nodiscard]] Reading reading() const override;
  [[nodiscard]] std::optional<Learned> learned() const override;

 private:
  /// One chart: of hits for a share that rises, of misses for one that falls.
  struct Chart {
    CusumDesign design;
    int sum = 0;
    WindowCounts since_zero;  // of texts and true hits since the sum was 0: since when the share may have moved

    void add(bool counted, bool hit);
    [[nodiscard]] bool is_over() const { return design.limit > 0 && sum >= design.limit; }
  };

  void design_charts();
  void learn(bool hit);
  void begin_alarm(bool rising);
  void observe_alarm(bool hit);
  [[nodiscard]] bool is_given() const { return given_.has_value(); }

  RuleKind kind_;
  std::optional<double> given_;
  std::uint64_t first_learn_texts_;
  double false_alarm_texts_;
  std::uint64_t next_design_texts_;
  Learned learned_;        // of texts outside alarms
  Learned designed_from_;  // what the charts stand on
  Chart up_;
  Chart down_;  // only for kChange
  bool ready_ = false;
  bool firing_ = false;
  bool over_ = false;    // reason for an alarm
  bool rising_ = true;   // of the alarm
  int resolve_sum_ = 0;  // runs the other way while an alarm lasts
  WindowCounts since_change_;
};

}  // namespace valence::alert
