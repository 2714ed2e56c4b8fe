/// \file
/// Results as CSV and TSV.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "valence/data/writer.h"

namespace valence::data {

/// Appends a cell, in quotes only if it holds the delimiter, a quote, CR or LF.
void append_cell(std::string& out, std::string_view cell, char delimiter);

class DelimitedWriter : public Writer {
 public:
  DelimitedWriter(OutputSchema schema, OutputSink& sink, const WriterOptions& options, char delimiter);

  Status write(const ResultRowView& row) override;
  Status finish() override { return sink_.flush(); }
  [[nodiscard]] std::uint64_t rows_with_lost_fields() const override { return rows_with_lost_fields_; }

 private:
  void append_header();
  /// Cells under the input's columns, each followed by the delimiter; gives the name of a field that has no column.
  std::string_view append_carried(const Fields& carried);
  /// Records alone: the line ends where the last delimiter stands.
  void end_carried();
  void append_result(const ResultRowView& row, std::string_view error);
  void append(std::string_view cell);

  OutputSchema schema_;
  OutputSink& sink_;
  bool to_terminal_;
  char delimiter_;
  std::unordered_map<std::string_view, std::size_t> column_of_;   // views into schema_
  std::shared_ptr<const std::vector<std::string>> same_columns_;  // a header known to equal the schema's
  std::vector<std::string> json_cells_;                           // scratch for append_carried()
  std::uint64_t rows_with_lost_fields_ = 0;
};

}  // namespace valence::data
