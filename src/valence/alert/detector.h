/// \file
/// Watches one flow of hits and misses, and says whether there is reason for an alarm. Pure: times are given.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "valence/alert/rule.h"
#include "valence/alert/sliding_window.h"

namespace valence::alert {

/// What a detector sees at the moment.
struct Reading {
  bool is_ready = false;            ///< enough was seen to judge; until then an alarm stays as it is
  bool is_above = false;            ///< reason for an alarm, if it is ready; while one lasts, reason to go on
  bool is_rising = true;            ///< of an alarm: false where the share has fallen
  WindowCounts window;              ///< the texts it is about: of the window, or since the change
  WindowCounts before;              ///< those before them, for the trend
  double statistic = 0;             ///< what is compared
  double threshold = 0;             ///< with what
  std::optional<double> usual;      ///< the share taken for usual
  std::uint64_t learned_texts = 0;  ///< it was learned from so many; 0: it was given
};

/// What has been learned, and must outlive a restart.
struct Learned {
  std::uint64_t texts = 0;
  std::uint64_t hits = 0;
};

/// Not thread-safe.
class Detector {
 public:
  Detector() = default;
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;
  virtual ~Detector() = default;

  virtual void observe(std::int64_t now_ms, bool hit) = 0;
  /// Time has gone by.
  virtual void advance(std::int64_t now_ms) = 0;
  /// An alarm has begun or ended: what follows is judged by the other threshold.
  virtual void set_firing(bool firing) = 0;
  /// An alarm of an earlier run goes on, until the texts to come say otherwise.
  virtual void restore_alarm(bool /*rising*/) { set_firing(true); }
  [[nodiscard]] virtual Reading reading() const = 0;
  [[nodiscard]] virtual std::optional<Learned> learned() const { return std::nullopt; }
};

/// The detector of `rule`, which must have passed check_rule. `begin_ms`: since when it watches.
[[nodiscard]] std::unique_ptr<Detector> make_detector(const Rule& rule, std::int64_t begin_ms,
                                                      std::optional<Learned> learned = {});

}  // namespace valence::alert
