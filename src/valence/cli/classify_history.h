/// \file
/// `valence classify --history`: results as records of the history.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/error.h"
#include "valence/base/ulid.h"
#include "valence/classifier.h"
#include "valence/cli/classify_options.h"
#include "valence/pipeline/runner.h"
#include "valence/store/history_store.h"

namespace valence::cli {

/// A row of a file has an id made of file, line, text, model and settings: a run that is repeated, or resumed after it
/// was killed, adds nothing twice. Standard input and literal texts get new ids each time.
///
/// The columns stream, channel, subject and time (when it was said; else the time of the run) of the input are taken.
class ClassifyHistory {
 public:
  /// Opens the store, or makes it. Errors: the store, the model's files.
  static Result<std::unique_ptr<ClassifyHistory>> open(const ClassifyArguments& arguments,
                                                       const ClassifyOptions& options, const Classifier& classifier);
  ClassifyHistory(const ClassifyHistory&) = delete;
  ClassifyHistory& operator=(const ClassifyHistory&) = delete;

  /// On the disk when it returns.
  Status keep(const std::vector<pipeline::AnsweredRow>& rows);

 private:
  ClassifyHistory() = default;
  [[nodiscard]] store::StoredRecord record_of(const pipeline::AnsweredRow& row);
  [[nodiscard]] bool is_file(std::string_view input);

  SystemClock clock_;
  UlidSource ids_{clock_};
  std::unique_ptr<store::HistoryStore> store_;
  store::TextPolicy text_ = store::TextPolicy::kHash;
  std::string stream_;
  std::string model_;
  std::string model_version_;
  std::string config_version_;
  std::string run_;  // what in an id does not depend on the row
  std::vector<std::string> labels_;
  std::string input_;  // the last one looked at
  std::string input_path_;
  bool input_is_file_ = false;
};

}  // namespace valence::cli
