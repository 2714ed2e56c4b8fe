#include "valence/pipeline/runner.h"

#include <fmt/format.h>

#include <optional>

#include "valence/engine/postprocess.h"
#include "valence/pipeline/fold.h"
#include "valence/pipeline/read_ahead.h"

namespace valence::pipeline {
namespace {

class Run {
 public:
  Run(const Classifier& classifier, data::OutputFile& output, data::Writer& writer, const RunOptions& options,
      const RunEvents& events, RunSummary& summary)
      : classifier_(classifier),
        output_(output),
        writer_(writer),
        options_(options),
        events_(events),
        summary_(summary) {
    summary_.by_label.assign(classifier.labels().size(), 0);
  }

  /// Classifies and writes the rows of one window in order.
  Status process(const std::vector<data::Row>& rows) {
    std::vector<TextInput> texts;
    texts.reserve(rows.size());
    for (const auto& row : rows) {
      if (row) texts.push_back({.text = row->text, .pair = row->pair});
    }
    const FoldedTexts folded = fold_equal_texts(texts, options_.fold);
    const auto predictions = classifier_.classify(folded.distinct);
    if (events_.on_answers) VALENCE_TRY_STATUS(tell_answers(rows, folded, predictions));
    std::size_t next = 0;
    for (const auto& row : rows) {
      if (!row) {
        VALENCE_TRY_STATUS(write_failed(row.error().error, &row.error().carried, {}));
      } else if (const auto& prediction = predictions[folded.distinct_of[next++]]; prediction) {
        VALENCE_TRY_STATUS(write_prediction(*row, *prediction));
      } else {
        const Error placed = prediction.error().in(fmt::format("{}:{}", row->input, row->line));
        VALENCE_TRY_STATUS(write_failed(placed, &row->carried, row->text));
      }
      ++summary_.rows;  // only now: a row that ends the run is met again by --resume
    }
    return output_.checkpoint(output_.resumed_records() + summary_.rows);
  }

 private:
  /// Before the rows are written: --resume meets again what was told but not written, never the reverse.
  Status tell_answers(const std::vector<data::Row>& rows, const FoldedTexts& folded,
                      const std::vector<Result<Prediction>>& predictions) {
    answers_.clear();
    std::size_t next = 0;
    for (const auto& row : rows) {
      const Result<Prediction>* const prediction = row ? &predictions[folded.distinct_of[next++]] : nullptr;
      if (prediction != nullptr && *prediction) {
        const Answer answer = answer_of(**prediction);
        answers_.push_back(
            {.record = &*row, .prediction = &**prediction, .label = answer.label, .score = answer.score});
      } else if (options_.on_error == OnError::kFail) {
        break;
      }
    }
    return events_.on_answers(answers_);
  }

  Status write_failed(const Error& error, const data::Fields* carried, std::string_view text) {
    if (options_.on_error == OnError::kFail) return fail(error);
    ++summary_.failed;
    if (events_.on_row_error) events_.on_row_error(error);
    if (options_.on_error == OnError::kSkip) return {};
    data::ResultRowView row;
    row.carried = carried;
    row.text = text;
    row.error = error.what();
    return writer_.write(row);
  }

  Status write_entities(const data::Record& record, const Prediction& prediction) {
    if (prediction.truncated) ++summary_.truncated;
    entities_.clear();
    for (const Entity& entity : prediction.entities) {
      entities_.push_back({.label = entity.label,
                           .score = entity.score,
                           .word = entity.word,
                           .start = entity.start_chars,
                           .end = entity.end_chars,
                           .index = entity.token});
    }
    return writer_.write({.carried = &record.carried,
                          .text = record.text,
                          .entities = entities_,
                          .truncated = prediction.truncated,
                          .error = {}});
  }

  /// The label id to give; nothing for a row that is uncertain.
  [[nodiscard]] std::optional<std::int32_t> label_id_of(const Prediction& prediction) const {
    if (options_.threshold && prediction.score < *options_.threshold) return std::nullopt;
    if (options_.label_thresholds.empty()) return prediction.label_id;
    for (const std::int32_t id : top_labels(prediction.scores, prediction.scores.size())) {
      const auto label = static_cast<std::size_t>(id);
      if (prediction.scores[label] >= options_.label_thresholds[label]) return id;
    }
    return std::nullopt;
  }

  struct Answer {
    std::optional<std::int32_t> label_id;  // nothing: uncertain
    std::string_view label;
    float score = 0;
  };
  [[nodiscard]] Answer answer_of(const Prediction& prediction) const {
    const auto id = label_id_of(prediction);
    const auto best = static_cast<std::size_t>(id.value_or(prediction.label_id));
    return {id, id ? std::string_view(classifier_.labels()[best]) : kUncertainLabel, prediction.scores[best]};
  }

  Status write_prediction(const data::Record& record, const Prediction& prediction) {
    if (classifier_.labels_tokens()) return write_entities(record, prediction);
    const auto& labels = classifier_.labels();
    const auto named = [&labels, &prediction](std::int32_t id) {
      const auto index = static_cast<std::size_t>(id);
      return data::LabelScore{labels[index], prediction.scores[index]};
    };
    const Answer answer = answer_of(prediction);
    if (answer.label_id) {
      ++summary_.by_label[static_cast<std::size_t>(*answer.label_id)];
    } else {
      ++summary_.uncertain;
    }
    if (prediction.truncated) ++summary_.truncated;
    ranked_.clear();
    if (options_.top_k != 1) {
      const std::size_t count = options_.top_k == 0 ? labels.size() : options_.top_k;
      for (const std::int32_t id : top_labels(prediction.scores, count)) ranked_.push_back(named(id));
    }
    return writer_.write({.carried = &record.carried,
                          .text = record.text,
                          .best = data::LabelScore{answer.label, answer.score},
                          .scores = ranked_,
                          .truncated = prediction.truncated,
                          .error = {}});
  }

  const Classifier& classifier_;
  data::OutputFile& output_;
  data::Writer& writer_;
  const RunOptions& options_;
  const RunEvents& events_;
  RunSummary& summary_;
  std::vector<data::LabelScore> ranked_;
  std::vector<data::EntityView> entities_;
  std::vector<AnsweredRow> answers_;  // of this window, where somebody wants them
};

}  // namespace

Status run(Source& source, const Classifier& classifier, data::OutputFile& output, data::Writer& writer,
           const RunOptions& options, const RunEvents& events, std::atomic<bool>& stop, RunSummary& summary) {
  Run work(classifier, output, writer, options, events, summary);
  Status outcome;
  {
    ReadAhead reader(source, options.window, stop);
    while (auto window = reader.next()) {
      outcome = work.process(window->rows);
      if (outcome && window->input_error) outcome = fail(*window->input_error);
      if (outcome && events.on_window) events.on_window(summary, window->progress);
      summary.stopped = stop;
      if (!outcome || summary.stopped) break;
    }
    summary.stopped = stop;
  }
  const Status finished = writer.finish();
  if (outcome) outcome = finished;
  if (!outcome || summary.stopped) {
    const Status noted = output.checkpoint(output.resumed_records() + summary.rows, data::OutputFile::Note::kAlways);
    if (outcome) outcome = noted;
  }
  // A read or write that the stop flag cut short is no error of the input or the output.
  const bool was_asked = !outcome && outcome.error().code() == ErrorCode::kCancelled && summary.stopped;
  return was_asked && !output.sink().reader_gone() ? Status() : outcome;
}

}  // namespace valence::pipeline
