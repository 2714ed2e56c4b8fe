/// \file
/// What a classifier says of one text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace valence {

/// How logits become scores.
enum class ScoreFunction {
  kModel,    ///< what the model's problem_type says
  kSoftmax,  ///< scores over the labels sum to 1
  kSigmoid,  ///< each label by itself in (0, 1)
  kNone,     ///< the logits themselves
};

/// A stretch of a text in which a token classifier found something.
struct Entity {
  std::string label;  ///< the tag without B- or I-; with AggregationStrategy::kNone the tag itself
  float score = 0;
  std::string word;             ///< what its tokens spell, as the tokenizer decodes them
  std::size_t start_chars = 0;  ///< code points [start_chars, end_chars) of the text
  std::size_t end_chars = 0;
  std::int32_t token = -1;  ///< with AggregationStrategy::kNone: the token's place in the sequence; else -1
};

/// The scores of one text, by label id (the index into Classifier::labels()). Ranking and naming are the reader's.
struct Prediction {
  std::vector<float> scores;  ///< [num_labels]; empty, as label_id and score say nothing, if the model labels tokens
  std::vector<Entity> entities = {};  ///< of a token classifier, in text order
  std::int32_t label_id = 0;          ///< the highest score; of equal ones the lowest id
  float score = 0;                    ///< scores[label_id]
  bool truncated = false;             ///< the text was longer than max_length and only a part of it was read
  std::int32_t windows = 1;           ///< how many pieces a long text was read in (LongText::kWindow)
  std::uint32_t tokens = 0;           ///< that the encoder read, special ones and all windows included
  std::vector<float> logits = {};     ///< [num_labels], what `scores` were made of; empty where a label has no logit
                                      ///< of its own: token classifiers and zero-shot labels
};

}  // namespace valence
