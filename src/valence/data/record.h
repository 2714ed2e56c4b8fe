/// \file
/// One text to classify, with everything its row held, and a row that could not be read: both are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "valence/base/error.h"

namespace valence::data {

/// How the bytes of a field's value are to be read.
enum class FieldKind {
  kText,  ///< a CSV cell or a line, unquoted
  kJson,  ///< a JSON value exactly as it stood in its line: 1.0, 12345678901234567890 and {"a":  1} stay as they are
};

/// The columns of a row or the members of an object, in input order, byte-exact. Kept in one block of memory.
class Fields {
 public:
  Fields() = default;
  /// Text cells under a header that all rows of a file share.
  explicit Fields(std::shared_ptr<const std::vector<std::string>> columns) : columns_(std::move(columns)) {}
  /// JSON members, each with its own name.
  [[nodiscard]] static Fields of_json_members() { return Fields(FieldKind::kJson); }
  /// One text cell named "text": a line of a .txt file or a text from the command line.
  [[nodiscard]] static Fields of_text(std::string_view text);
  /// Two text cells, "text" and "text_pair".
  [[nodiscard]] static Fields of_pair(std::string_view text, std::string_view pair);

  /// The value under the next column of the header.
  void add_cell(std::string_view value);
  /// A member; `raw_value` is its JSON as it stood in the input.
  void add_member(std::string_view name, std::string_view raw_value);
  void reserve(std::size_t fields, std::size_t bytes);

  [[nodiscard]] FieldKind kind() const { return kind_; }
  [[nodiscard]] std::size_t size() const { return columns_ ? ends_.size() : ends_.size() / 2; }
  [[nodiscard]] bool empty() const { return ends_.empty(); }
  /// Views into this object: valid until it changes, moves or dies.
  [[nodiscard]] std::string_view name(std::size_t index) const;
  [[nodiscard]] std::string_view value(std::size_t index) const;
  /// The header, one object for all rows of a file; null for JSON members.
  [[nodiscard]] const std::shared_ptr<const std::vector<std::string>>& columns() const { return columns_; }
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }

 private:
  explicit Fields(FieldKind kind) : kind_(kind) {}
  [[nodiscard]] std::string_view piece(std::size_t index) const;

  std::shared_ptr<const std::vector<std::string>> columns_;
  std::string bytes_;                // cells, or name, value, name, value, ..., end to end
  std::vector<std::uint32_t> ends_;  // where each piece ends in bytes_
  FieldKind kind_ = FieldKind::kText;
};

/// A row that can be classified. `text` is valid UTF-8 without NUL; it may be empty.
struct Record {
  std::uint64_t row = 0;   ///< 1 for the first row of its file; a header and blank lines do not count
  std::uint64_t line = 0;  ///< 1-based line of the file on which the row starts
  std::string_view input;  ///< how messages name the file; set, and kept alive, by whoever opened it
  std::string text;
  std::optional<std::string> pair = std::nullopt;  ///< the second text, where the reader was told to look for one
  Fields carried;
};

/// What kind of trouble a row is, for those who count.
enum class RowProblem {
  kUnreadable,    ///< broken quotes, no JSON object, no string where the text should be, past a limit
  kTooFewCells,   ///< fewer than the header
  kTooManyCells,  ///< more than the header
  kInvalidText,   ///< bytes that are no UTF-8, or a NUL
  kNoText,        ///< a JSON object whose text field is absent or null
};

/// A row that cannot. `error.where()` is "reviews.csv:1042"; `carried` holds what could be read, perhaps nothing, and
/// its bytes need not be valid UTF-8.
struct RowError {
  std::uint64_t row = 0;
  std::uint64_t line = 0;
  Error error;
  Fields carried;
  RowProblem problem = RowProblem::kUnreadable;
};

using Row = tl::expected<Record, RowError>;

/// `text`, and `pair` if it is there, as the only fields of the row with that number.
[[nodiscard]] Record record_of_text(std::uint64_t row, std::string text,
                                    std::optional<std::string> pair = std::nullopt);

}  // namespace valence::data
