// What sqlite_store answers from its records and tallies.
#include <fmt/format.h>

#include "valence/store/sqlite_reader.h"

namespace valence::store {
namespace {

constexpr const char* kRecordColumns =
    "id, time_ms, stream, channel, subject, text, text_sha256, label, score, scores, model, model_version,"
    " config_version, tokens, truncated, metadata, correction";

Result<StoredRecord> record_of(const SqliteStatement& row) {
  StoredRecord stored;
  auto& record = stored.record;
  record.id = row.text(0);
  record.time_ms = row.integer(1);
  record.stream = row.text(2);
  record.channel = row.text(3);
  record.subject = row.text(4);
  record.text = row.text(5);
  stored.text_sha256 = row.text(6);
  record.label = row.text(7);
  record.score = static_cast<float>(row.real(8));
  VALENCE_TRY(record.scores, scores_from_json(row.text(9)));
  record.model = row.text(10);
  record.model_version = row.text(11);
  record.config_version = row.text(12);
  record.tokens = static_cast<std::uint32_t>(row.integer(13));
  record.truncated = row.integer(14) != 0;
  record.metadata = row.text(15);
  stored.correction = row.text(16);
  return stored;
}

// A million records: 150,000 with a word took 1 s to look up and sort, 0.1 s to pick out; one that is nowhere takes
// 0.3 s to miss in all rows.
constexpr int kFewRows = 5000;

Result<SearchPlan> search_plan(SqliteDatabase& database, const HistoryFilter& filter) {
  const auto words = filter.search ? search_query(SqlDialect::kSqlite, *filter.search) : std::nullopt;
  if (!words) return SearchPlan::kLookUp;
  VALENCE_TRY(SqliteStatement rows,
              database.prepare(fmt::format("SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ?1 LIMIT {})",
                                           kFewRows + 1)));
  rows.bind(1, std::string_view(*words));
  VALENCE_TRY([[maybe_unused]] const bool one_row, rows.step());
  return rows.integer(0) > kFewRows ? SearchPlan::kPickOut : SearchPlan::kLookUp;
}

}  // namespace

Result<HistoryPage> SqliteStore::query(const HistoryFilter& filter, const PageRequest& page) {
  VALENCE_TRY(Reader database, reader());
  VALENCE_TRY(const SearchPlan plan, search_plan(*database, filter));
  SqlConditions conditions(SqlDialect::kSqlite);
  add_conditions(conditions, filter, plan);
  VALENCE_TRY_STATUS(add_conditions(conditions, page));
  // One more than asked for tells whether there is a next page.
  VALENCE_TRY(SqliteStatement rows,
              database->prepare(fmt::format("SELECT {} FROM record{} ORDER BY time_ms DESC, id DESC LIMIT {}",
                                            kRecordColumns, conditions.where(), page.limit + 1)));
  bind_values(rows, conditions.values());
  HistoryPage found;
  while (true) {
    VALENCE_TRY(const bool row, rows.step());
    if (!row) return found;
    if (found.items.size() == page.limit) {
      const auto& last = found.items.back().record;
      found.next = cursor_of({last.time_ms, last.id});
      return found;
    }
    VALENCE_TRY(StoredRecord record, record_of(rows));
    found.items.push_back(std::move(record));
  }
}

Result<std::uint64_t> SqliteStore::count(const HistoryFilter& filter) {
  SqlConditions conditions(SqlDialect::kSqlite);
  add_conditions(conditions, filter);
  VALENCE_TRY(Reader database, reader());
  VALENCE_TRY(SqliteStatement rows, database->prepare("SELECT count(*) FROM record" + conditions.where()));
  bind_values(rows, conditions.values());
  VALENCE_TRY([[maybe_unused]] const bool one_row, rows.step());
  return static_cast<std::uint64_t>(rows.integer(0));
}

Result<Trend> SqliteStore::trend(const TrendRequest& request) {
  SqlConditions conditions(SqlDialect::kSqlite);
  add_conditions(conditions, request);
  VALENCE_TRY(Reader database, reader());
  VALENCE_TRY(SqliteStatement rows,
              database->prepare(fmt::format(
                  "SELECT bucket_ms, {} AS s, {} AS c, label, sum(texts), sum(score_micro) FROM tally{}"
                  " GROUP BY bucket_ms, s, c, label",
                  request.by_stream ? "stream" : "''", request.by_channel ? "channel" : "''", conditions.where())));
  bind_values(rows, conditions.values());
  TrendBuilder builder(request);
  while (true) {
    VALENCE_TRY(const bool row, rows.step());
    if (!row) return builder.finish();
    const bool more = builder.add(rows.integer(0), rows.text(1), rows.text(2), rows.text(3),
                                  static_cast<std::uint64_t>(rows.integer(4)), rows.integer(5));
    if (!more) return builder.finish();
  }
}

}  // namespace valence::store
