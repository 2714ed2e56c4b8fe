/// \file
/// Labelled files as examples: read, tokenized, matched with the labels to learn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/data/record_reader.h"
#include "valence/pipeline/labelled_texts.h"
#include "valence/tokenizer.h"
#include "valence/train/examples.h"
#include "valence/train/label_space.h"

namespace valence::cli {

/// Rows of several files, one after the other.
struct TrainingRows {
  std::vector<std::string> texts, pairs, labels;
  std::vector<std::string> choices;  ///< one a text, or none: what it was labelled among, joined by |
  std::vector<std::string> scores;   ///< one a text, or none: what a teacher says of it
  std::vector<std::string> places;   ///< "train.csv:17"
  std::vector<Error> failed;         ///< rows that cannot be read or carry no label
};

struct TrainingColumns {
  std::string label;
  std::string choices = {};  ///< empty: there is none
  std::string scores = {};   ///< empty: there is none
};

Result<TrainingRows> read_training_rows(const std::vector<std::string>& files, const data::ReaderOptions& options,
                                        const TrainingColumns& columns);

/// How texts become token ids.
struct EncodingLimits {
  std::size_t max_length = 0;
  std::size_t embedding_rows = 0;  ///< ids from here on have no embedding
  bool has_token_types = false;
};

struct EncodedRows {
  std::vector<train::Example> examples;
  std::vector<Error> failed;  ///< empty texts, texts with tokens that the model lacks
  std::size_t truncated = 0;
  std::uint64_t tokens = 0;
};

/// `teacher_weight`: how much of the truth is the teacher's, where the row has its scores. Errors: a label that `head`
/// does not have (the row's place, and both sides).
Result<EncodedRows> encode_rows(const TrainingRows& rows, const Tokenizer& tokenizer, const EncodingLimits& limits,
                                const train::HeadRequest& head, double teacher_weight, ThreadPool& pool);

/// A number that changes when tokens, labels or their order do.
[[nodiscard]] std::uint64_t hash_of(const std::vector<train::Example>& examples);

}  // namespace valence::cli
