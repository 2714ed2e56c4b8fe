/// \file
/// Rows of JSON Lines: an object a line, its members carried as they stand.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/data/json_slice.h"
#include "valence/data/line_scanner.h"
#include "valence/data/row_parser.h"

namespace valence::data {

/// A row is refused, alone, if its line is no JSON object, or the text field is missing or no string. Blank lines do
/// not count. A text field may be a dotted path ("review.body"); a key that holds the dots itself wins over the path.
class JsonlParser : public RowParser {
 public:
  explicit JsonlParser(InputDescription input) : RowParser(std::move(input)) {}

  /// Reads to the first object, whose members are the columns and among them the text field, if the user named none. A
  /// thousand lines without an object are an error: this is no JSONL.
  Status open(InputBuffer& input) override;
  Result<std::optional<Row>> parse(InputBuffer& input) override;

 private:
  Result<std::optional<Row>> parse_line(InputBuffer& input);
  Status learn_fields(std::uint64_t line);
  Row row_of(std::string_view text, std::uint64_t line);
  /// The string at `path` of the present line; the error's `what` says why there is none.
  [[nodiscard]] Result<std::string> text_at(const std::string& path, const Fields& carried) const;
  [[nodiscard]] std::optional<std::string> find_bad_line(std::string_view text) const;

  LineScanner lines_;
  std::deque<Row> rows_before_;  // read by open()
  bool has_object_ = false;
  std::vector<JsonMemberView> members_;  // of the present line
};

}  // namespace valence::data
