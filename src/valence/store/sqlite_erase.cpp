// Deletion in sqlite_store: records, what was counted of them, their words, and every copy of their bytes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "valence/store/sqlite_reader.h"
#include "valence/store/sqlite_schema.h"

namespace valence::store {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
/// An id this long deleted does not come back from a spool.
constexpr std::int64_t kTombstoneLifeMs = 90 * kDayMs;
/// Records that one transaction of retain() deletes: writers wait that long.
constexpr std::uint64_t kRetainBatch = 5'000;
/// Between two of them, for a mutex does not queue those who wait.
constexpr std::chrono::milliseconds kWritersTurn{2};

/// The begin of the minute, hour or day, also before 1970.
std::string bucket_sql(std::int64_t step_ms) { return fmt::format("time_ms - ((time_ms % {0}) + {0}) % {0}", step_ms); }

Status subtract_tallies(SqliteDatabase& database) {
  for (const auto& [level, step_ms] :
       {std::pair(kMinuteLevel, kMinuteMs), std::pair(kHourLevel, kHourMs), std::pair(kDayLevel, kDayMs)}) {
    VALENCE_TRY_STATUS(database.execute(fmt::format(
        "INSERT INTO tally(level, bucket_ms, stream, channel, label, texts, with_text, score_micro)"
        " SELECT {}, {} AS b, stream, channel, label, -count(*), -sum(text <> ''), -sum(score_micro(score))"
        " FROM temp.doomed JOIN record USING (seq) WHERE true GROUP BY b, stream, channel, label"
        " ON CONFLICT DO UPDATE SET texts = texts + excluded.texts, with_text = with_text + excluded.with_text,"
        " score_micro = score_micro + excluded.score_micro",
        level, bucket_sql(step_ms))));
  }
  return database.execute("DELETE FROM tally WHERE texts <= 0");
}

Status erase_loose_corrections(SqliteDatabase& database, const HistoryFilter& filter) {
  const auto loose = loose_corrections(SqlDialect::kSqlite, filter);
  if (!loose) return {};
  std::vector<std::string> corrected;
  SqlConditions of_records = *loose;
  of_records.add("EXISTS (SELECT 1 FROM record WHERE id = record_id)");
  {
    VALENCE_TRY(SqliteStatement find, database.prepare("SELECT DISTINCT record_id FROM feedback" + of_records.where()));
    bind_values(find, of_records.values());
    while (true) {
      VALENCE_TRY(const bool row, find.step());
      if (!row) break;
      corrected.emplace_back(find.text(0));
    }
  }
  VALENCE_TRY(SqliteStatement remove, database.prepare("DELETE FROM feedback" + loose->where()));
  bind_values(remove, loose->values());
  VALENCE_TRY_STATUS(remove.run());
  VALENCE_TRY(SqliteStatement* const correct, database.cached(set_correction(SqlDialect::kSqlite)));
  for (const std::string& id : corrected) {
    correct->bind(1, std::string_view(id));
    VALENCE_TRY_STATUS(correct->run());
  }
  return {};
}

}  // namespace

Result<std::uint64_t> SqliteStore::mark_doomed(SqliteDatabase& database, const HistoryFilter& filter) {
  SqlConditions conditions(SqlDialect::kSqlite);
  add_conditions(conditions, filter);
  VALENCE_TRY_STATUS(database.execute("DELETE FROM temp.doomed"));
  VALENCE_TRY(SqliteStatement mark,
              database.prepare("INSERT INTO temp.doomed SELECT seq FROM record" + conditions.where()));
  bind_values(mark, conditions.values());
  VALENCE_TRY_STATUS(mark.run());
  return static_cast<std::uint64_t>(database.changes());
}

Status SqliteStore::erase_doomed(SqliteDatabase& database, bool keep_corrections) {
  VALENCE_TRY_STATUS(subtract_tallies(database));
  VALENCE_TRY_STATUS(
      database.execute("INSERT INTO search(search, rowid, words) SELECT 'delete', seq, search_words(text)"
                       " FROM temp.doomed JOIN record USING (seq) WHERE text <> ''"));
  if (!keep_corrections) {
    VALENCE_TRY_STATUS(
        database.execute("DELETE FROM feedback WHERE record_id <> ''"
                         " AND record_id IN (SELECT id FROM temp.doomed JOIN record USING (seq))"));
  }
  // secure_delete clears a cell where it lies, but not copies that moving cells between pages leaves in their gaps. A
  // value of the same size is written in place, so that only filler can be copied from here on.
  VALENCE_TRY_STATUS(database.execute(
      "UPDATE record SET text = CAST(zeroblob(length(CAST(text AS BLOB))) AS TEXT), subject = "
      "CAST(zeroblob(length(CAST(subject AS BLOB))) AS TEXT),"
      " metadata = CAST(zeroblob(length(CAST(metadata AS BLOB))) AS TEXT) WHERE seq IN (SELECT seq FROM temp.doomed)"));
  VALENCE_TRY_STATUS(database.execute("DELETE FROM record WHERE seq IN (SELECT seq FROM temp.doomed)"));
  return {};
}

Result<Erased> SqliteStore::erase(const HistoryFilter& filter, const EraseOptions& options) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  Erased erased;
  {
    VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(*database));
    VALENCE_TRY(erased.records, mark_doomed(*database, filter));
    VALENCE_TRY(const std::int64_t corrections_before, database->integer("SELECT count(*) FROM feedback"));
    const std::int64_t now_ms = clock_->unix_ms();
    VALENCE_TRY_STATUS(database->execute(
        fmt::format("DELETE FROM tombstone WHERE time_ms < {}; INSERT OR IGNORE INTO tombstone(id, time_ms)"
                    " SELECT id, {} FROM temp.doomed JOIN record USING (seq)",
                    now_ms - kTombstoneLifeMs, now_ms)));
    VALENCE_TRY_STATUS(erase_doomed(*database, options.keep_corrections));
    if (!options.keep_corrections) {
      VALENCE_TRY_STATUS(erase_loose_corrections(*database, filter));
    }
    VALENCE_TRY_STATUS(insert_access(
        *database, {.time_ms = now_ms, .action = "delete", .detail = describe(filter), .records = erased.records}));
    VALENCE_TRY(const std::int64_t corrections_after, database->integer("SELECT count(*) FROM feedback"));
    erased.corrections = static_cast<std::uint64_t>(corrections_before - corrections_after);
    if (options.dry_run) return erased;  // rolled back
    VALENCE_TRY_STATUS(transaction.commit());
  }
  erased.scrubbed = scrub(*database, Scrub::kRewrite);
  return erased;
}

Result<std::uint64_t> SqliteStore::retain_batch(SqliteDatabase& database, const std::string& which,
                                                const std::string& detail) {
  VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(database));
  VALENCE_TRY_STATUS(database.execute("DELETE FROM temp.doomed"));
  VALENCE_TRY_STATUS(database.execute("INSERT INTO temp.doomed SELECT seq FROM record " + which));
  const auto records = static_cast<std::uint64_t>(database.changes());
  if (records == 0) return records;
  VALENCE_TRY_STATUS(erase_doomed(database, true));
  VALENCE_TRY_STATUS(insert_access(
      database,
      {.time_ms = clock_->unix_ms(), .action = std::string(kRetention), .detail = detail, .records = records}));
  VALENCE_TRY_STATUS(transaction.commit());
  return records;
}

Result<std::uint64_t> SqliteStore::retain_age(std::int64_t before_ms) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  return retain_batch(*database,
                      fmt::format("WHERE time_ms < {} ORDER BY time_ms, id LIMIT {}", before_ms, kRetainBatch),
                      retention_by_age(before_ms));
}

Result<std::uint64_t> SqliteStore::retain_size(std::uint64_t max_bytes) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  VALENCE_TRY(const std::int64_t page_size, database->integer("PRAGMA page_size"));
  VALENCE_TRY(const std::int64_t pages, database->integer("PRAGMA page_count"));
  VALENCE_TRY(const std::int64_t free_pages, database->integer("PRAGMA freelist_count"));
  VALENCE_TRY(const std::int64_t records,
              database->integer(fmt::format("SELECT coalesce(sum(texts), 0) FROM tally WHERE level = {}", kDayLevel)));
  const auto used = static_cast<double>((pages - free_pages) * page_size);
  const auto most = static_cast<double>(max_bytes);
  if (used <= most || records == 0) return std::uint64_t{0};
  const auto surplus = static_cast<std::uint64_t>(std::ceil((1 - most / used) * static_cast<double>(records)));
  return retain_batch(*database,
                      fmt::format("ORDER BY time_ms, id LIMIT {}", std::clamp(surplus, std::uint64_t{1}, kRetainBatch)),
                      retention_by_size(max_bytes));
}

Result<Erased> SqliteStore::retain(const Retention& retention, std::int64_t now_ms) {
  Erased erased;
  const auto scrub_in_place = [&]() -> Status {
    const std::lock_guard lock(writer_mutex_);
    VALENCE_TRY(SqliteDatabase* const database, writer());
    erased.scrubbed = scrub(*database, Scrub::kInPlace);
    return {};
  };
  while (retention.max_age_ms > 0) {
    VALENCE_TRY(const std::uint64_t records, retain_age(now_ms - retention.max_age_ms));
    if (records == 0) break;
    erased.records += records;
    std::this_thread::sleep_for(kWritersTurn);
  }
  if (erased.records > 0) {
    VALENCE_TRY_STATUS(scrub_in_place());
  }
  while (retention.max_bytes > 0) {
    VALENCE_TRY(const std::uint64_t records, retain_size(retention.max_bytes));
    if (records == 0) break;
    erased.records += records;
    VALENCE_TRY_STATUS(scrub_in_place());
    std::this_thread::sleep_for(kWritersTurn);
  }
  return erased;
}

bool SqliteStore::scrub(SqliteDatabase& database, Scrub how) {
  // The deletion itself stands whatever happens here. FTS5 keeps the words of deleted rows in its segments until they
  // are merged into one (SQLite 3.40; measured).
  bool clean = database.execute("INSERT INTO search(search) VALUES ('optimize')").has_value();
  switch (how) {
    case Scrub::kInPlace:
      clean = database.execute("PRAGMA incremental_vacuum").has_value() && clean;
      break;
    case Scrub::kRewrite:
      // Indexes over what was deleted may have left copies in the gaps of their pages. Needs as much free disk as the
      // history has; where that is missing, or a reader is in the way, this fails.
      clean = database.execute("VACUUM").has_value() && clean;
      break;
  }
  for (int version = 1; version < sqlite_migrations().back().version; ++version) {
    std::error_code absent;
    std::filesystem::remove(sqlite_backup_path(path_, version), absent);
  }
  auto checkpoint = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  return checkpoint && checkpoint->step() && checkpoint->integer(0) == 0 && clean;
}

}  // namespace valence::store
