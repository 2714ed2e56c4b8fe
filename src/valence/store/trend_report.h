/// \file
/// The figures of the monthly report: shares of one label by period, how sure they are, and what moved them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/statistics.h"
#include "valence/store/history_store.h"
#include "valence/store/top_words.h"

namespace valence::store {

struct TrendReportRequest {
  TimeBucket bucket = TimeBucket::kMonth;
  std::optional<std::int64_t> from_ms = {};
  std::optional<std::int64_t> to_ms = {};
  std::optional<std::string> stream = {};
  std::optional<std::string> channel = {};
  std::string label{};             ///< whose share is followed; empty: the one called negative
  std::size_t max_texts = 10'000;  ///< for the words, of each period compared
  std::size_t words = 15;
};

struct PeriodFigures {
  std::int64_t from_ms = 0;
  std::vector<LabelCount> labels;  ///< one for each of TrendReport::labels
  std::uint64_t texts = 0;
  std::uint64_t hits = 0;  ///< with the label followed
  double share = 0;        ///< hits / texts; 0 where there are no texts
  Interval interval{};     ///< of the share, Wilson's, 95 %
  /// Against the period before, where both have texts: the difference of the shares and its two-sided p-value (the test
  /// of two proportions, pooled).
  std::optional<double> change = {};
  double p_value = 1;
};

/// What a stream or channel added to the change between the last two periods. Contributions of all of a kind add up to
/// the change: share of texts times distance from the earlier overall share, now less then.
struct Driver {
  std::string stream;
  std::string channel;  ///< empty where streams are compared
  std::uint64_t texts_before = 0;
  std::uint64_t hits_before = 0;
  std::uint64_t texts = 0;
  std::uint64_t hits = 0;
  double contribution = 0;  ///< in shares: 0.02 is two points
};

struct TrendReport {
  TimeBucket bucket = TimeBucket::kMonth;
  std::string label;                   ///< the one followed
  std::vector<std::string> labels;     ///< ascending
  std::vector<PeriodFigures> periods;  ///< without gaps from the first to the last with texts
  std::vector<Driver> streams;         ///< between the last two periods, the largest contribution first, by its size
  std::vector<Driver> channels;
  std::vector<WordScore> new_words;  ///< of that label's texts in the last period, against the one before
  std::uint64_t word_texts = 0;      ///< texts of the last period that were read for them; 0: none is stored
  bool words_are_sample = false;
};

/// Changes with a smaller p-value are told as such.
inline constexpr double kNotableP = 0.01;
/// Words below it are not named: one in forty reaches it by chance.
inline constexpr double kNotableWordScore = 1.96;

/// Errors: kNotFound when the period has no records or no label can be told to be the negative one.
[[nodiscard]] Result<TrendReport> make_trend_report(HistoryStore& store, const TrendReportRequest& request);

/// "negative" whatever its case, "neg", or "1 star" beginnings: the label among `labels` that means negative; nothing
/// when none does.
[[nodiscard]] std::optional<std::string> negative_label(const std::vector<std::string>& labels);

}  // namespace valence::store
