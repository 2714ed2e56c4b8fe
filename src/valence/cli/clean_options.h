/// \file
/// The options of `valence data clean`, as written and as meant.
#pragma once

#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/data_options.h"
#include "valence/data/cleaning.h"
#include "valence/data/cleaning_ledger.h"

namespace CLI {
class App;
}

namespace valence::cli {

struct CleanArguments {
  DataInputArguments input;
  DataOutputArguments output;
  std::string keep;
  std::string drop_nulls;
  std::vector<std::string> nulls;
  std::string duplicates_on;
  std::string id_column;
  std::string repair = "all";
  std::string label_case = "lower";
  std::vector<std::string> map_labels;
  std::string label_map;
  std::string labels;
  bool near_duplicates = false;
  std::string similarity;
  std::string redact;
  std::string report;
  std::string threads;
  bool json = false;
  bool dry_run = false;
};

void declare_clean_options(CLI::App& app, CleanArguments& arguments);

struct CleanOptions {
  data::CleaningOptions cleaning;
  data::NearDuplicateSearch near;
};

/// Checks each value against the columns of `source`. Errors name the option.
Result<CleanOptions> interpret(const CleanArguments& arguments, const pipeline::Source& source);

/// --similarity for every command that has it.
Result<data::NearDuplicateOptions> parse_similarity(const std::string& word);

}  // namespace valence::cli
