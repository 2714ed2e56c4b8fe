/// \file
/// Finds the cells of one CSV record in bytes that may not all be there yet. Looks at each byte once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace valence::data {

/// A cell's content within its record: without the quotes around it.
struct CsvCell {
  std::uint32_t begin;
  std::uint32_t end;
  bool has_doubled_quotes;  ///< "" inside stands for one quote
};

/// RFC 4180 with what real files need: lines end in CRLF, LF or CR, mixed; a quote inside an unquoted cell is a
/// character (5" screen); quoted cells may hold delimiters and line ends.
class CsvScanner {
 public:
  enum class Outcome {
    kNeedMore,        ///< call again with the same bytes and more behind them
    kRecord,          ///< cells() are those of a record of record_bytes() bytes
    kTextAfterQuote,  ///< "good"x : what follows a closing quote is neither delimiter nor line end
    kUnterminated,    ///< the input ends inside quotes
    kCellTooLong,
    kRecordTooLong,
    kTooManyCells,
  };

  explicit CsvScanner(char delimiter) : delimiter_(delimiter) {}

  /// `bytes` begins where the record does and is not empty. After a record or an error, reset() for the next.
  Outcome scan(std::string_view bytes, bool at_end);
  void reset();

  [[nodiscard]] char delimiter() const { return delimiter_; }
  [[nodiscard]] const std::vector<CsvCell>& cells() const { return cells_; }
  /// Bytes looked at; after kRecord, those of the record with its line end.
  [[nodiscard]] std::size_t record_bytes() const { return position_; }
  /// Bytes of the record without its line end.
  [[nodiscard]] std::size_t content_bytes() const { return content_bytes_; }
  [[nodiscard]] bool has_quoted_cells() const { return has_quoted_cells_; }
  /// The record ended in a CR that was the last byte there: a LF that comes next belongs to it.
  [[nodiscard]] bool ended_in_open_cr() const { return ended_in_open_cr_; }

  /// Where reading can start again after an error, at the latest: the next line end at or behind this byte. With a
  /// quote that did not close properly that is the line which opened it, so that a stray quote costs one row and not
  /// the rest of the file. What is then read a second time holds no quote but doubled ones, so no byte is read a third
  /// time and the whole stays linear.
  [[nodiscard]] std::size_t restart_after() const { return in_quotes() ? quote_ : position_; }
  /// Position of the quote that opened the present cell.
  [[nodiscard]] std::size_t opening_quote() const { return quote_; }
  [[nodiscard]] bool in_quotes() const { return state_ == State::kQuoted || state_ == State::kAfterQuote; }

 private:
  enum class State { kCellStart, kPlain, kQuoted, kAfterQuote };

  /// These four continue in one state; kRecord from them means "go on".
  Outcome scan_cell_start(std::string_view bytes, bool at_end);
  Outcome scan_plain(std::string_view bytes, bool at_end);
  Outcome scan_quoted(std::string_view bytes, bool at_end);
  Outcome scan_after_quote(std::string_view bytes, bool at_end);
  /// The cell ends at `cell_end`, followed at position_ by a delimiter, a line end or the end of the input.
  void end_at_separator(std::string_view bytes, std::size_t cell_end);

  char delimiter_;
  State state_ = State::kCellStart;
  bool is_done_ = false;
  std::size_t position_ = 0;
  std::size_t cell_begin_ = 0;
  std::size_t quote_ = 0;
  std::size_t content_bytes_ = 0;
  bool has_doubled_quotes_ = false;
  bool has_quoted_cells_ = false;
  bool ended_in_open_cr_ = false;
  std::vector<CsvCell> cells_;
};

/// Line ends in `bytes`: CRLF, LF and CR each count once.
[[nodiscard]] std::uint64_t count_line_ends(std::string_view bytes);

/// The size of `bytes` up to and with its first line end, at or after `from`; npos if there is none. A CR that is the
/// last byte ends a line.
[[nodiscard]] std::size_t end_of_line(std::string_view bytes, std::size_t from);

}  // namespace valence::data
