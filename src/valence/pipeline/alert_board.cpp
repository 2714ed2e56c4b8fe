#include "valence/pipeline/alert_board.h"

namespace valence::pipeline {

std::string_view name_of(AlertPhase phase) {
  switch (phase) {
    case AlertPhase::kQuiet:
      return "quiet";
    case AlertPhase::kPending:
      return "pending";
    case AlertPhase::kFiring:
      return "firing";
    case AlertPhase::kSilenced:
      return "silenced";
  }
  return "";
}

}  // namespace valence::pipeline
