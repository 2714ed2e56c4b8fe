/// \file
/// One row of a data set looked at and put right by itself. What compares rows with others is cleaning_ledger.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/siphash.h"
#include "valence/data/label_column.h"
#include "valence/data/missing_value.h"
#include "valence/data/record.h"
#include "valence/data/redaction.h"
#include "valence/data/text_repair.h"
#include "valence/data/words.h"

namespace valence::data {

/// Why a row is not written. A row has one: the first that applies.
enum class DropReason : std::uint8_t {
  kUnreadable,   ///< broken quotes, no JSON object, past a limit
  kInvalidText,  ///< bytes that are no text in the encoding
  kTooFewCells,
  kTooManyCells,
  kMissingText,  ///< the text says nothing, before or after repair
  kMissingLabel,
  kMissingValue,  ///< another column that may not be empty is
  kUnknownLabel,  ///< not among the labels asked for
  kDuplicate,
  kNearDuplicate,
};
inline constexpr std::size_t kDropReasons = 10;

/// "unreadable", "invalid_text", "too_few_cells", ...
[[nodiscard]] std::string_view name_of(DropReason reason);

struct CleaningOptions {
  std::vector<std::string> columns;  ///< of the input (RecordReader::columns)
  std::string text_column;
  std::optional<std::string> label_column = std::nullopt;
  std::optional<std::string> id_column = std::nullopt;  ///< tells repeats under a new id from exact ones
  std::vector<std::string> keep = {};                   ///< columns to write, in this order; empty: all
  std::vector<std::string> required = {};               ///< a row without a value in one of them is dropped
  std::vector<std::string> duplicate_columns =
      {};  ///< rows that agree in all of them are duplicates; empty: no such check
  TextTraits repair = TextTraits::all_repairable();
  LabelMap labels = LabelMap();
  std::vector<std::string> allowed_labels = {};  ///< empty: all
  MissingValues missing = MissingValues();
  PersonalDataKinds redact = {};
  bool with_sketch = false;  ///< CleanRow::sketch is wanted, for near-duplicates
};

/// A row after cleaning.
struct CleanRow {
  std::uint64_t row = 0;
  std::uint64_t line = 0;
  std::string_view input;                   ///< as Record::input; empty for rows that could not be read
  std::optional<DropReason> dropped;        ///< by itself; comparing may still drop it
  std::string detail;                       ///< which column, what the error was
  Fields fields;                            ///< what is written; of a dropped row perhaps nothing
  std::string text;                         ///< repaired and redacted
  std::optional<std::string> label;         ///< as written; nothing for a missing one
  std::optional<std::string> label_before;  ///< as it came, where it was spelled otherwise
  TextTraits traits;                        ///< of the text as it came
  RedactionCounts redacted{};
  std::vector<std::uint32_t> missing;  ///< indices into CleaningOptions::columns, ascending
  std::size_t text_chars = 0;          ///< code points of the text as it came
  std::uint64_t record_hash = 0;       ///< of all fields as they came
  std::uint64_t hash_without_id = 0;   ///< of all but the id column
  Hash128 duplicate_key;               ///< of the duplicate columns after repair
  TextSketch sketch;                   ///< of the text, where it is wanted

  [[nodiscard]] bool is_changed() const;
};

/// Immutable, thread-safe.
class Cleaner {
 public:
  /// Names of columns must be among `options.columns`; text_column must be no dotted path.
  explicit Cleaner(CleaningOptions options);

  /// Takes the row's memory where it can.
  [[nodiscard]] CleanRow clean(Row&& row) const;

  [[nodiscard]] const CleaningOptions& options() const { return options_; }
  /// Of what is written: options().keep, or else all.
  [[nodiscard]] const std::vector<std::string>& written_columns() const { return *written_columns_; }

 private:
  [[nodiscard]] std::optional<std::uint32_t> index_of(std::string_view column) const;
  /// Hashes and missing values of what came.
  void examine(const Fields& fields, CleanRow& clean) const;
  void clean_text(std::string text, CleanRow& clean) const;
  void clean_label(const Fields& fields, CleanRow& clean) const;
  void drop_by_values(CleanRow& clean) const;
  void hash_key(const Fields& fields, CleanRow& clean) const;
  void write_fields(Fields&& fields, CleanRow& clean) const;

  CleaningOptions options_;
  std::shared_ptr<const std::vector<std::string>> written_columns_;
  std::vector<std::uint32_t> kept_;  // indices into options_.columns, in the order of options_.keep
  std::optional<std::uint32_t> text_index_;
  std::optional<std::uint32_t> label_index_;
  std::optional<std::uint32_t> id_index_;
  SipHashKey key_ = SipHashKey::random();
};

}  // namespace valence::data
