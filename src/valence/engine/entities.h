/// \file
/// A token classifier's logits -> entities, as transformers' token-classification pipeline (5.23) makes them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/prediction.h"
#include "valence/tokenizer.h"

namespace valence {

/// `encoding` is of `text`, with offsets; `logits` is [tokens, tags]. Tag O is left out. Errors: a logit that is no
/// finite number, a decoder that gives up.
Result<std::vector<Entity>> find_entities(const Tokenizer& tokenizer, std::string_view text, const Encoding& encoding,
                                          std::span<const float> logits, std::span<const std::string> tags,
                                          AggregationStrategy strategy);

}  // namespace valence
