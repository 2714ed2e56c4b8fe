/// \file
/// Where a row's label is, and the spellings of a label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/record.h"
#include "valence/data/record_reader.h"

namespace valence::data {

/// The value of the field `name` as text: a cell as it stands, what a JSON string says, any other JSON value as it
/// stands; nothing for an absent field and for null.
[[nodiscard]] std::optional<std::string> value_of(const Fields& fields, std::string_view name);

/// What the row is labelled with; nothing for an absent, empty or null one, or a JSON object or array.
[[nodiscard]] std::optional<std::string> label_of(const Fields& fields, const std::string& label_column);

/// Plain text, no column `label_column` (the error lists those there are), or one that holds the texts. Of JSON Lines
/// the columns are known with the first object only.
Status check_label_column(const RecordReader& reader, const std::string& label_column);
/// kNotFound, listing the columns there are, for a `column` that is not among them.
Status check_column(const RecordReader& reader, const std::string& column, std::string hint);

enum class LabelCase { kLower, kKeep };

/// One spelling a label: white space trimmed and single, lower case if asked, then mapped.
class LabelMap {
 public:
  explicit LabelMap(LabelCase label_case = LabelCase::kLower) : case_(label_case) {}

  /// `from`, in any spelling that normalises alike, is written as `to` exactly. A second, different `to` is refused.
  Status add(std::string_view from, std::string to);
  /// Entries of a file's text: a JSON object of strings, or lines of from=to, of which empty ones and those that begin
  /// with # do not count. `source` is how errors name it.
  Status add_file(std::string_view text, const std::string& source);

  [[nodiscard]] std::string apply(std::string_view label) const;

 private:
  [[nodiscard]] std::string normalised(std::string_view label) const;

  LabelCase case_;
  std::map<std::string, std::string, std::less<>> to_;
};

}  // namespace valence::data
