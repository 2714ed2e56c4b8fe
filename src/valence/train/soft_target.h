/// \file
/// More than a label: what a row was labelled among, and what a teacher says of it.
#pragma once

#include <string_view>

#include "valence/base/error.h"
#include "valence/train/base_model.h"
#include "valence/train/loss.h"

namespace valence::train {

/// `choices`: labels joined by kLabelSeparator; empty: all. Errors (kInvalidData): a label that `head` does not have,
/// fewer than two, or not the row's own label among them.
Status choose_among(Target& target, std::string_view choices, const HeadRequest& head);

/// Mixes (1 - weight) of the row's label with `weight` of the teacher's scores over the row's choices, which are made
/// to add up to 1 there. `scores`: JSON, [{"label": ..., "score": ...}, ...] or {label: score, ...}; a label that is
/// not in it scores 0. Empty: nothing changes. Source: Hinton, Vinyals and Dean 2015, section 2, at temperature 1.
/// Errors (kInvalidData): other JSON, a label that `head` does not have, a score below 0, or none above 0 among the
/// choices.
Status learn_from_scores(Target& target, std::string_view scores, double weight, const HeadRequest& head);

}  // namespace valence::train
