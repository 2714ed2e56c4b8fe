// What postgres_store answers, and its corrections.
#include <fmt/format.h>

#include <utility>

#include "valence/store/feedback_rules.h"
#include "valence/store/postgres_store.h"

namespace valence::store {
namespace {

Result<StoredRecord> record_of(const PostgresRows& rows, std::size_t row) {
  StoredRecord stored;
  auto& record = stored.record;
  record.id = rows.text(row, 0);
  record.time_ms = rows.integer(row, 1);
  record.stream = rows.text(row, 2);
  record.channel = rows.text(row, 3);
  record.subject = rows.text(row, 4);
  record.text = rows.text(row, 5);
  stored.text_sha256 = rows.text(row, 6);
  record.label = rows.text(row, 7);
  record.score = static_cast<float>(rows.real(row, 8));
  VALENCE_TRY(record.scores, scores_from_json(rows.text(row, 9)));
  record.model = rows.text(row, 10);
  record.model_version = rows.text(row, 11);
  record.config_version = rows.text(row, 12);
  record.tokens = static_cast<std::uint32_t>(rows.integer(row, 13));
  record.truncated = rows.text(row, 14) == "t";
  record.metadata = rows.text(row, 15);
  stored.correction = rows.text(row, 16);
  return stored;
}

}  // namespace

Result<HistoryPage> PostgresStore::query(const HistoryFilter& filter, const PageRequest& page) {
  SqlConditions conditions(SqlDialect::kPostgres);
  add_conditions(conditions, filter);
  VALENCE_TRY_STATUS(add_conditions(conditions, page));
  return with_connection([&](PostgresConnection& connection) -> Result<HistoryPage> {
    VALENCE_TRY(
        const PostgresRows rows,
        connection.query(fmt::format("SELECT id, time_ms, stream, channel, subject, text, text_sha256, label,"
                                     " score, scores, model, model_version, config_version, tokens, truncated,"
                                     " metadata, correction FROM record{} ORDER BY time_ms DESC, id DESC LIMIT {}",
                                     conditions.where(), page.limit + 1),
                         conditions.values()));
    HistoryPage found;
    for (std::size_t row = 0; row < std::min(rows.size(), page.limit); ++row) {
      VALENCE_TRY(StoredRecord record, record_of(rows, row));
      found.items.push_back(std::move(record));
    }
    if (rows.size() > page.limit) {
      const auto& last = found.items.back().record;
      found.next = cursor_of({last.time_ms, last.id});
    }
    return found;
  });
}

Result<std::uint64_t> PostgresStore::count(const HistoryFilter& filter) {
  SqlConditions conditions(SqlDialect::kPostgres);
  add_conditions(conditions, filter);
  return with_connection([&](PostgresConnection& connection) -> Result<std::uint64_t> {
    VALENCE_TRY(const PostgresRows rows,
                connection.query("SELECT count(*) FROM record" + conditions.where(), conditions.values()));
    return static_cast<std::uint64_t>(rows.integer(0, 0));
  });
}

Result<Trend> PostgresStore::trend(const TrendRequest& request) {
  SqlConditions conditions(SqlDialect::kPostgres);
  add_conditions(conditions, request);
  return with_connection([&](PostgresConnection& connection) -> Result<Trend> {
    VALENCE_TRY(const PostgresRows rows,
                connection.query(fmt::format("SELECT bucket_ms, {} AS s, {} AS c, label, sum(texts)::bigint,"
                                             " sum(score_micro)::bigint FROM tally{} GROUP BY bucket_ms, s, c, label",
                                             request.by_stream ? "stream" : "''::text",
                                             request.by_channel ? "channel" : "''::text", conditions.where()),
                                 conditions.values()));
    TrendBuilder builder(request);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const bool more = builder.add(rows.integer(row, 0), rows.text(row, 1), rows.text(row, 2), rows.text(row, 3),
                                    static_cast<std::uint64_t>(rows.integer(row, 4)), rows.integer(row, 5));
      if (!more) break;
    }
    return builder.finish();
  });
}

Result<Feedback> PostgresStore::add_feedback(Feedback feedback) {
  VALENCE_TRY_STATUS(complete_feedback(feedback, *this, ids_, *clock_));
  return with_connection([&](PostgresConnection& connection) -> Result<Feedback> {
    VALENCE_TRY(PostgresTransaction transaction, PostgresTransaction::begin(connection));
    VALENCE_TRY_STATUS(lock_corrections(connection, CorrectionLock::kCorrections));
    VALENCE_TRY(
        [[maybe_unused]] const PostgresRows added,
        connection.query("INSERT INTO feedback(id, time_ms, record_id, text, text_sha256, label, predicted,"
                         " stream, channel, subject, note, source, model_version)"
                         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
                         " ON CONFLICT (id) DO NOTHING",
                         {feedback.id, feedback.time_ms, feedback.record_id, feedback.text, sha256_hex(feedback.text),
                          feedback.label, feedback.predicted, feedback.stream, feedback.channel, feedback.subject,
                          feedback.note, feedback.source, feedback.model_version}));
    VALENCE_TRY([[maybe_unused]] const PostgresRows corrected,
                connection.query(set_correction(SqlDialect::kPostgres), {feedback.record_id}));
    VALENCE_TRY_STATUS(transaction.commit());
    return feedback;
  });
}

Result<FeedbackPage> PostgresStore::feedback(const FeedbackFilter& filter, const PageRequest& page) {
  SqlConditions conditions(SqlDialect::kPostgres);
  add_conditions(conditions, filter);
  VALENCE_TRY_STATUS(add_conditions(conditions, page));
  return with_connection([&](PostgresConnection& connection) -> Result<FeedbackPage> {
    VALENCE_TRY(const PostgresRows rows,
                connection.query(fmt::format("SELECT id, time_ms, record_id, text, label, predicted, stream, channel,"
                                             " subject, note, source, model_version FROM feedback{}"
                                             " ORDER BY time_ms DESC, id DESC LIMIT {}",
                                             conditions.where(), page.limit + 1),
                                 conditions.values()));
    FeedbackPage found;
    for (std::size_t row = 0; row < std::min(rows.size(), page.limit); ++row) {
      Feedback item{.id = std::string(rows.text(row, 0)), .time_ms = rows.integer(row, 1)};
      int column = 2;
      for (std::string* text : {&item.record_id, &item.text, &item.label, &item.predicted, &item.stream, &item.channel,
                                &item.subject, &item.note, &item.source, &item.model_version}) {
        *text = rows.text(row, column++);
      }
      found.items.push_back(std::move(item));
    }
    if (rows.size() > page.limit) found.next = cursor_of({found.items.back().time_ms, found.items.back().id});
    return found;
  });
}

Result<bool> PostgresStore::erase_feedback(const std::string& id) {
  return with_connection([&](PostgresConnection& connection) -> Result<bool> {
    VALENCE_TRY(PostgresTransaction transaction, PostgresTransaction::begin(connection));
    VALENCE_TRY_STATUS(lock_corrections(connection, CorrectionLock::kCorrections));
    VALENCE_TRY(const PostgresRows removed,
                connection.query("DELETE FROM feedback WHERE id = $1 RETURNING record_id", {id}));
    if (removed.size() == 0) return false;
    VALENCE_TRY([[maybe_unused]] const PostgresRows corrected,
                connection.query(set_correction(SqlDialect::kPostgres), {std::string(removed.text(0, 0))}));
    VALENCE_TRY_STATUS(transaction.commit());
    return true;
  });
}

}  // namespace valence::store
