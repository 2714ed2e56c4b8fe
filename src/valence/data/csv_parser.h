/// \file
/// Rows of CSV and TSV: a header, then a cell for each of its columns.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/data/csv_scanner.h"
#include "valence/data/row_parser.h"

namespace valence::data {

/// A row is refused, alone, if it has more or fewer cells than the header, holds invalid UTF-8 or a NUL byte, passes a
/// limit, or misuses quotes. After misused quotes reading goes on at the line behind the one where the quote opened.
class CsvParser : public RowParser {
 public:
  CsvParser(InputDescription input, char delimiter) : RowParser(std::move(input)), scanner_(delimiter) {}
  /// Separated by commas, or, where the header is one cell so, by whichever of ; tab and | makes most cells of it.
  [[nodiscard]] static std::unique_ptr<CsvParser> detecting(InputDescription input);

  Status open(InputBuffer& input) override;
  Result<std::optional<Row>> parse(InputBuffer& input) override;
  [[nodiscard]] std::optional<char> delimiter() const override { return scanner_.delimiter(); }

 private:
  /// Scans to the end of a record or error, past blank lines and what an error before has left to skip.
  std::optional<CsvScanner::Outcome> scan(InputBuffer& input);
  bool skip_rest_of_line(InputBuffer& input);
  void consume_record(InputBuffer& input);
  /// What the scanner says is wrong with the record, and consumes the bytes that go with it.
  std::string consume_bad_record(InputBuffer& input, CsvScanner::Outcome outcome);

  /// The delimiter by which the header `record`, which has no comma, falls into most cells.
  [[nodiscard]] static char detect_delimiter(std::string_view record);
  Status read_header(std::string_view record, std::uint64_t line);
  Row row_of(std::string_view record, std::uint64_t line);
  [[nodiscard]] std::string_view cell(std::string_view record, std::size_t index);
  [[nodiscard]] Fields carried_cells(std::string_view record);
  [[nodiscard]] std::optional<Error> find_bad_cell(std::string_view record);

  CsvScanner scanner_;
  bool is_skipping_line_ = false;   // after an error: to the next line end
  bool may_begin_with_lf_ = false;  // the other half of a CRLF
  bool detects_delimiter_ = false;
  std::optional<std::size_t> text_index_ = std::nullopt;
  std::optional<std::size_t> pair_index_;
  std::string unquoted_;  // scratch for cell()
};

}  // namespace valence::data
