/// \file
/// A stream of rows through a cleaner into a writer: rows are read on one thread, cleaned on all, compared in order.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/data/cleaning.h"
#include "valence/data/cleaning_ledger.h"
#include "valence/data/cleaning_report.h"
#include "valence/data/writer.h"
#include "valence/pipeline/source.h"

namespace valence::pipeline {

struct CleanRun {
  Source& source;
  const data::Cleaner& cleaner;
  data::CleaningLedger& ledger;
  data::Writer* writer;          ///< null: nothing is written (--dry-run)
  data::CleaningReport* report;  ///< null: none
  ThreadPool& pool;
  std::atomic<bool>& stop;  ///< the flag that the source watches too; raised on every way out
  std::function<void(const data::CleaningSummary&, const SourceProgress&)> on_window;
};

/// To the end of the source, the first error of the whole input or of an output, or until `stop`; then true is given if
/// the run came to its end. One pass, input order, three windows in memory beside the ledger. writer and report have
/// been finished on every way out.
Result<bool> clean(const CleanRun& run);

}  // namespace valence::pipeline
