/// \file
/// What `valence data clean` found and did, for people and as JSON.
#pragma once

#include <string>

#include "valence/data/cleaning.h"
#include "valence/data/cleaning_ledger.h"

namespace valence::cli {

/// Three tables: found, dropped, changed; labels as they are now.
[[nodiscard]] std::string clean_table(const data::CleaningSummary& summary, const data::CleaningOptions& options,
                                      bool unicode);

/// {"rows", "written", "found": {"missing": {column: rows}, kind: rows}, "dropped": {reason: rows}, "changed": {...},
/// "labels": {...}}
[[nodiscard]] std::string clean_json(const data::CleaningSummary& summary, const data::CleaningOptions& options);

}  // namespace valence::cli
