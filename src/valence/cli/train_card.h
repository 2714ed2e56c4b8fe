/// \file
/// What a training run tells of itself: on the terminal, in training_report.json, in the model's card.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/train_options.h"
#include "valence/train/base_model.h"

namespace valence::cli {

struct TrainReport {
  std::vector<std::uint64_t> label_counts;  ///< of the rows learned from
  std::size_t truncated = 0;                ///< texts that were cut
  std::uint64_t estimated_bytes = 0;
  std::int64_t steps = 0, total_steps = 0;
  bool stopped_early = false;
  std::uint64_t tokens = 0;                  ///< real ones, of this process
  double training_seconds = 0;               ///< of this process
  double seconds = 0;                        ///< with evaluations and files
  std::map<std::string, double> best, last;  ///< evaluations
};

/// Adds to `notes` what is worth saying before the run begins.
void describe(const train::BaseModel& base, const train::HeadRequest& head, const TrainOptions& options,
              const TrainReport& report, std::vector<std::string>& notes);

[[nodiscard]] std::string report_text(const train::BaseModel& base, const TrainArguments& arguments,
                                      const TrainOptions& options, const TrainReport& report);
[[nodiscard]] std::string report_json(const train::BaseModel& base, const TrainArguments& arguments,
                                      const TrainOptions& options, const TrainReport& report);
/// README.md of the model.
[[nodiscard]] std::string train_card(const train::BaseModel& base, const TrainArguments& arguments,
                                     const TrainOptions& options, const TrainReport& report);

/// The lines of a metrics.jsonl that belong to steps up to `step`; none where there is no file.
Result<std::vector<std::string>> metrics_up_to(const std::filesystem::path& path, std::int64_t step);

}  // namespace valence::cli
