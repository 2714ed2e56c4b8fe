/// \file
/// Which texts are most worth a person's label: those the model is unsure of, and no two alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/pipeline/classified_record.h"
#include "valence/store/history_store.h"

namespace valence::store {

/// 0 for a sure answer to 1 for a toss-up: the mean of 1 - (best - second) and of the entropy over its most. Where only
/// the answer's score is known, twice what it lacks.
[[nodiscard]] double uncertainty_of(std::span<const pipeline::LabelScore> scores, float answer_score);

/// A text as hashed words and letter trigrams, of length 1; comparable on every machine.
inline constexpr std::size_t kTextVectorSize = 512;
[[nodiscard]] std::vector<float> text_vector(std::string_view text);

struct QueueItem {
  StoredRecord record;
  double uncertainty = 0;
  bool is_among_most_uncertain = false;  ///< would be in a queue of this length without a look at the other texts
};

/// The indices of at most `count` of `items`, the most useful first: each step takes the item with the largest product
/// of uncertainty and distance (1 - cosine) to those taken (greedy k-center: O. Sener & S. Savarese, "Active learning
/// for convolutional neural networks: a core-set approach", ICLR 2018). Equal texts are taken once.
[[nodiscard]] std::vector<std::size_t> choose_diverse(std::span<const QueueItem> items, std::size_t count);

struct QueueRequest {
  HistoryFilter filter = {};
  std::size_t count = 100;
  std::size_t max_scanned = 100'000;  ///< the newest so many records are looked at
};

struct LabelQueue {
  std::vector<QueueItem> items;  ///< the most useful first
  std::uint64_t scanned = 0;
  std::uint64_t without_text = 0;  ///< cannot be labelled: --store-text full keeps texts
};

/// From records of `filter` that nobody has corrected yet.
[[nodiscard]] Result<LabelQueue> make_label_queue(HistoryStore& store, const QueueRequest& request);

}  // namespace valence::store
