#include "valence/store/postgres_store.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "valence/store/search_words.h"

namespace valence::store {
namespace {

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kSchemaLock = 0x76616C68;      // of whoever makes the tables
constexpr std::int64_t kCorrectionLock = 0x76616C69;  // of whoever writes a record's correction

constexpr const char* kVersion1 = R"(
CREATE TABLE record(
  id text COLLATE "C" PRIMARY KEY,
  time_ms bigint NOT NULL,
  stream text NOT NULL,
  channel text NOT NULL,
  subject text NOT NULL,
  text text NOT NULL,
  text_sha256 text NOT NULL,
  label text NOT NULL,
  score double precision NOT NULL,
  score_micro bigint NOT NULL,
  scores text NOT NULL,
  model text NOT NULL,
  model_version text NOT NULL,
  config_version text NOT NULL,
  tokens bigint NOT NULL,
  truncated boolean NOT NULL,
  metadata text NOT NULL,
  words tsvector NOT NULL,
  correction text NOT NULL DEFAULT ''
);
CREATE INDEX record_by_time ON record(time_ms, id);
CREATE INDEX record_by_subject ON record(subject) WHERE subject <> '';
CREATE INDEX record_by_words ON record USING gin(words);
CREATE TABLE tally(
  level integer NOT NULL,
  bucket_ms bigint NOT NULL,
  stream text NOT NULL,
  channel text NOT NULL,
  label text NOT NULL,
  texts bigint NOT NULL,
  with_text bigint NOT NULL,
  score_micro bigint NOT NULL,
  PRIMARY KEY(level, bucket_ms, stream, channel, label)
);
CREATE TABLE feedback(
  id text COLLATE "C" PRIMARY KEY,
  time_ms bigint NOT NULL,
  record_id text NOT NULL,
  text text NOT NULL,
  text_sha256 text NOT NULL,
  label text NOT NULL,
  predicted text NOT NULL,
  stream text NOT NULL,
  channel text NOT NULL,
  subject text NOT NULL,
  note text NOT NULL,
  source text NOT NULL,
  model_version text NOT NULL
);
CREATE INDEX feedback_by_time ON feedback(time_ms, id);
CREATE INDEX feedback_by_record ON feedback(record_id) WHERE record_id <> '';
CREATE TABLE tombstone(id text PRIMARY KEY, time_ms bigint NOT NULL);
CREATE TABLE access(
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time_ms bigint NOT NULL,
  action text NOT NULL,
  detail text NOT NULL,
  records bigint NOT NULL
);
)";

/// Lines for COPY into staging, in the order of its columns.
std::string staging_lines(std::span<const StoredRecord> records) {
  std::string lines;
  std::int64_t place = 0;
  for (const StoredRecord& stored : records) {
    const auto& record = stored.record;
    lines += fmt::format("{}\t{}\t{}\t{}\t{}\t{}", place++, record.time_ms, record.score, score_micro(record.score),
                         record.tokens, record.truncated ? 't' : 'f');
    const std::string scores = scores_to_json(record.scores);
    const std::string words = search_words(record.text);
    for (const std::string* text : {&record.id, &record.stream, &record.channel, &record.subject, &record.text,
                                    &stored.text_sha256, &record.label, &scores, &record.model, &record.model_version,
                                    &record.config_version, &record.metadata, &words}) {
      lines += '\t';
      append_copy_value(lines, *text);
    }
    lines += '\n';
  }
  return lines;
}

std::string tally_lines(const std::vector<TallyRow>& tallies) {
  std::string lines;
  for (const TallyRow& row : tallies) {
    lines += fmt::format("{}\t{}\t{}\t{}\t{}", row.level, row.bucket_ms, row.texts, row.with_text, row.micro);
    for (const std::string_view text : {row.stream, row.channel, row.label}) {
      lines += '\t';
      append_copy_value(lines, text);
    }
    lines += '\n';
  }
  return lines;
}

}  // namespace

PostgresStore::PostgresStore(std::string address, const PostgresStoreOptions& options)
    : address_(std::move(address)), clock_(options.clock == nullptr ? &system_clock_ : options.clock), ids_(*clock_) {}

PostgresStore::~PostgresStore() = default;

Result<PostgresConnection> PostgresStore::connect() {
  VALENCE_TRY(PostgresConnection connection, PostgresConnection::open(address_));
  {
    const std::lock_guard lock(mutex_);
    if (!schema_is_ready_) {
      VALENCE_TRY_STATUS(prepare_schema(connection));
      schema_is_ready_ = true;
    }
  }
  VALENCE_TRY_STATUS(connection.execute(
      "CREATE TEMP TABLE staging(place bigint, time_ms bigint, score double precision, score_micro bigint, tokens "
      "bigint,"
      " truncated boolean, id text COLLATE \"C\", stream text, channel text, subject text, text text, text_sha256 text,"
      " label text, scores text, model text, model_version text, config_version text, metadata text, words text)"
      " ON COMMIT DELETE ROWS;"
      "CREATE TEMP TABLE tally_staging(level integer, bucket_ms bigint, texts bigint, with_text bigint,"
      " score_micro bigint, stream text, channel text, label text) ON COMMIT DELETE ROWS;"
      "CREATE TEMP TABLE doomed(id text COLLATE \"C\" PRIMARY KEY) ON COMMIT DELETE ROWS"));
  return connection;
}

Status PostgresStore::prepare_schema(PostgresConnection& connection) {
  VALENCE_TRY(PostgresTransaction transaction, PostgresTransaction::begin(connection));
  VALENCE_TRY_STATUS(connection.execute(fmt::format("SELECT pg_advisory_xact_lock({})", kSchemaLock)));
  VALENCE_TRY(const PostgresRows found, connection.query("SELECT to_regclass('valence.meta') IS NOT NULL"));
  if (found.text(0, 0) == "t") {
    VALENCE_TRY(const PostgresRows version, connection.query("SELECT max(version) FROM valence.meta"));
    if (version.integer(0, 0) > kSchemaVersion) {
      return fail(ErrorCode::kUnsupported, connection.where(),
                  fmt::format("was written by a newer valence: its schema is {}, this program knows {}",
                              version.integer(0, 0), kSchemaVersion),
                  "use that version, or another database; nothing was changed");
    }
    return {};
  }
  VALENCE_TRY_STATUS(
      connection.execute(fmt::format("CREATE SCHEMA IF NOT EXISTS valence; CREATE TABLE meta(version integer NOT NULL);"
                                     " INSERT INTO meta VALUES ({});{}",
                                     kSchemaVersion, kVersion1)));
  return transaction.commit();
}

Status PostgresStore::lock_corrections(PostgresConnection& connection, CorrectionLock whose) {
  return connection.execute(fmt::format("SELECT pg_advisory_xact_lock{}({})",
                                        whose == CorrectionLock::kRecords ? "_shared" : "", kCorrectionLock));
}

Result<std::size_t> PostgresStore::write(std::span<const StoredRecord> records) {
  if (records.empty()) return std::size_t{0};
  return with_connection([&](PostgresConnection& connection) { return write_to(connection, records); });
}

Result<std::size_t> PostgresStore::write_to(PostgresConnection& connection, std::span<const StoredRecord> records) {
  VALENCE_TRY(PostgresTransaction transaction, PostgresTransaction::begin(connection));
  VALENCE_TRY_STATUS(connection.copy("COPY staging FROM STDIN", staging_lines(records)));
  VALENCE_TRY_STATUS(lock_corrections(connection, CorrectionLock::kRecords));
  // A correction may come before its record, which waits in the spool. The index over corrections has the default
  // collation.
  VALENCE_TRY(
      const PostgresRows inserted,
      connection.query(fmt::format(
          "INSERT INTO record(id, time_ms, stream, channel, subject, text, text_sha256, label, score, score_micro,"
          " scores, model, model_version, config_version, tokens, truncated, metadata, words, correction)"
          " SELECT DISTINCT ON (id) id, time_ms, stream, channel, subject, text, text_sha256, label, score,"
          " score_micro, scores, model, model_version, config_version, tokens, truncated, metadata,"
          " array_to_tsvector(array_remove(string_to_array(words, ' '), '')), {}"
          " FROM staging s WHERE NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.id = s.id)"
          " ORDER BY id, place ON CONFLICT (id) DO NOTHING RETURNING id",
          latest_correction("s.id COLLATE \"default\""))));
  std::unordered_map<std::string_view, const StoredRecord*> first_of;
  for (const StoredRecord& stored : records) first_of.emplace(stored.record.id, &stored);
  std::vector<const StoredRecord*> added;
  for (std::size_t row = 0; row < inserted.size(); ++row) added.push_back(first_of.at(inserted.text(row, 0)));
  if (!added.empty()) {
    VALENCE_TRY_STATUS(connection.copy("COPY tally_staging FROM STDIN", tally_lines(tallies_of(added))));
    // In one order, so that two writers cannot wait for each other.
    VALENCE_TRY_STATUS(connection.execute(
        "INSERT INTO tally AS t(level, bucket_ms, stream, channel, label, texts, with_text, score_micro)"
        " SELECT level, bucket_ms, stream, channel, label, texts, with_text, score_micro FROM tally_staging"
        " ORDER BY level, bucket_ms, stream, channel, label ON CONFLICT (level, bucket_ms, stream, channel, label)"
        " DO UPDATE SET texts = t.texts + excluded.texts, with_text = t.with_text + excluded.with_text,"
        " score_micro = t.score_micro + excluded.score_micro"));
  }
  VALENCE_TRY_STATUS(transaction.commit());
  return added.size();
}

Result<HistoryStats> PostgresStore::stats() {
  return with_connection([&](PostgresConnection& connection) -> Result<HistoryStats> {
    VALENCE_TRY(
        const PostgresRows row,
        connection.query(fmt::format(
            "SELECT coalesce(sum(texts), 0)::bigint, coalesce(sum(with_text), 0)::bigint,"
            " (SELECT count(*) FROM feedback), (SELECT min(time_ms) FROM record), (SELECT max(time_ms) FROM record),"
            " pg_total_relation_size('record') + pg_total_relation_size('tally')"
            " + pg_total_relation_size('feedback') FROM tally WHERE level = {}",
            kDayLevel)));
    HistoryStats stats{.backend = "postgresql", .location = connection.where(), .oldest_ms = {}, .newest_ms = {}};
    stats.schema_version = kSchemaVersion;
    stats.records = static_cast<std::uint64_t>(row.integer(0, 0));
    stats.texts = static_cast<std::uint64_t>(row.integer(0, 1));
    stats.corrections = static_cast<std::uint64_t>(row.integer(0, 2));
    if (!row.is_null(0, 3)) stats.oldest_ms = row.integer(0, 3);
    if (!row.is_null(0, 4)) stats.newest_ms = row.integer(0, 4);
    stats.size_bytes = static_cast<std::uint64_t>(row.integer(0, 5));
    return stats;
  });
}

Status PostgresStore::insert_access(PostgresConnection& connection, const AccessEntry& entry) {
  VALENCE_TRY([[maybe_unused]] const PostgresRows done,
              connection.query("INSERT INTO access(time_ms, action, detail, records) VALUES ($1, $2, $3, $4)",
                               {entry.time_ms, entry.action, entry.detail, static_cast<std::int64_t>(entry.records)}));
  return {};
}

Status PostgresStore::log_access(const AccessEntry& entry) {
  return with_connection([&](PostgresConnection& connection) { return insert_access(connection, entry); });
}

Result<std::vector<AccessEntry>> PostgresStore::access_log(std::size_t limit) {
  return with_connection([&](PostgresConnection& connection) -> Result<std::vector<AccessEntry>> {
    VALENCE_TRY(const PostgresRows rows,
                connection.query("SELECT time_ms, action, detail, records FROM access ORDER BY seq DESC LIMIT $1",
                                 {static_cast<std::int64_t>(limit)}));
    std::vector<AccessEntry> entries;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      entries.push_back({rows.integer(row, 0), std::string(rows.text(row, 1)), std::string(rows.text(row, 2)),
                         static_cast<std::uint64_t>(rows.integer(row, 3))});
    }
    return entries;
  });
}

}  // namespace valence::store
