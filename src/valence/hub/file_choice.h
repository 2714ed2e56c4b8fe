/// \file
/// Which files of a repository a classifier needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/listing.h"

namespace valence::hub {

enum class WeightFormat { kSafetensors, kOnnx, kGguf };

struct ChoiceOptions {
  WeightFormat format = WeightFormat::kSafetensors;
  std::vector<std::string> include = {};  ///< shell patterns; given: these files instead of the choice by format
  std::vector<std::string> exclude = {};  ///< shell patterns: what of the choice to leave out
  std::string pickle_remedy = {};         ///< what to do about a repository that has only pickled weights
};

/// Config, tokenizer, calibration, card, and the weights in `format`: of safetensors the single file, or the index and
/// its shards. In patterns `*` also stands for "/", as with huggingface_hub. A repository that has no weights in that
/// format is kInvalidData, with what it has instead; patterns that match nothing are kInvalidArgument. `repo` is for
/// errors.
Result<std::vector<RepoFile>> choose_files(const RepoListing& listing, const ChoiceOptions& options,
                                           const std::string& repo);

}  // namespace valence::hub
