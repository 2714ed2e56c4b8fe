/// \file
/// Labelled rows in the terms of a model's labels, and what a model says of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/data/record_reader.h"

namespace valence::cli {

/// What a model says of a text.
enum class AnswerKind {
  kOneLabel,   ///< softmax over its labels
  kLabelSets,  ///< each label by itself; rows hold the labels joined by `|`
  kNumbers,    ///< regression
};

/// Labels of the data by what they are to be called: --map-labels.
using LabelRenaming = std::map<std::string, std::string, std::less<>>;

struct EvalRequest {
  data::ReaderOptions reader;
  std::string label_column;
  std::string choices_column = {};  ///< of the labels that a row was labelled among, joined by |; empty: there is none
  LabelRenaming renaming;
  std::vector<std::string> slice_columns;
};

/// What is right, by row. Only the truth of the model's kind is filled in.
struct EvalRows {
  AnswerKind kind = AnswerKind::kOneLabel;
  std::vector<std::string> labels;  ///< the model's, by id
  std::vector<std::string> texts;
  std::vector<std::string> pairs;                  ///< second texts, or none
  std::vector<std::string> places;                 ///< "dev.csv:17"
  std::vector<std::int32_t> truth;                 ///< kOneLabel: label ids
  std::vector<std::vector<std::int32_t>> choices;  ///< kOneLabel: ids a row was labelled among, ascending; none: all
  std::vector<std::uint8_t> truth_bits;            ///< kLabelSets: [rows, labels]
  std::vector<double> truth_numbers;               ///< kNumbers
  std::vector<std::string> slice_columns;
  std::vector<std::vector<std::string>> slice_values;  ///< by column, then row
  std::vector<Error> failed;                           ///< rows that cannot be read, carry no label, are not answered

  [[nodiscard]] std::size_t size() const { return texts.size(); }
};

/// Below every logit, and finite: its score is 0 whatever the temperature.
inline constexpr float kNotAChoice = -1e30F;

/// What a model says, by row.
struct Answers {
  std::vector<float> logits;            ///< [rows, labels]; of a label that is not among a row's choices kNotAChoice
  std::vector<float> scores;            ///< the same after the model's function, calibrated if it is; of numbers none
  std::vector<std::int32_t> predicted;  ///< kOneLabel
  std::vector<float> confidence;        ///< kOneLabel: the score of `predicted`
  std::vector<std::uint8_t> bits;       ///< kLabelSets: [rows, labels]
  /// Negative log likelihood of the truth, in nats; of label sets summed over the labels; of numbers the absolute
  /// error.
  std::vector<double> losses;
  std::vector<std::optional<Error>> errors;  ///< rows without an answer; the rest of theirs is zero
};

/// What the model's function says; token classifiers are refused. The classifier must be one that gives logits.
Result<AnswerKind> answer_kind(const Classifier& classifier);

/// All rows of `files`. Errors: of reading; labels that the model does not have, with both sides and the mapping to
/// write; a regression truth that is no number is a failed row.
Result<EvalRows> read_eval_rows(const std::vector<std::string>& files, const EvalRequest& request,
                                const std::vector<std::string>& labels, AnswerKind kind);

/// Called with the rows done so far.
using RowsDone = std::function<void(std::size_t)>;

/// `classifier` must have been loaded with ScoreFunction::kNone; its calibration, if any, is applied here. Label sets
/// take its thresholds, or 0.5. Error: `stop` was raised.
Result<Answers> answer_rows(const Classifier& classifier, const EvalRows& rows, const std::atomic<bool>& stop,
                            const RowsDone& done);

/// Scores, predictions and bits again from the logits, by another calibration.
void rescore(Answers& answers, const EvalRows& rows, const std::optional<Calibration>& calibration);

/// Takes out the rows that one of `all` has no answer to and notes them in rows.failed.
void drop_unanswered(EvalRows& rows, std::span<Answers* const> all);

}  // namespace valence::cli
