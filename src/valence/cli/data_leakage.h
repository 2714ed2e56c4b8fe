/// \file
/// Rows of a data set that another file, kept for testing, has too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/data_options.h"
#include "valence/data/near_duplicates.h"
#include "valence/data/record.h"

namespace valence::cli {

struct Leakage {
  std::uint64_t rows_against = 0;                    ///< texts that were looked at
  std::vector<std::optional<std::uint32_t>> source;  ///< one a record: the first text of the files that it repeats
  std::vector<std::string> places;                   ///< "dev.csv:12", of each text of the files
  FailedRows failed;                                 ///< rows of the other files that cannot be read
};

/// Which of `records` repeat a text of `files`, opened by `options`: near-duplicates by `near`, or, without it, the
/// same bytes. Empty texts repeat nothing.
Result<Leakage> find_leakage(std::span<const data::Record> records, const std::vector<std::string>& files,
                             const data::ReaderOptions& options, const std::optional<data::NearDuplicateOptions>& near,
                             Progress& progress);

}  // namespace valence::cli
