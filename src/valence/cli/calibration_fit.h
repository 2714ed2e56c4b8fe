/// \file
/// Fitting a Calibration on labelled rows, and what it is worth on rows that it was not fitted on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/calibration.h"
#include "valence/cli/eval_rows.h"

namespace valence::cli {

struct CalibrationRequest {
  double target_error = 0.05;  ///< of the abstention threshold
  double confidence = 0.9;     ///< that the target is kept, one-sided
  std::uint64_t seed = 0;      ///< of the halves
};

/// Measured on each half of the rows with what was fitted on the other.
struct HeldOutFigures {
  double loss_before = 0;  ///< mean negative log likelihood; of label sets per label
  double loss_after = 0;
  double ece_before = 0;
  double ece_after = 0;
  double macro_f1_before = 0;  ///< of label sets: with 0.5 for every label, and with the thresholds
  double macro_f1_after = 0;
  std::uint64_t rows = 0;
  std::uint64_t answered = 0;  ///< of halves for which a threshold was found; rows_abstention are theirs
  std::uint64_t errors = 0;
  std::uint64_t rows_abstention = 0;
};

struct FittedCalibration {
  Calibration calibration;  ///< on all rows
  bool at_limit = false;    ///< TemperatureFit::at_limit
  HeldOutFigures held_out;
};

/// rows and answers of a model that gives one label or label sets; answers not calibrated yet. At least two rows.
[[nodiscard]] FittedCalibration fit_calibration(const EvalRows& rows, const Answers& answers,
                                                const CalibrationRequest& request);

}  // namespace valence::cli
