// Corrections in sqlite_store.
#include <fmt/format.h>

#include <utility>

#include "valence/store/feedback_rules.h"
#include "valence/store/sqlite_reader.h"

namespace valence::store {
namespace {

constexpr const char* kInsertFeedback =
    "INSERT INTO feedback(id, time_ms, record_id, text, text_sha256, label, predicted, stream, channel, subject, note,"
    " source, model_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    " ON CONFLICT(id) DO NOTHING";

}  // namespace

Result<Feedback> SqliteStore::add_feedback(Feedback feedback) {
  VALENCE_TRY_STATUS(complete_feedback(feedback, *this, ids_, *clock_));
  const std::string hash = sha256_hex(feedback.text);
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(*database));
  VALENCE_TRY(SqliteStatement* const insert, database->cached(kInsertFeedback));
  insert->bind(1, feedback.id);
  insert->bind(2, feedback.time_ms);
  int place = 3;
  for (const std::string* text : std::initializer_list<const std::string*>{
           &feedback.record_id, &feedback.text, &hash, &feedback.label, &feedback.predicted, &feedback.stream,
           &feedback.channel, &feedback.subject, &feedback.note, &feedback.source, &feedback.model_version}) {
    insert->bind(place++, std::string_view(*text));
  }
  VALENCE_TRY_STATUS(insert->run());
  if (!feedback.record_id.empty()) {
    VALENCE_TRY(SqliteStatement* const correct, database->cached(set_correction(SqlDialect::kSqlite)));
    correct->bind(1, feedback.record_id);
    VALENCE_TRY_STATUS(correct->run());
  }
  VALENCE_TRY_STATUS(transaction.commit());
  return feedback;
}

Result<FeedbackPage> SqliteStore::feedback(const FeedbackFilter& filter, const PageRequest& page) {
  SqlConditions conditions(SqlDialect::kSqlite);
  add_conditions(conditions, filter);
  VALENCE_TRY_STATUS(add_conditions(conditions, page));
  VALENCE_TRY(Reader database, reader());
  VALENCE_TRY(SqliteStatement rows,
              database->prepare(fmt::format(
                  "SELECT id, time_ms, record_id, text, label, predicted, stream, channel, subject, note, source,"
                  " model_version FROM feedback{} ORDER BY time_ms DESC, id DESC LIMIT {}",
                  conditions.where(), page.limit + 1)));
  bind_values(rows, conditions.values());
  FeedbackPage found;
  while (true) {
    VALENCE_TRY(const bool row, rows.step());
    if (!row) return found;
    if (found.items.size() == page.limit) {
      found.next = cursor_of({found.items.back().time_ms, found.items.back().id});
      return found;
    }
    Feedback item{.id = std::string(rows.text(0)), .time_ms = rows.integer(1)};
    int column = 2;
    for (std::string* text : {&item.record_id, &item.text, &item.label, &item.predicted, &item.stream, &item.channel,
                              &item.subject, &item.note, &item.source, &item.model_version}) {
      *text = rows.text(column++);
    }
    found.items.push_back(std::move(item));
  }
}

Result<bool> SqliteStore::erase_feedback(const std::string& id) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  std::string record_id;
  {
    VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(*database));
    VALENCE_TRY(SqliteStatement* const find, database->cached("SELECT record_id FROM feedback WHERE id = ?1"));
    find->bind(1, id);
    VALENCE_TRY(const bool found, find->step());
    if (!found) return false;
    record_id = find->text(0);
    find->reset();
    VALENCE_TRY(SqliteStatement* const remove, database->cached("DELETE FROM feedback WHERE id = ?1"));
    remove->bind(1, id);
    VALENCE_TRY_STATUS(remove->run());
    VALENCE_TRY(SqliteStatement* const correct, database->cached(set_correction(SqlDialect::kSqlite)));
    correct->bind(1, record_id);
    VALENCE_TRY_STATUS(correct->run());
    VALENCE_TRY_STATUS(transaction.commit());
  }
  scrub(*database, Scrub::kRewrite);
  return true;
}

}  // namespace valence::store
