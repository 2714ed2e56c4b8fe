/// \file
/// Which texts are most worth a person's label: those that stand for many the model is unsure of.
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
  bool is_among_most_uncertain = false;  ///< would be in a queue of this length that looked at nothing else
};

/// The indices of at most `count` of `items`, the most useful first: each step takes the text that brings the items
/// nearest to one that was taken, each counted by kLeastUse + its uncertainty (greedy facility location over cosines:
/// K. Wei, R. Iyer & J. Bilmes, "Submodularity in data subset selection and active learning", ICML 2015). So the model
/// is asked about where it errs, but in proportion to what there is. Equal texts are taken once. Time and memory grow
/// with the square of the items.
[[nodiscard]] std::vector<std::size_t> choose_covering(std::span<const QueueItem> items, std::size_t count);
inline constexpr double kLeastUse = 0.05;

struct QueueRequest {
  HistoryFilter filter = {};
  std::size_t count = 100;            ///< over 4,000: drawn by uncertainty, and not compared
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
