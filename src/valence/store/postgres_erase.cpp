// Deletion in postgres_store.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "valence/store/postgres_store.h"

namespace valence::store {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kTombstoneLifeMs = 90 * kDayMs;

/// Removes the records in doomed and what was counted of them.
Status erase_doomed(PostgresConnection& connection, bool keep_corrections) {
  constexpr std::array kLevels{std::pair(kMinuteLevel, kMinuteMs), std::pair(kHourLevel, kHourMs),
                               std::pair(kDayLevel, kDayMs)};
  for (const auto& [level, step_ms] : kLevels) {
    VALENCE_TRY_STATUS(connection.execute(fmt::format(
        "INSERT INTO tally AS t(level, bucket_ms, stream, channel, label, texts, with_text, score_micro)"
        " SELECT {0}, time_ms - ((time_ms % {1}) + {1}) % {1} AS b, stream, channel, label, -count(*),"
        " -count(*) FILTER (WHERE text <> ''), -sum(score_micro) FROM doomed JOIN record USING (id)"
        " GROUP BY b, stream, channel, label ORDER BY b, stream, channel, label"
        " ON CONFLICT (level, bucket_ms, stream, channel, label) DO UPDATE SET texts = t.texts + excluded.texts,"
        " with_text = t.with_text + excluded.with_text, score_micro = t.score_micro + excluded.score_micro",
        level, step_ms)));
  }
  if (!keep_corrections) {
    VALENCE_TRY_STATUS(connection.execute("DELETE FROM feedback WHERE record_id IN (SELECT id FROM doomed)"));
  }
  return connection.execute(
      "DELETE FROM tally WHERE texts <= 0; DELETE FROM record WHERE id IN (SELECT id FROM doomed)");
}

Status erase_loose_corrections(PostgresConnection& connection, const HistoryFilter& filter) {
  const auto loose = loose_corrections(SqlDialect::kPostgres, filter);
  if (!loose) return {};
  SqlConditions of_records = *loose;
  of_records.add("EXISTS (SELECT 1 FROM record WHERE id = record_id)");
  VALENCE_TRY(const PostgresRows corrected,
              connection.query("SELECT DISTINCT record_id FROM feedback" + of_records.where(), of_records.values()));
  VALENCE_TRY([[maybe_unused]] const PostgresRows removed,
              connection.query("DELETE FROM feedback" + loose->where(), loose->values()));
  for (std::size_t row = 0; row < corrected.size(); ++row) {
    VALENCE_TRY([[maybe_unused]] const PostgresRows set,
                connection.query(set_correction(SqlDialect::kPostgres), {std::string(corrected.text(row, 0))}));
  }
  return {};
}

/// How long vacuuming a table waits for whoever else does.
constexpr int kTidyLockTimeoutMs = 1'000;
/// Records that one transaction of retain() deletes.
constexpr std::uint64_t kRetainBatch = 5'000;

/// Lets the server use the places of what was deleted; it keeps their bytes until then.
Status tidy(PostgresConnection& connection) {
  // Each by itself: VACUUM runs in no transaction, in which SET LOCAL would do.
  VALENCE_TRY_STATUS(connection.execute("SET statement_timeout = 0"));
  VALENCE_TRY_STATUS(connection.execute(fmt::format("SET lock_timeout = {}", kTidyLockTimeoutMs)));
  Status vacuumed;
  for (const char* table : {"record", "feedback", "tally"}) {
    if (const Status done = connection.execute(fmt::format("VACUUM {}", table)); !done) vacuumed = done;
  }
  VALENCE_TRY_STATUS(connection.execute(
      fmt::format("SET statement_timeout = {}; SET lock_timeout = {}", kStatementTimeoutMs, kLockTimeoutMs)));
  return vacuumed;
}

/// Deleting much takes long, and a limit would only make it start afresh.
Result<PostgresTransaction> begin_long(PostgresConnection& connection) {
  VALENCE_TRY(PostgresTransaction transaction, PostgresTransaction::begin(connection));
  VALENCE_TRY_STATUS(connection.execute("SET LOCAL statement_timeout = 0"));
  return transaction;
}

}  // namespace

Result<Erased> PostgresStore::erase(const HistoryFilter& filter, const EraseOptions& options) {
  VALENCE_TRY(Erased erased, with_connection([&](PostgresConnection& connection) -> Result<Erased> {
                return erase_in(connection, filter, options);
              }));
  // By itself: the deletion stands, whatever happens here.
  if (!options.dry_run) erased.scrubbed = with_connection(tidy).has_value();
  return erased;
}

Result<Erased> PostgresStore::erase_in(PostgresConnection& connection, const HistoryFilter& filter,
                                       const EraseOptions& options) {
  Erased erased;
  VALENCE_TRY(PostgresTransaction transaction, begin_long(connection));
  VALENCE_TRY_STATUS(lock_corrections(connection, CorrectionLock::kCorrections));
  SqlConditions conditions(SqlDialect::kPostgres);
  add_conditions(conditions, filter);
  VALENCE_TRY(const PostgresRows marked,
              connection.query("INSERT INTO doomed SELECT id FROM record" + conditions.where(), conditions.values()));
  erased.records = marked.changed();
  VALENCE_TRY(const PostgresRows before, connection.query("SELECT count(*) FROM feedback"));
  const std::int64_t now_ms = clock_->unix_ms();
  VALENCE_TRY_STATUS(
      connection.execute(fmt::format("DELETE FROM tombstone WHERE time_ms < {}; INSERT INTO tombstone SELECT id, {} "
                                     "FROM doomed ON CONFLICT DO NOTHING",
                                     now_ms - kTombstoneLifeMs, now_ms)));
  VALENCE_TRY_STATUS(erase_doomed(connection, options.keep_corrections));
  if (!options.keep_corrections) {
    VALENCE_TRY_STATUS(erase_loose_corrections(connection, filter));
  }
  VALENCE_TRY(const PostgresRows after, connection.query("SELECT count(*) FROM feedback"));
  erased.corrections = static_cast<std::uint64_t>(before.integer(0, 0) - after.integer(0, 0));
  if (options.dry_run) return erased;  // rolled back
  VALENCE_TRY_STATUS(insert_access(
      connection, {.time_ms = now_ms, .action = "delete", .detail = describe(filter), .records = erased.records}));
  VALENCE_TRY_STATUS(transaction.commit());
  return erased;
}

Result<std::uint64_t> PostgresStore::retain_batch(const std::string& which, const std::string& detail) {
  return with_connection([&](PostgresConnection& connection) -> Result<std::uint64_t> {
    VALENCE_TRY(PostgresTransaction transaction, begin_long(connection));
    VALENCE_TRY(const PostgresRows marked, connection.query("INSERT INTO doomed SELECT id FROM record " + which));
    const std::uint64_t records = marked.changed();
    if (records == 0) return records;
    VALENCE_TRY_STATUS(erase_doomed(connection, true));
    VALENCE_TRY_STATUS(insert_access(
        connection,
        {.time_ms = clock_->unix_ms(), .action = std::string(kRetention), .detail = detail, .records = records}));
    VALENCE_TRY_STATUS(transaction.commit());
    return records;
  });
}

Result<std::uint64_t> PostgresStore::surplus_records(std::uint64_t max_bytes) {
  return with_connection([&](PostgresConnection& connection) -> Result<std::uint64_t> {
    VALENCE_TRY(PostgresTransaction transaction, begin_long(connection));
    // The files of a table do not shrink, so the rows themselves are measured; indexes are about as large again.
    VALENCE_TRY(const PostgresRows size,
                connection.query("SELECT 2 * coalesce(sum(pg_column_size(r.*)), 0)::bigint, count(*) FROM record r"));
    const auto used = static_cast<double>(size.integer(0, 0));
    const auto most = static_cast<double>(max_bytes);
    if (used <= most) return std::uint64_t{0};
    return static_cast<std::uint64_t>(std::ceil((1 - most / used) * static_cast<double>(size.integer(0, 1))));
  });
}

Result<Erased> PostgresStore::retain(const Retention& retention, std::int64_t now_ms) {
  Erased erased;
  if (retention.max_age_ms > 0) {
    const std::int64_t before_ms = now_ms - retention.max_age_ms;
    std::uint64_t records = 0;
    do {
      VALENCE_TRY(records,
                  retain_batch(fmt::format("WHERE time_ms < {} ORDER BY time_ms, id LIMIT {}", before_ms, kRetainBatch),
                               retention_by_age(before_ms)));
      erased.records += records;
    } while (records > 0);
  }
  if (retention.max_bytes > 0) {
    VALENCE_TRY(std::uint64_t surplus, surplus_records(retention.max_bytes));
    while (surplus > 0) {
      VALENCE_TRY(const std::uint64_t records,
                  retain_batch(fmt::format("ORDER BY time_ms, id LIMIT {}", std::min(surplus, kRetainBatch)),
                               retention_by_size(retention.max_bytes)));
      if (records == 0) break;
      erased.records += records;
      surplus -= std::min(surplus, records);
    }
  }
  if (erased.records > 0) erased.scrubbed = with_connection(tidy).has_value();
  return erased;
}

}  // namespace valence::store
