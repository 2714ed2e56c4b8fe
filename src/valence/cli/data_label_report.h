/// \file
/// What `valence data label` tells of its sources and their votes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "valence/cli/data_options.h"
#include "valence/pipeline/labeling.h"

namespace valence::cli {

using LabelSources = std::vector<std::unique_ptr<pipeline::LabelSource>>;

/// Everything that is counted.
struct LabelCounts {
  std::uint64_t rows = 0;
  std::uint64_t gold = 0;  ///< came with a label, and keep it
  std::uint64_t labelled = 0;
  std::uint64_t uncovered = 0;  ///< no source voted
  std::uint64_t undecided = 0;  ///< two labels are equal, or the best has too small a share
  std::uint64_t conflicts = 0;
  std::uint64_t judged = 0;  ///< rows with a gold label that the vote labelled too
  std::uint64_t right = 0;
  FailedRows failed;
  std::vector<pipeline::SourceRecord> sources;
  std::map<std::string, std::uint64_t> labels;
};

/// A table of the sources, the counts, and the labels with bars.
[[nodiscard]] std::string label_view(const LabelSources& sources, const LabelCounts& counts, bool unicode);

/// The same for programs.
[[nodiscard]] std::string label_json(const LabelSources& sources, const LabelCounts& counts);

}  // namespace valence::cli
