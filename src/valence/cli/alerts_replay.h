/// \file
/// Rules judged over a history, as live traffic would have been.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "valence/alert/alert_book.h"

namespace valence::cli {

/// One text of a history, as far as rules look at it.
struct PastText {
  std::int64_t time_ms = 0;
  std::string stream;
  std::string channel;
  std::string label;
};

/// One time that a rule fired.
struct Firing {
  alert::AlertItem item;      ///< as it was when it fired
  std::int64_t ended_ms = 0;  ///< 0: it still fired at the end
  std::uint64_t at_text = 0;  ///< the number of the text that made it fire, from 1
};

struct Replay {
  std::vector<Firing> firings;  ///< by time
  std::uint64_t messages = 0;   ///< what receivers would have got
  std::uint64_t texts = 0;
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
};

/// `texts` must be in the order of time.
[[nodiscard]] Replay replay(const std::vector<alert::Rule>& rules, const alert::GroupTiming& timing,
                            const std::vector<PastText>& texts);

}  // namespace valence::cli
