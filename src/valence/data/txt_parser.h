/// \file
/// Plain text, one text a line. An empty line is an empty text, so that rows and lines stay in step.
#pragma once

#include <optional>

#include "valence/data/line_scanner.h"
#include "valence/data/row_parser.h"

namespace valence::data {

class TxtParser : public RowParser {
 public:
  explicit TxtParser(InputDescription input);

  /// There is one field, "text"; another one asked for is an error.
  Status open(InputBuffer& input) override;
  Result<std::optional<Row>> parse(InputBuffer& input) override;

 private:
  LineScanner lines_;
};

}  // namespace valence::data
