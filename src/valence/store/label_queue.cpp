#include "valence/store/label_queue.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "valence/base/siphash.h"
#include "valence/data/words.h"

namespace valence::store {
namespace {

// Fixed, so that a queue is the same wherever it is made.
constexpr SipHashKey kFeatureKey{.low = 0x76616C656E6365, .high = 0x7175657565};
/// How many of the most uncertain are compared for each text that is wanted.
constexpr std::size_t kCandidatesPerPlace = 10;

void add_feature(std::vector<float>& vector, std::string_view feature) {
  const std::uint64_t hash = siphash64(feature, kFeatureKey);
  // A sign from the hash keeps collisions from adding up (K. Weinberger et al., "Feature hashing", ICML 2009).
  vector[hash % kTextVectorSize] += (hash >> 63U) != 0 ? 1.0F : -1.0F;
}

}  // namespace

double uncertainty_of(std::span<const pipeline::LabelScore> scores, float answer_score) {
  if (scores.size() < 2) return std::clamp(2.0 * (1.0 - answer_score), 0.0, 1.0);
  double best = -1;
  double second = -1;
  double sum = 0;
  for (const auto& [label, score] : scores) {
    second = std::max(second, std::min<double>(best, score));
    best = std::max<double>(best, score);
    sum += std::max(score, 0.0F);
  }
  double entropy = 0;
  for (const auto& [label, score] : scores) {
    const double share = sum > 0 ? std::max(score, 0.0F) / sum : 0;
    if (share > 0) entropy -= share * std::log(share);
  }
  const double margin = 1 - std::clamp(best - second, 0.0, 1.0);
  return (margin + entropy / std::log(static_cast<double>(scores.size()))) / 2;
}

std::vector<float> text_vector(std::string_view text) {
  std::vector<float> vector(kTextVectorSize);
  data::for_each_word(text, [&](std::string_view word) {
    add_feature(vector, word);
    for (std::size_t i = 0; i + 3 <= word.size() && word.size() > 3; ++i) add_feature(vector, word.substr(i, 3));
  });
  double squares = 0;
  for (const float value : vector) squares += value * value;
  if (squares > 0) {
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  }
  return vector;
}

std::vector<std::size_t> choose_diverse(std::span<const QueueItem> items, std::size_t count) {
  std::vector<std::vector<float>> vectors;
  vectors.reserve(items.size());
  for (const QueueItem& item : items) vectors.push_back(text_vector(item.record.record.text));
  std::vector<double> distance(items.size(), 1);  // to the nearest taken
  std::vector<std::size_t> taken;
  while (taken.size() < count) {
    std::size_t best = items.size();
    double most = 1e-6;  // what remains are repetitions, or sure
    for (std::size_t i = 0; i < items.size(); ++i) {
      const double use = items[i].uncertainty * distance[i];
      if (use > most) {
        most = use;
        best = i;
      }
    }
    if (best == items.size()) break;
    taken.push_back(best);
    for (std::size_t i = 0; i < items.size(); ++i) {
      double cosine = 0;
      for (std::size_t d = 0; d < kTextVectorSize; ++d) cosine += vectors[i][d] * vectors[best][d];
      distance[i] = std::min(distance[i], std::max(0.0, 1 - cosine));
    }
    distance[best] = 0;
  }
  return taken;
}

Result<LabelQueue> make_label_queue(HistoryStore& store, const QueueRequest& request) {
  HistoryFilter filter = request.filter;
  filter.corrected = false;
  const std::size_t most = std::max<std::size_t>(request.count, 1) * kCandidatesPerPlace;
  const auto less_sure = [](const QueueItem& a, const QueueItem& b) {
    return a.uncertainty != b.uncertainty ? a.uncertainty > b.uncertainty : a.record.record.id < b.record.record.id;
  };
  LabelQueue queue;
  std::set<std::string> texts;
  std::vector<QueueItem> candidates;
  VALENCE_TRY_STATUS(store.scan(filter, [&](const StoredRecord& stored) {
    if (queue.scanned == request.max_scanned) return false;
    ++queue.scanned;
    const auto& record = stored.record;
    if (record.text.empty()) {
      ++queue.without_text;
      return true;
    }
    if (!texts.insert(stored.text_sha256).second) return true;
    candidates.push_back({.record = stored, .uncertainty = uncertainty_of(record.scores, record.score)});
    if (candidates.size() >= 2 * most) {
      std::ranges::nth_element(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(most), less_sure);
      candidates.resize(most);
    }
    return true;
  }));
  std::ranges::sort(candidates, less_sure);
  if (candidates.size() > most) candidates.resize(most);
  for (std::size_t i = 0; i < std::min(candidates.size(), request.count); ++i) {
    candidates[i].is_among_most_uncertain = true;
  }
  for (const std::size_t index : choose_diverse(candidates, request.count)) {
    queue.items.push_back(std::move(candidates[index]));
  }
  return queue;
}

}  // namespace valence::store
