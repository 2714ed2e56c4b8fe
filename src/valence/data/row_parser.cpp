#include "valence/data/row_parser.h"

#include <fmt/format.h>

#include "valence/base/utf8.h"

namespace valence::data {

std::string RowParser::place(std::uint64_t line) const { return fmt::format("{}:{}", input_.name, line); }

Row RowParser::bad_row(std::uint64_t line, std::string what, std::string hint, Fields carried,
                       RowProblem problem) const {
  return tl::unexpected<RowError>(
      RowError{.row = row_,
               .line = line,
               .error = Error(ErrorCode::kInvalidData, place(line), std::move(what), std::move(hint)),
               .carried = std::move(carried),
               .problem = problem});
}

std::optional<Error> RowParser::find_bad_text(std::string_view text) const {
  const auto bad = find_invalid_utf8(text);
  if (bad) {
    // Other encodings were turned into UTF-8 before; only UTF-16 can have said something that is no text.
    if (input_.encoding == Encoding::kUtf16) {
      return Error(ErrorCode::kInvalidData, "", "has half a UTF-16 surrogate pair", "use --on-error skip");
    }
    return Error(ErrorCode::kInvalidData, "",
                 fmt::format("has invalid UTF-8 at byte {} (0x{:02X})", *bad, static_cast<unsigned char>(text[*bad])),
                 "re-encode with --encoding windows-1252, or use --on-error skip");
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return Error(ErrorCode::kInvalidData, "", fmt::format("contains a NUL byte at byte {}", nul),
                 input_.encoding == Encoding::kUtf8 ? "if this is UTF-16, use --encoding utf-16" : "");
  }
  return std::nullopt;
}

}  // namespace valence::data
