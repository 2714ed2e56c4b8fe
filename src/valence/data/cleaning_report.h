/// \file
/// A line for every row that was dropped or changed, and why. It holds no texts.
#pragma once

#include <memory>
#include <string>

#include "valence/base/error.h"
#include "valence/data/cleaning.h"
#include "valence/data/formats.h"
#include "valence/data/output_sink.h"

namespace valence::data {

class CleaningReport {
 public:
  /// csv, tsv or jsonl, in the columns or fields line, row, action ("dropped", "changed", or "kept" with a remark),
  /// reasons, detail; with several inputs `file` first. The sink must outlive this.
  CleaningReport(OutputFormat format, bool has_files, OutputSink& sink);

  /// A row that needs no line gets none. `file` is its input.
  Status add(const CleanRow& row);
  Status finish() { return sink_.flush(); }

 private:
  void append_cells(const CleanRow& row, std::string_view action, const std::vector<std::string_view>& reasons,
                    const std::string& detail);
  void append_object(const CleanRow& row, std::string_view action, const std::vector<std::string_view>& reasons,
                     const std::string& detail);

  OutputFormat format_;
  bool has_files_;
  OutputSink& sink_;
};

}  // namespace valence::data
