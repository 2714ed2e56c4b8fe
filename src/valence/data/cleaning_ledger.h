/// \file
/// What rows have in common with those before them, and the count of everything that was found, dropped and changed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/data/cleaning.h"
#include "valence/data/hash_table.h"
#include "valence/data/near_duplicates.h"

namespace valence::data {

/// Rows by kind. "Found" speaks of the rows as they came, whatever became of them: a row counts under each kind it has.
struct CleaningSummary {
  std::uint64_t rows = 0;
  std::uint64_t written = 0;
  std::uint64_t changed = 0;                                 ///< of the written ones
  std::array<std::uint64_t, kDropReasons> dropped{};         ///< a row counts once
  std::vector<std::uint64_t> missing;                        ///< found, by column of the input
  std::array<std::uint64_t, kTextTraits> traits{};           ///< found
  std::uint64_t exact_repeats = 0;                           ///< found: all fields as in a row before
  std::uint64_t repeats_under_new_id = 0;                    ///< found: all but the id so, and not exact
  std::array<std::uint64_t, kPersonalDataKinds> redacted{};  ///< places, not rows; of the written ones
  std::uint64_t relabelled = 0;                              ///< of the written ones
  /// Dropped duplicates whose label is not that of the row they repeat.
  std::uint64_t conflicting_duplicates = 0;
  /// Near-duplicates that were kept because their labels differ: which is right, a person must say.
  std::uint64_t conflicting_near_duplicates = 0;
  std::map<std::string, std::uint64_t> labels;  ///< of the written rows
  /// As they came -> as they are written, with how many rows; at most kMaxSpellings.
  std::map<std::pair<std::string, std::string>, std::uint64_t> spellings;
  std::uint64_t longest_chars = 0;  ///< of a text as it came, in code points
  std::uint64_t longest_line = 0;   ///< where that is
  std::string first_unreadable;     ///< the error of the first row dropped for its bytes or form

  static constexpr std::size_t kMaxSpellings = 1000;

  [[nodiscard]] std::uint64_t rows_dropped() const;
};

struct NearDuplicateSearch {
  bool enabled = false;
  NearDuplicateOptions options = {};
};

/// Admits rows in input order. Memory: two hashes a row of 16 bytes each, one of 32 a distinct text, and with
/// near-duplicates four bytes a word and 40 a row. Not thread-safe.
class CleaningLedger {
 public:
  CleaningLedger(const CleaningOptions& options, const NearDuplicateSearch& near);

  /// Counts the row; marks it as dropped, with the reason, if it repeats one before. `row.detail` names that one.
  void admit(CleanRow& row);

  [[nodiscard]] const CleaningSummary& summary() const { return summary_; }

 private:
  struct Place {
    std::uint64_t line = 0;
    std::uint32_t input = 0;  // in inputs_
    std::uint32_t label = 0;  // in labels_; 0: none
  };

  void count_findings(const CleanRow& row);
  void find_duplicate(CleanRow& row);
  void find_near_duplicate(CleanRow& row);
  void count_outcome(const CleanRow& row);
  [[nodiscard]] Place place_of(const CleanRow& row);
  /// "line 12", with the file's name where there are several.
  [[nodiscard]] std::string shown(const Place& place) const;

  bool has_key_;
  NearDuplicateSearch near_;
  CleaningSummary summary_;
  HashTable<std::uint64_t, std::uint32_t> records_;
  HashTable<std::uint64_t, std::uint32_t> records_without_id_;
  HashTable<Hash128, Place> keys_;
  NearDuplicateIndex index_;
  std::vector<Place> indexed_;  // of each text in index_
  std::vector<std::string_view> inputs_;
  std::map<std::string, std::uint32_t, std::less<>> label_ids_;
  std::vector<std::string> labels_{""};
};

}  // namespace valence::data
