/// \file
/// `valence eval --label-errors FILE`: labels that may be wrong, as a file to go through.
#pragma once

#include <string>

#include "valence/base/error.h"
#include "valence/cli/eval_report.h"

namespace valence::cli {

/// A CSV, TSV or JSON Lines file by its suffix, compressed where that is .gz or .zst: place, label, suggested, margin,
/// confident and text of each row whose label is not the model's first, most suspicious first
/// (eval/label_errors.h).
Status write_label_errors(const EvalFindings& findings, const std::string& path);

/// What can be known before anything is computed. Errors: a suffix that tells no format.
Status check_label_errors_file(const std::string& path);

}  // namespace valence::cli
