/// \file
/// Rows with their labels as numbers, for commands that count classes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "valence/cli/data_options.h"

namespace valence::cli {

/// Rows that carry a label. All in memory.
struct LabelledRecords {
  std::vector<data::Record> records;
  std::vector<std::uint32_t> label_of;  ///< index into `labels`, one a record
  std::vector<std::string> labels;      ///< sorted
  std::vector<std::uint64_t> counts;    ///< rows, one a label
  std::uint64_t unlabelled = 0;         ///< rows left out for having none
  FailedRows failed;
};

/// Reads the source to its end. Without `label_column` all rows have the one label "". Rows with a missing label are
/// left out. No row is kInvalidData.
Result<LabelledRecords> read_labelled(pipeline::Source& source, const std::optional<std::string>& label_column,
                                      Progress& progress);

[[nodiscard]] std::vector<LabelCount> label_counts(const LabelledRecords& rows);

/// --seed.
Result<std::uint64_t> parse_seed(const std::string& word);

}  // namespace valence::cli
