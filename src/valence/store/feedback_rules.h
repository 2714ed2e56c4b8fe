/// \file
/// What a correction must have before a store takes it.
#pragma once

#include "valence/base/clock.h"
#include "valence/base/ulid.h"
#include "valence/store/history_store.h"

namespace valence::store {

/// Fills in id, time and what the record of `feedback.record_id` tells; makes the strings storable. Errors as of
/// HistoryStore::add_feedback. A record that `store` does not have is no error where the text is given: it may be on
/// its way.
[[nodiscard]] Status complete_feedback(Feedback& feedback, HistoryStore& store, UlidSource& ids, const Clock& clock);

}  // namespace valence::store
