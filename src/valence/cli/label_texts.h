/// \file
/// The names of labels as texts of their classes: what few-shot learning knows beside the examples.
#pragma once

#include <span>
#include <string>

#include "valence/cli/train_data.h"

namespace valence::cli {

/// For each name that says something: the name, its words apart, and two short sentences with it, as SetFit writes them
/// (Tunstall et al. 2022). "shipping_issue" becomes "shipping issue"; a number, a single letter or "LABEL_3" says
/// nothing. `places` call them labels, for errors.
[[nodiscard]] TrainingRows label_texts(std::span<const std::string> labels);

}  // namespace valence::cli
