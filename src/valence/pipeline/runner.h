/// \file
/// Source -> classifier -> writer: the one road of a batch of records, reading ahead while it computes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/data/output_file.h"
#include "valence/data/writer.h"
#include "valence/pipeline/source.h"

namespace valence::pipeline {

/// What becomes of a row that cannot be read or classified.
enum class OnError {
  kFail,  ///< the run ends with its error; rows before it are written
  kKeep,  ///< it is written with its `error`
  kSkip,  ///< it is left out and counted
};

struct RunOptions {
  bool fold = true;
  OnError on_error = OnError::kKeep;
  std::size_t top_k = 1;                          ///< ranked labels to write; 0: all
  std::optional<float> threshold = std::nullopt;  ///< a best score below it gets the label `uncertain`
  /// By label id, of a model whose labels each have a score of their own: only labels that reach theirs are answers,
  /// the highest of them; a row where none does is `uncertain`. Empty: every label is an answer.
  std::vector<double> label_thresholds = {};
  data::WindowLimits window = {};
};

/// The label of a row without an answer that reaches the threshold.
inline constexpr std::string_view kUncertainLabel = "uncertain";

struct RunSummary {
  std::uint64_t rows = 0;    ///< read in this run, bad ones included
  std::uint64_t failed = 0;  ///< bad ones, kept or skipped
  std::uint64_t truncated = 0;
  std::uint64_t uncertain = 0;
  std::vector<std::uint64_t> by_label;  ///< rows whose best label it is, by label id, uncertain ones left out
  bool stopped = false;                 ///< the stop flag ended the run; what was read before is written
};

/// A row that was classified, and what was answered.
struct AnsweredRow {
  const data::Record* record = nullptr;
  const Prediction* prediction = nullptr;
  std::string_view label;  ///< after threshold or abstention
  float score = 0;         ///< of `label`; of the best label where the answer is "uncertain"
};

/// Called between windows, from the thread that called run().
struct RunEvents {
  std::function<void(const RunSummary&, const SourceProgress&)> on_window;
  std::function<void(const Error&)> on_row_error;
  /// The rows of a window that have an answer, before any of them counts as done: an error ends the run, and what goes
  /// on from there meets them again. Valid during the call.
  std::function<Status(const std::vector<AnsweredRow>&)> on_answers = {};
};

/// Runs to the end of `source`, to the first whole-input error, or until `stop`. Input order is kept; memory is bounded
/// by three windows whatever the input's size. A second thread reads; this one classifies and writes.
///
/// Whatever happens, rows already classified are in the writer and finish() has been called on it. An output error
/// comes back as it is (ask output.sink().reader_gone()); an input error comes back after the rows before it were
/// written. `summary` is filled in on every way out. `stop` is the flag that the source watches too; run() raises it
/// itself when it ends early, so that a read that waits for a pipe returns.
Status run(Source& source, const Classifier& classifier, data::OutputFile& output, data::Writer& writer,
           const RunOptions& options, const RunEvents& events, std::atomic<bool>& stop, RunSummary& summary);

}  // namespace valence::pipeline
