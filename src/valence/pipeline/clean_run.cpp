#include "valence/pipeline/clean_run.h"

#include <algorithm>
#include <vector>

#include "valence/pipeline/read_ahead.h"

namespace valence::pipeline {
namespace {

// Large enough that handing one out costs nothing, small enough that threads end together.
constexpr std::size_t kRowsATask = 128;

void clean_window(const CleanRun& run, std::vector<data::Row>& rows, std::vector<data::CleanRow>& cleaned) {
  cleaned.clear();
  cleaned.resize(rows.size());
  run.pool.parallel_for((rows.size() + kRowsATask - 1) / kRowsATask, [&](std::size_t task, std::size_t) {
    const std::size_t end = std::min(rows.size(), (task + 1) * kRowsATask);
    for (std::size_t i = task * kRowsATask; i < end; ++i) cleaned[i] = run.cleaner.clean(std::move(rows[i]));
  });
}

Status admit_window(const CleanRun& run, std::vector<data::CleanRow>& cleaned) {
  for (data::CleanRow& row : cleaned) {
    run.ledger.admit(row);
    if (run.writer != nullptr && !row.dropped) {
      VALENCE_TRY_STATUS(run.writer->write({.carried = &row.fields, .text = row.text}));
    }
    if (run.report != nullptr) VALENCE_TRY_STATUS(run.report->add(row));
  }
  return {};
}

Status finish(const CleanRun& run) {
  const Status written = run.writer != nullptr ? run.writer->finish() : Status();
  const Status reported = run.report != nullptr ? run.report->finish() : Status();
  return written ? reported : written;
}

}  // namespace

Result<bool> clean(const CleanRun& run) {
  Status outcome;
  bool stopped = false;
  {
    ReadAhead reader(run.source, {}, run.stop);
    std::vector<data::CleanRow> cleaned;
    while (auto window = reader.next()) {
      clean_window(run, window->rows, cleaned);
      outcome = admit_window(run, cleaned);
      if (outcome && window->input_error) outcome = fail(*window->input_error);
      if (outcome && run.on_window) run.on_window(run.ledger.summary(), window->progress);
      stopped = run.stop;
      if (!outcome || stopped) break;
    }
    stopped = run.stop;
  }
  const Status finished = finish(run);
  if (!outcome && !(stopped && outcome.error().code() == ErrorCode::kCancelled)) return fail(outcome.error());
  if (!finished) return fail(finished.error());
  return !stopped;
}

}  // namespace valence::pipeline
