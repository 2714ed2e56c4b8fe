/// \file
/// What the formats have in common: limits, how errors name a place, and the interface of a parser of rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/encoding.h"
#include "valence/data/input_buffer.h"
#include "valence/data/record.h"

namespace valence::data {

inline constexpr std::size_t kMaxFieldBytes = std::size_t{16} << 20;   ///< a CSV cell or a line of txt or JSONL
inline constexpr std::size_t kMaxRecordBytes = std::size_t{64} << 20;  ///< all cells of a CSV row
inline constexpr std::size_t kMaxColumns = 1'000'000;
inline constexpr std::size_t kMaxJsonDepth = 32;

struct InputDescription {
  std::string name;
  Encoding encoding = Encoding::kUtf8;
  std::optional<std::string> text_column;       ///< as the user gave it
  std::optional<std::string> text_pair_column;  ///< of the second text; absent: there is none
  bool without_text = false;                    ///< no text is looked for; it stays empty
};

class RowParser {
 public:
  explicit RowParser(InputDescription input) : input_(std::move(input)) {}
  RowParser(const RowParser&) = delete;
  RowParser& operator=(const RowParser&) = delete;
  virtual ~RowParser() = default;

  /// Reads, waiting, what must be known before the first row.
  virtual Status open(InputBuffer& input) = 0;
  /// Takes one row off the front of `input`; nothing when it needs more bytes, or at the end has no more rows. An error
  /// ends the whole input.
  virtual Result<std::optional<Row>> parse(InputBuffer& input) = 0;

  [[nodiscard]] const std::vector<std::string>& columns() const { return *columns_; }
  [[nodiscard]] const std::string& text_column() const { return text_column_; }
  /// What stands between cells; nothing in formats without.
  [[nodiscard]] virtual std::optional<char> delimiter() const { return std::nullopt; }

 protected:
  [[nodiscard]] const InputDescription& input() const { return input_; }
  /// "reviews.csv:1042".
  [[nodiscard]] std::string place(std::uint64_t line) const;
  /// The row numbered `row_`, as an error at `line`.
  [[nodiscard]] Row bad_row(std::uint64_t line, std::string what, std::string hint = {}, Fields carried = {},
                            RowProblem problem = RowProblem::kUnreadable) const;
  /// What is wrong with bytes that are to be a text, as "has invalid UTF-8 at byte 17 (0x92)" counted from 0, with its
  /// remedy; nothing if all is well.
  [[nodiscard]] std::optional<Error> find_bad_text(std::string_view text) const;

  std::shared_ptr<const std::vector<std::string>> columns_ = std::make_shared<const std::vector<std::string>>();
  std::string text_column_;
  std::uint64_t row_ = 0;   // rows begun so far, so the number of the present one
  std::uint64_t line_ = 1;  // on which the first unread byte stands

 private:
  InputDescription input_;
};

}  // namespace valence::data
