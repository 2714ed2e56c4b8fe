/// \file
/// Text in, label and scores out: the whole engine behind one immutable object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/calibration.h"
#include "valence/error.h"
#include "valence/precision.h"
#include "valence/prediction.h"
#include "valence/tokenizer.h"

namespace valence {

/// What happens to a text of more than max_length tokens.
enum class LongText {
  kTruncate,  ///< its first max_length tokens count, and the prediction is marked `truncated`
  kWindow,    ///< it is read in overlapping windows whose logits are averaged, weighted by their tokens
  kError,     ///< it is an error
};

/// What is classified: a text, or two that are read together (premise and hypothesis, question and answer).
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;           ///< an empty one counts as none, as in transformers
  std::optional<TruncationSide> truncation_side = std::nullopt;  ///< absent: the tokenizer's own
  /// A sequence that somebody has tokenized already, special tokens included; `text` and `pair` are not looked at. No
  /// more than max_length ids, each one that the model has an embedding for.
  std::optional<std::span<const std::int32_t>> token_ids = std::nullopt;
};

/// Where the time of one classify() went, by the clock on the wall.
struct ClassifyTimes {
  double tokenize_seconds = 0;
  double wait_seconds = 0;  ///< for another call that was using the compute threads
  double inference_seconds = 0;
  double scores_seconds = 0;
};

/// Labels chosen at run time, over a model of natural language inference: how far does a text entail "This example is
/// <label>."? Scores are those of transformers' zero-shot-classification pipeline.
struct ZeroShotOptions {
  std::vector<std::string> labels = {};                     ///< at least one, none twice; empty: no zero-shot
  std::string hypothesis_template = "This example is {}.";  ///< {} is where the label goes
  bool multi_label = false;  ///< each label by itself, against contradiction; else scores sum to 1 over the labels
};

/// What a token classifier's tags become, as in transformers' token-classification pipeline.
enum class AggregationStrategy {
  kNone,     ///< every token whose tag is not O
  kSimple,   ///< neighbours of one tag are one entity; B- begins a new one
  kFirst,    ///< the same over words: a word has its first token's tag
  kAverage,  ///< a word has the tag of its tokens' mean scores
  kMax,      ///< a word has the tag of its surest token
};

struct ClassifierOptions {
  std::size_t threads = 0;     ///< compute threads, the calling one included; 0: one a physical core
  std::size_t max_length = 0;  ///< tokens, special ones included; 0: the model's maximum
  LongText on_long = LongText::kTruncate;
  Precision precision = Precision::kAuto;
  std::vector<std::int64_t> fp32_layers = {};  ///< encoder layers to run in fp32 whatever the precision, from 0
  std::size_t batch_tokens = 0;                ///< token budget of one batch; 0: 512
  ScoreFunction function = ScoreFunction::kModel;
  ZeroShotOptions zero_shot = {};
  AggregationStrategy aggregation = AggregationStrategy::kNone;  ///< of token classifiers
  std::vector<std::string> labels = {};                          ///< keep only these and renormalise; empty: all
  std::filesystem::path adapter = {};  ///< a PEFT LoRA adapter's directory, merged over the model; empty: none
  bool use_calibration = true;  ///< divide logits by the temperature of the model's calibration.json, if it has one

  /// Errors: a value outside its range. (Label names are checked by load(), which knows the model's.)
  [[nodiscard]] Status validate() const;
};

struct ClassifierParts;  // internal; src/valence/engine/assemble_classifier.h

/// Immutable after load and safe to share: classify() may be called from any number of threads; calls take turns on
/// the compute threads. The same text gives bit-equal scores alone, in any batch and with any thread count.
class Classifier {
 public:
  /// A Hugging Face model directory (config.json, model.safetensors, tokenizer.json or vocab.txt), a GGUF or
  /// ONNX file, or a directory whose only weights are one.
  static Result<std::shared_ptr<const Classifier>> load(const std::filesystem::path& model_dir,
                                                        const ClassifierOptions& options);
  /// The built-in model: negative, neutral, positive. Reads no file.
  static Result<std::shared_ptr<const Classifier>> load_default(const ClassifierOptions& options);

  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;
  ~Classifier();

  /// One result a text, in order. A text that cannot be classified (empty, invalid UTF-8, over-long with
  /// LongText::kError) is an error in its place; the others are unharmed.
  [[nodiscard]] std::vector<Result<Prediction>> classify(std::span<const std::string_view> texts) const;
  /// The same for texts some or all of which are pairs. A zero-shot or token classifier takes no pairs, and pairs are
  /// not read in windows: errors in their places.
  [[nodiscard]] std::vector<Result<Prediction>> classify(std::span<const TextInput> texts) const;
  /// The same, measured: `times` is overwritten.
  [[nodiscard]] std::vector<Result<Prediction>> classify(std::span<const TextInput> texts, ClassifyTimes& times) const;

  /// What another function makes of a prediction's logits, by the same rules and with the same temperature as
  /// classify(). Errors: a prediction without logits.
  [[nodiscard]] Result<Prediction> rescored(const Prediction& prediction, ScoreFunction function) const;

  /// Label names by id, after ClassifierOptions::labels; those of ZeroShotOptions; or the tags of a token classifier.
  [[nodiscard]] const std::vector<std::string>& labels() const;
  /// The function that made the scores (never ScoreFunction::kModel).
  [[nodiscard]] ScoreFunction function() const;
  /// The function that the model's problem_type means, whatever was asked for.
  [[nodiscard]] ScoreFunction model_function() const;
  /// Of the model directory's calibration.json, by the model's own label ids: nothing without one, where
  /// ClassifierOptions::use_calibration is off, and for zero-shot labels, token classifiers and merged adapters, which
  /// it was not fitted for.
  [[nodiscard]] const std::optional<Calibration>& calibration() const;
  /// Whether predictions hold entities instead of scores of the whole text.
  [[nodiscard]] bool labels_tokens() const;
  [[nodiscard]] std::size_t max_length() const;
  [[nodiscard]] std::size_t threads() const;
  [[nodiscard]] const Tokenizer& tokenizer() const;
  /// What the encoder runs in (never Precision::kAuto).
  [[nodiscard]] Precision precision() const;
  /// Things about the model that a user should hear of, e.g. unused tensors. Empty when all is well.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

 private:
  friend Result<std::shared_ptr<const Classifier>> assemble_classifier(ClassifierParts parts,
                                                                       const ClassifierOptions& options);
  struct Impl;
  explicit Classifier(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace valence
