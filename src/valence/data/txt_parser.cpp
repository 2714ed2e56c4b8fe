#include "valence/data/txt_parser.h"

#include <fmt/format.h>

#include "valence/data/text_column.h"

namespace valence::data {

TxtParser::TxtParser(InputDescription input) : RowParser(std::move(input)) {
  columns_ = Fields::of_text("").columns();
  text_column_ = columns_->front();
}

Status TxtParser::open(InputBuffer& /*input*/) {
  const auto& wanted = input().text_column;
  if (wanted && *wanted != text_column_) return fail(no_text_column(*columns_, wanted, "column", input().name));
  if (const auto& pair = input().text_pair_column) {
    return fail(ErrorCode::kInvalidArgument, input().name,
                fmt::format("has a text a line, and no column \"{}\" for a second one", *pair),
                "pairs come from .csv, .tsv and .jsonl files");
  }
  return {};
}

Result<std::optional<Row>> TxtParser::parse(InputBuffer& input) {
  const auto found = lines_.next(input);
  if (!found) return std::nullopt;
  ++row_;
  const std::uint64_t line = line_++;
  if (found->is_too_long) return bad_row(line, "the line is longer than 16 MB");
  if (const auto bad = find_bad_text(found->text)) {
    return bad_row(line, fmt::format("the line {}", bad->what()), bad->hint(), Fields::of_text(found->text),
                   RowProblem::kInvalidText);
  }
  return Record{.row = row_,
                .line = line,
                .input = {},
                .text = std::string(found->text),
                .carried = Fields::of_text(found->text)};
}

}  // namespace valence::data
