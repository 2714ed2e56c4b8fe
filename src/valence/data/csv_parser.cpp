#include "valence/data/csv_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "valence/base/check.h"
#include "valence/base/utf8.h"
#include "valence/data/shown_text.h"
#include "valence/data/text_column.h"

namespace valence::data {
namespace {
constexpr std::size_t kShownColumns = 60;  // of a name inside a message
}

std::unique_ptr<CsvParser> CsvParser::detecting(InputDescription input) {
  auto parser = std::make_unique<CsvParser>(std::move(input), ',');
  parser->detects_delimiter_ = true;
  return parser;
}

char CsvParser::detect_delimiter(std::string_view record) {
  char best = ',';
  std::size_t most_cells = 1;
  for (const char candidate : {';', '\t', '|'}) {
    CsvScanner scanner(candidate);
    if (scanner.scan(record, true) != CsvScanner::Outcome::kRecord || scanner.cells().size() <= most_cells) continue;
    most_cells = scanner.cells().size();
    best = candidate;
  }
  return best;
}

Status CsvParser::open(InputBuffer& input) {
  while (true) {
    if (const auto outcome = scan(input)) {
      const std::uint64_t line = line_;
      if (*outcome != CsvScanner::Outcome::kRecord) {
        return fail(ErrorCode::kInvalidData, place(line),
                    fmt::format("the header cannot be read: {}", consume_bad_record(input, *outcome)));
      }
      if (std::exchange(detects_delimiter_, false) && scanner_.cells().size() == 1) {
        scanner_ = CsvScanner(detect_delimiter(input.unread().substr(0, scanner_.content_bytes())));
        continue;
      }
      Status status = read_header(input.unread().substr(0, scanner_.content_bytes()), line);
      consume_record(input);
      return status;
    }
    if (input.at_end()) {
      return fail(ErrorCode::kInvalidData, this->input().name, "is empty, expected a header with the columns' names");
    }
    VALENCE_TRY([[maybe_unused]] const ReadState state, input.fill(Wait::kYes));
  }
}

Result<std::optional<Row>> CsvParser::parse(InputBuffer& input) {
  const auto outcome = scan(input);
  if (!outcome) return std::nullopt;
  ++row_;
  const std::uint64_t line = line_;
  if (*outcome != CsvScanner::Outcome::kRecord) return bad_row(line, consume_bad_record(input, *outcome));
  Row row = row_of(input.unread().substr(0, scanner_.content_bytes()), line);
  consume_record(input);
  return row;
}

std::optional<CsvScanner::Outcome> CsvParser::scan(InputBuffer& input) {
  while (true) {
    if (is_skipping_line_ && !skip_rest_of_line(input)) return std::nullopt;
    if (std::exchange(may_begin_with_lf_, may_begin_with_lf_ && input.unread().empty()) &&
        input.unread().starts_with('\n')) {
      input.consume(1);
    }
    if (input.unread().empty()) return std::nullopt;
    const auto outcome = scanner_.scan(input.unread(), input.at_end());
    if (outcome == CsvScanner::Outcome::kNeedMore) return std::nullopt;
    const bool is_blank = outcome == CsvScanner::Outcome::kRecord && scanner_.content_bytes() == 0;
    if (!is_blank) return outcome;
    consume_record(input);
  }
}

bool CsvParser::skip_rest_of_line(InputBuffer& input) {
  const std::size_t end = end_of_line(input.unread(), 0);
  if (end == std::string_view::npos) {
    input.consume(input.unread().size());
    return false;
  }
  may_begin_with_lf_ = end == input.unread().size() && input.unread()[end - 1] == '\r';
  input.consume(end);
  ++line_;
  is_skipping_line_ = false;
  return true;
}

void CsvParser::consume_record(InputBuffer& input) {
  const std::size_t size = scanner_.record_bytes();
  // Without quotes a record is one line; only the last line of a file may lack its end, and nothing follows it.
  line_ += scanner_.has_quoted_cells() ? count_line_ends(input.unread().substr(0, size)) : 1;
  may_begin_with_lf_ = scanner_.ended_in_open_cr();
  input.consume(size);
  scanner_.reset();
}

std::string CsvParser::consume_bad_record(InputBuffer& input, CsvScanner::Outcome outcome) {
  const std::string_view bytes = input.unread();
  const auto line_at = [&](std::size_t offset) { return line_ + count_line_ends(bytes.substr(0, offset)); };
  std::string what;
  switch (outcome) {
    case CsvScanner::Outcome::kTextAfterQuote:
      what = fmt::format(
          "the quoted cell that opens on line {} has text behind its closing quote on line {}; a quote inside a quoted "
          "cell is written twice",
          line_at(scanner_.opening_quote()), line_at(scanner_.record_bytes()));
      break;
    case CsvScanner::Outcome::kUnterminated:
      what = fmt::format("the quote that opens on line {} is never closed", line_at(scanner_.opening_quote()));
      break;
    case CsvScanner::Outcome::kCellTooLong:
      what =
          scanner_.in_quotes()
              ? fmt::format("the quoted cell that opens on line {} is longer than 16 MB: is its closing quote missing?",
                            line_at(scanner_.opening_quote()))
              : "a cell is longer than 16 MB";
      break;
    case CsvScanner::Outcome::kRecordTooLong:
      what = "the row is longer than 64 MB";
      break;
    case CsvScanner::Outcome::kTooManyCells:
      what = fmt::format("the row has more than {} cells", kMaxColumns);
      break;
    case CsvScanner::Outcome::kNeedMore:
    case CsvScanner::Outcome::kRecord:
      VALENCE_ASSERT(false, "only called with an error");
  }
  const std::size_t from = scanner_.restart_after();
  line_ = line_at(from);
  input.consume(from);
  scanner_.reset();
  is_skipping_line_ = true;
  return what;
}

Status CsvParser::read_header(std::string_view record, std::uint64_t line) {
  auto columns = std::make_shared<std::vector<std::string>>();
  columns->reserve(scanner_.cells().size());
  std::unordered_map<std::string, std::size_t> first_position;
  for (std::size_t i = 0; i < scanner_.cells().size(); ++i) {
    const std::string name(cell(record, i));
    if (const auto bad = find_bad_text(name)) {
      return fail(ErrorCode::kInvalidData, place(line), fmt::format("the name of column {} {}", i + 1, bad->what()),
                  bad->hint());
    }
    const auto [first, is_new] = first_position.emplace(name, i + 1);
    if (!is_new) {
      return fail(ErrorCode::kInvalidData, place(line),
                  fmt::format("the header names \"{}\" twice: columns {} and {}", shown(name, kShownColumns),
                              first->second, i + 1));
    }
    columns->push_back(name);
  }
  columns_ = std::move(columns);
  if (this->input().without_text) return {};
  const auto& wanted = this->input().text_column;
  const auto found = std::find(columns_->begin(), columns_->end(), wanted.value_or(""));
  const auto index = wanted ? std::optional<std::size_t>(found - columns_->begin()) : find_usual_text_column(*columns_);
  if (!index || *index == columns_->size()) return fail(no_text_column(*columns_, wanted, "column", place(line)));
  text_index_ = index;
  text_column_ = (*columns_)[*index];
  if (const auto& pair = this->input().text_pair_column) {
    const auto pair_found = std::find(columns_->begin(), columns_->end(), *pair);
    if (pair_found == columns_->end()) return fail(no_text_column(*columns_, pair, "column", place(line)));
    pair_index_ = static_cast<std::size_t>(pair_found - columns_->begin());
  }
  return {};
}

Row CsvParser::row_of(std::string_view record, std::uint64_t line) {
  if (scanner_.cells().size() != columns_->size()) {
    return bad_row(
        line, fmt::format("expected {} cells as in the header, found {}", columns_->size(), scanner_.cells().size()),
        scanner_.cells().size() > columns_->size() ? "a cell with a delimiter in it needs quotes" : "",
        carried_cells(record),
        scanner_.cells().size() > columns_->size() ? RowProblem::kTooManyCells : RowProblem::kTooFewCells);
  }
  // The record as a whole first: one pass for nearly every row there is.
  if (find_invalid_utf8(record) || record.find('\0') != std::string_view::npos) {
    if (auto bad = find_bad_cell(record)) {
      return bad_row(line, bad->what(), bad->hint(), carried_cells(record), RowProblem::kInvalidText);
    }
  }
  return Record{.row = row_,
                .line = line,
                .input = {},
                .text = text_index_ ? std::string(cell(record, *text_index_)) : std::string(),
                .pair = pair_index_ ? std::optional(std::string(cell(record, *pair_index_))) : std::nullopt,
                .carried = carried_cells(record)};
}

std::string_view CsvParser::cell(std::string_view record, std::size_t index) {
  const CsvCell& cell = scanner_.cells()[index];
  std::string_view rest = record.substr(cell.begin, cell.end - cell.begin);
  if (!cell.has_doubled_quotes) return rest;
  unquoted_.clear();
  for (auto quote = rest.find('"'); quote != std::string_view::npos; quote = rest.find('"')) {
    unquoted_ += rest.substr(0, quote + 1);
    rest.remove_prefix(quote + 2);
  }
  unquoted_ += rest;
  return unquoted_;
}

Fields CsvParser::carried_cells(std::string_view record) {
  Fields carried(columns_);
  const std::size_t count = std::min(scanner_.cells().size(), columns_->size());
  carried.reserve(count, record.size());
  for (std::size_t i = 0; i < count; ++i) carried.add_cell(cell(record, i));
  return carried;
}

std::optional<Error> CsvParser::find_bad_cell(std::string_view record) {
  for (std::size_t i = 0; i < scanner_.cells().size(); ++i) {
    if (const auto bad = find_bad_text(cell(record, i))) {
      return Error(bad->code(), "", fmt::format("column \"{}\" {}", shown((*columns_)[i], kShownColumns), bad->what()),
                   bad->hint());
    }
  }
  return std::nullopt;
}

}  // namespace valence::data
