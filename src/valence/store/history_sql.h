/// \file
/// Filters and cursors as SQL: what SQLite and PostgreSQL have in common.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "valence/base/error.h"
#include "valence/store/history_store.h"

namespace valence::store {

enum class SqlDialect { kSqlite, kPostgres };

using SqlValue = std::variant<std::int64_t, double, std::string>;

/// A condition under construction, its values numbered in the order in which they are added.
class SqlConditions {
 public:
  explicit SqlConditions(SqlDialect dialect) : dialect_(dialect) {}

  /// Narrows by `before` + the value's place + `after`, e.g. ("time_ms >= ", 5).
  void add(std::string_view before, SqlValue value, std::string_view after = {});
  /// Narrows by a condition without values.
  void add(std::string_view condition);
  /// A place for `value` in text that the caller appends itself.
  [[nodiscard]] std::string place(SqlValue value);

  /// " WHERE a AND b", or nothing.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] const std::vector<SqlValue>& values() const { return values_; }
  [[nodiscard]] SqlDialect dialect() const { return dialect_; }

 private:
  SqlDialect dialect_;
  std::string conditions_;
  std::vector<SqlValue> values_;
};

/// A search in the language of the dialect's index over words; nothing where it holds no word, and so finds nothing.
[[nodiscard]] std::optional<std::string> search_query(SqlDialect dialect, std::string_view search);

/// How SQLite meets the rows of a search: looked up one by one and sorted, which many of them make slow, or picked out
/// of all rows in the order asked for, which few of them make slow. PostgreSQL plans by counts of its own.
enum class SearchPlan { kLookUp, kPickOut };

/// Narrows to what the filters say, over the columns of tables `record` and `feedback`.
void add_conditions(SqlConditions& conditions, const HistoryFilter& filter, SearchPlan plan = SearchPlan::kLookUp);
void add_conditions(SqlConditions& conditions, const FeedbackFilter& filter);
/// Narrows a tally to the request's stream, channel and whole buckets.
void add_conditions(SqlConditions& conditions, const TrendRequest& request);

/// Which corrections go by what they say themselves when the records of `filter` are gone, over the columns of
/// `feedback`: those that name its subject, text or id, within its stream, channel and times. One whose record is there
/// goes only where its record does not say the same: then the filter has decided about the record. Nothing: none goes,
/// also where the filter asks for what only a record has.
[[nodiscard]] std::optional<SqlConditions> loose_corrections(SqlDialect dialect, const HistoryFilter& filter);

/// A place in the order "newest first, then id descending".
struct HistoryPosition {
  std::int64_t time_ms = 0;
  std::string id;
};
[[nodiscard]] std::string cursor_of(const HistoryPosition& position);
/// kInvalidArgument for what cursor_of does not make.
[[nodiscard]] Result<HistoryPosition> parse_cursor(std::string_view cursor);

/// Checks the limit and narrows to what comes after the page's cursor.
[[nodiscard]] Status add_conditions(SqlConditions& conditions, const PageRequest& page);

/// The filter's fields for the access log; of subject and search only that they were used.
[[nodiscard]] std::string describe(const HistoryFilter& filter);

/// AccessEntry::action and detail of what HistoryStore::retain removes.
inline constexpr std::string_view kRetention = "retention";
[[nodiscard]] std::string retention_by_age(std::int64_t before_ms);
[[nodiscard]] std::string retention_by_size(std::uint64_t max_bytes);

/// An expression: the label of the latest correction of the record whose id is `id`, itself an expression; or ''.
[[nodiscard]] std::string latest_correction(std::string_view id);
/// A statement that brings the correction of the record with the id $1 (?1) up to date.
[[nodiscard]] std::string set_correction(SqlDialect dialect);

/// The level of a tally that answers in a bucket, and its step.
inline constexpr int kMinuteLevel = 0;
inline constexpr int kHourLevel = 1;
inline constexpr int kDayLevel = 2;
[[nodiscard]] int tally_level(TimeBucket bucket);

/// The score in millionths, as tallies add it.
[[nodiscard]] std::int64_t score_micro(double score);

/// Reads rows of a tally (any order) into a trend; those of a bucket's days become one on the way.
class TrendBuilder {
 public:
  explicit TrendBuilder(const TrendRequest& request) : request_(request) {}
  /// `stream` and `channel` are empty where the request does not tell them apart.
  /// False: there are more than request.max_counts already, and no more are wanted.
  [[nodiscard]] bool add(std::int64_t bucket_ms, std::string_view stream, std::string_view channel,
                         std::string_view label, std::uint64_t texts, std::int64_t micro);
  /// Errors: kUnsupported (more than request.max_counts).
  [[nodiscard]] Result<Trend> finish();

 private:
  struct Key {
    std::int64_t from_ms;
    std::string stream;
    std::string channel;
    std::string label;
    auto operator<=>(const Key&) const = default;
  };
  struct Sums {
    std::uint64_t texts = 0;
    std::int64_t micro = 0;
  };
  TrendRequest request_;
  std::map<Key, Sums> rows_;
};

/// What a batch of new records adds to the tallies.
struct TallyRow {
  int level = 0;
  std::int64_t bucket_ms = 0;
  std::string_view stream;
  std::string_view channel;
  std::string_view label;
  std::int64_t texts = 0;
  std::int64_t with_text = 0;
  std::int64_t micro = 0;
};

/// One row for each level and key that occurs, ascending; views into `records`.
[[nodiscard]] std::vector<TallyRow> tallies_of(const std::vector<const StoredRecord*>& records);

}  // namespace valence::store
