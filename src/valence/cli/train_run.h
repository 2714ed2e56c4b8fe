/// \file
/// One run of `valence train`: its data, its base, its output directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/progress.h"
#include "valence/cli/train_options.h"

namespace valence::cli {

/// Prepared: everything is read and checked, and nothing written yet.
class TrainRun {
 public:
  static Result<std::unique_ptr<TrainRun>> prepare(const TrainArguments& arguments, const TrainOptions& options);
  ~TrainRun();

  /// Trains and writes. `say` takes lines for people: evaluations, what was written.
  Status run(const std::atomic<bool>& stop, const std::function<void(const LearningState&)>& on_progress,
             const std::function<void(const std::string&)>& say);

  [[nodiscard]] const std::vector<Error>& failed_rows() const;
  /// What the user should know before it begins: labels, new parameters, memory, truncated texts.
  [[nodiscard]] const std::vector<std::string>& notes() const;
  /// For standard output: what was (or would be) trained, and how good it is.
  [[nodiscard]] std::string summary(bool json) const;
  /// After a run was interrupted.
  [[nodiscard]] std::string how_to_go_on() const;

 private:
  struct State;
  explicit TrainRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace valence::cli
