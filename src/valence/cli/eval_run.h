/// \file
/// What `eval` and `models calibrate` do alike: answer rows under a progress line, name models, tell failed rows.
#pragma once

#include <atomic>
#include <span>
#include <string>

#include "valence/base/error.h"
#include "valence/cli/command.h"
#include "valence/cli/eval_rows.h"

namespace valence::cli {

Result<Answers> answer_with_progress(const Classifier& classifier, const EvalRows& rows, const GlobalOptions& global,
                                     const std::atomic<bool>& stop);

/// A directory's own name, without the folders above it; other references as they are.
[[nodiscard]] std::string name_of_model(const std::string& ref);

/// The first few as warnings, and how many more.
void print_failed_rows(std::span<const Error> failed);

}  // namespace valence::cli
