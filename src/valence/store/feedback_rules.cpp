#include "valence/store/feedback_rules.h"

#include <utility>

namespace valence::store {
namespace {

void fill(std::string& field, const std::string& value) {
  if (field.empty()) field = value;
}

}  // namespace

Status complete_feedback(Feedback& feedback, HistoryStore& store, UlidSource& ids, const Clock& clock) {
  for (std::string* text :
       {&feedback.id, &feedback.record_id, &feedback.text, &feedback.label, &feedback.predicted, &feedback.stream,
        &feedback.channel, &feedback.subject, &feedback.note, &feedback.source, &feedback.model_version}) {
    *text = storable_text(*text);
  }
  if (feedback.label.empty()) return fail(ErrorCode::kInvalidData, "label", "is empty", "name the right label");
  if (!feedback.record_id.empty()) {
    VALENCE_TRY(const HistoryPage found, store.query({.id = feedback.record_id}, {.limit = 1}));
    if (found.items.empty() && feedback.text.empty()) {
      return fail(ErrorCode::kNotFound, "id", "no record of the history has it", "send the text itself along");
    }
    if (!found.items.empty()) {
      const auto& record = found.items.front().record;
      fill(feedback.text, record.text);
      fill(feedback.predicted, record.label);
      fill(feedback.stream, record.stream);
      fill(feedback.channel, record.channel);
      fill(feedback.subject, record.subject);
      fill(feedback.model_version, record.model_version);
    }
  }
  if (feedback.text.empty()) {
    return fail(ErrorCode::kInvalidData, "text", "is empty, and the history did not store that of the record",
                "send the text along, or keep texts with --store-text full");
  }
  if (feedback.id.empty()) feedback.id = ids.next();
  if (feedback.time_ms == 0) feedback.time_ms = clock.unix_ms();
  return {};
}

}  // namespace valence::store
