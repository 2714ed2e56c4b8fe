/// \file
/// What a classifier says of one text.
#pragma once

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

/// The scores of one text, by label id (the index into Classifier::labels()). Ranking and naming are the reader's.
struct Prediction {
  std::vector<float> scores;  ///< [num_labels]; empty entries never occur
  std::int32_t label_id = 0;  ///< the highest score; of equal ones the lowest id
  float score = 0;            ///< scores[label_id]
  bool truncated = false;     ///< the text was longer than max_length and only its beginning was read
  std::int32_t windows = 1;   ///< how many pieces a long text was read in (LongText::kWindow)
};

}  // namespace valence
