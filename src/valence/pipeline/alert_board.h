/// \file
/// What the server may ask of alerts, whoever decides them: the state of each rule, and silences.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::pipeline {

enum class AlertPhase {
  kQuiet,     ///< below its threshold
  kPending,   ///< above it, but with too few texts, or not for long enough
  kFiring,    ///< said aloud, not yet resolved
  kSilenced,  ///< would be firing
};

/// As the API and the command line call it: "quiet", "pending", "firing", "silenced".
[[nodiscard]] std::string_view name_of(AlertPhase phase);

/// One rule over one stream (and channel, where the rule looks at each by itself).
struct AlertState {
  std::string rule;
  std::string stream;
  std::string channel;
  AlertPhase phase = AlertPhase::kQuiet;
  std::int64_t since_ms = 0;  ///< of `phase`, Unix time
  std::uint64_t count = 0;    ///< texts in the window
  std::uint64_t hits = 0;     ///< of them, with the label the rule watches
  double statistic = 0;       ///< what the rule compares
  double threshold = 0;       ///< with what
  std::string message;        ///< one line for people
};

struct Silence {
  std::string id;
  std::string rule;  ///< empty: all
  std::string stream;
  std::int64_t from_ms = 0;
  std::int64_t until_ms = 0;
  std::string author;
  std::string comment;
};

/// Thread-safe.
class AlertBoard {
 public:
  AlertBoard() = default;
  AlertBoard(const AlertBoard&) = delete;
  AlertBoard& operator=(const AlertBoard&) = delete;
  virtual ~AlertBoard() = default;

  [[nodiscard]] virtual std::vector<AlertState> states() const = 0;
  [[nodiscard]] virtual std::vector<Silence> silences() const = 0;
  /// Returns it with its id. Errors: an unknown rule, an end that is not after the start.
  [[nodiscard]] virtual Result<Silence> silence(Silence silence) = 0;
  /// Errors: an unknown id.
  [[nodiscard]] virtual Status unsilence(const std::string& id) = 0;
};

}  // namespace valence::pipeline
