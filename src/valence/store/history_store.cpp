#include "valence/store/history_store.h"

namespace valence::store {

bool HistoryFilter::is_empty() const {
  return !from_ms && !to_ms && !id && !stream && !channel && !label && !subject && !text_sha256 && !model &&
         !model_version && !search && !min_score && !max_score && !corrected;
}

LabelCount TrendPoint::total() const {
  LabelCount sum;
  for (const LabelCount& label : labels) {
    sum.texts += label.texts;
    sum.score_sum += label.score_sum;
  }
  return sum;
}

Status HistoryStore::scan(const HistoryFilter& filter, const RecordVisitor& visit) {
  PageRequest page{.limit = kMaxPageItems};
  while (true) {
    VALENCE_TRY(const HistoryPage found, query(filter, page));
    for (const StoredRecord& record : found.items) {
      if (!visit(record)) return {};
    }
    if (found.next.empty()) return {};
    page.cursor = found.next;
  }
}

}  // namespace valence::store
