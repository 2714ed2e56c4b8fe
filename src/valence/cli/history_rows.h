/// \file
/// Records of a history as lines: for people, for spreadsheets, for programs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "valence/data/formats.h"
#include "valence/store/history_store.h"

namespace valence::cli {

struct HistoryRowOptions {
  data::OutputFormat format = data::OutputFormat::kJsonl;  ///< kTable, kCsv, kTsv or kJsonl
  std::size_t width = 100;                                 ///< of a table
  bool unicode = true;                                     ///< of a table
  bool for_spreadsheet = false;  ///< cells that a spreadsheet would take for a formula get a ' in front
  bool to_terminal = false;      ///< control characters are made visible
};

/// The first line; empty where the format has none.
[[nodiscard]] std::string history_header(const HistoryRowOptions& options);
/// One record, with its line end.
void append_history_row(std::string& out, const store::StoredRecord& stored, const HistoryRowOptions& options);

/// Appends `cell` as CSV or TSV; guarded, a leading = + - @ tab or CR gets an apostrophe before it.
void append_guarded_cell(std::string& out, std::string_view cell, char delimiter, bool guarded);

}  // namespace valence::cli
