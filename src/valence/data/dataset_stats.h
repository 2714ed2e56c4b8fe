/// \file
/// What a data set is made of, counted as its rows go by.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/siphash.h"
#include "valence/data/hash_table.h"
#include "valence/data/missing_value.h"
#include "valence/data/record.h"
#include "valence/data/scripts.h"

namespace valence::data {

/// Lengths, exactly: how many texts have each.
class LengthCounts {
 public:
  void add(std::size_t length) { ++counts_[length]; }
  [[nodiscard]] std::uint64_t texts() const;
  /// 0 for no texts, as the next ones.
  [[nodiscard]] double mean() const;
  [[nodiscard]] std::size_t longest() const { return counts_.empty() ? 0 : counts_.rbegin()->first; }
  /// The least length that a share `q` of the texts do not exceed.
  [[nodiscard]] std::size_t quantile(double q) const;
  [[nodiscard]] std::uint64_t longer_than(std::size_t length) const;

 private:
  std::map<std::size_t, std::uint64_t> counts_;
};

/// Not thread-safe. Memory: a hash of 16 bytes and a label's number for each distinct text.
class DatasetStats {
 public:
  DatasetStats(std::vector<std::string> columns, std::string text_column, std::optional<std::string> label_column);

  /// One row, and how many tokens its text has, if somebody counted.
  void add(const Row& row, std::optional<std::size_t> tokens);

  std::uint64_t rows = 0;
  std::uint64_t unreadable = 0;
  std::vector<std::uint64_t> missing;  ///< by column
  std::uint64_t duplicates = 0;        ///< rows whose text, that is not missing, was there before
  std::uint64_t near_duplicates = 0;   ///< of the others: equal but for case and white space
  std::uint64_t conflicts = 0;         ///< duplicates of either kind whose label differs from that of the first
  std::map<std::string, std::uint64_t> labels;  ///< as they are spelt, missing ones left out
  std::uint64_t unlabelled = 0;
  LengthCounts words;
  LengthCounts tokens;
  std::array<std::uint64_t, kScripts> scripts{};  ///< texts by main script

  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  [[nodiscard]] const std::optional<std::string>& label_column() const { return label_column_; }

 private:
  void count_missing(const Fields& fields);
  void count_duplicate(std::string_view text, const std::optional<std::string>& label);

  std::vector<std::string> columns_;
  std::string text_column_;
  std::optional<std::string> label_column_;
  MissingValues missing_values_;
  SipHashKey key_ = SipHashKey::random();
  HashTable<Hash128, std::uint32_t> texts_;         // -> label of the first
  HashTable<Hash128, std::uint32_t> plain_texts_;   // in lower case with single spaces
  std::map<std::string, std::uint32_t> label_ids_;  // from 1
};

/// What a person should hear before training on such labels; empty when all is well.
[[nodiscard]] std::vector<std::string> label_cautions(const std::map<std::string, std::uint64_t>& labels);

}  // namespace valence::data
