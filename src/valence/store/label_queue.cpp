#include "valence/store/label_queue.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <set>
#include <utility>

#include "valence/base/siphash.h"
#include "valence/data/words.h"

namespace valence::store {
namespace {

// Fixed, so that a queue is the same wherever it is made.
constexpr SipHashKey kFeatureKey{.low = 0x76616C656E6365, .high = 0x7175657565};
/// How many texts are compared for each that is wanted, and together at most: 4,000 take a second and 64 MB.
constexpr std::size_t kCandidatesPerPlace = 10;
constexpr std::size_t kMaxCompared = 4000;

/// What a text is drawn by: those with the greatest are a random sample in which each has a chance in proportion to its
/// use (P. Efraimidis & P. Spirakis, "Weighted random sampling with a reservoir", 2006). By the text alone, so that a
/// queue is the same each time.
double draw_of(std::string_view text_sha256, double uncertainty) {
  const double uniform = (static_cast<double>(siphash64(text_sha256, kFeatureKey) >> 11U) + 0.5) * 0x1p-53;
  return std::log(uniform) / (kLeastUse + uncertainty);
}

/// The least of the `count` greatest; 0 of none.
double least_of_greatest(std::vector<double>& values, std::size_t count) {
  if (values.empty()) return 0;
  const auto last = values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size()) - 1);
  std::ranges::nth_element(values, last, std::greater());
  return *last;
}

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

std::vector<std::size_t> choose_covering(std::span<const QueueItem> items, std::size_t count) {
  const std::size_t n = items.size();
  std::vector<std::vector<float>> vectors;
  vectors.reserve(n);
  for (const QueueItem& item : items) vectors.push_back(text_vector(item.record.record.text));
  std::vector<float> likeness(n * n);  // cosines over 0
  for (std::size_t i = 0; i < n; ++i) {
    likeness[i * n + i] = 1;
    for (std::size_t j = 0; j < i; ++j) {
      const float cosine = std::inner_product(vectors[i].begin(), vectors[i].end(), vectors[j].begin(), 0.0F);
      likeness[i * n + j] = likeness[j * n + i] = std::clamp(cosine, 0.0F, 1.0F);
    }
  }
  std::vector<float> covered(n);  // likeness to the nearest taken
  const auto gain_of = [&](std::size_t candidate) {
    double gain = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float more = likeness[candidate * n + i] - covered[i];
      if (more > 0) gain += (kLeastUse + items[i].uncertainty) * more;
    }
    return gain;
  };
  // What a text would bring only shrinks, so most need not be counted again: the first of those that were counted
  // for what is taken now is the best.
  struct Bound {
    double gain;
    std::size_t index;
    std::size_t taken;  // how many were taken when it was counted
    bool operator<(const Bound& other) const { return gain != other.gain ? gain < other.gain : index > other.index; }
  };
  std::priority_queue<Bound> bounds;
  for (std::size_t i = 0; i < n; ++i) bounds.push({gain_of(i), i, 0});
  constexpr double kNothing = 1e-6;  // what remains are repetitions
  std::vector<std::size_t> taken;
  while (taken.size() < count && !bounds.empty()) {
    const Bound best = bounds.top();
    bounds.pop();
    if (best.taken < taken.size()) {
      bounds.push({gain_of(best.index), best.index, taken.size()});
      continue;
    }
    if (best.gain <= kNothing) break;
    taken.push_back(best.index);
    for (std::size_t i = 0; i < n; ++i) covered[i] = std::max(covered[i], likeness[best.index * n + i]);
  }
  return taken;
}

Result<LabelQueue> make_label_queue(HistoryStore& store, const QueueRequest& request) {
  HistoryFilter filter = request.filter;
  filter.corrected = false;
  const std::size_t count = std::max<std::size_t>(request.count, 1);
  const std::size_t most = std::max(count, std::min(count * kCandidatesPerPlace, kMaxCompared));
  struct Candidate {
    QueueItem item;
    double draw;
  };
  const auto drawn_before = [](const Candidate& a, const Candidate& b) {
    return a.draw != b.draw ? a.draw > b.draw : a.item.record.record.id < b.item.record.record.id;
  };
  LabelQueue queue;
  std::set<std::string> texts;
  std::vector<double> uncertainties;
  std::vector<Candidate> candidates;
  VALENCE_TRY_STATUS(store.scan(filter, [&](const StoredRecord& stored) {
    if (queue.scanned == request.max_scanned) return false;
    ++queue.scanned;
    const auto& record = stored.record;
    if (record.text.empty()) {
      ++queue.without_text;
      return true;
    }
    if (!texts.insert(stored.text_sha256).second) return true;
    const double uncertainty = uncertainty_of(record.scores, record.score);
    uncertainties.push_back(uncertainty);
    candidates.push_back({{.record = stored, .uncertainty = uncertainty}, draw_of(stored.text_sha256, uncertainty)});
    if (candidates.size() >= 2 * most) {
      std::ranges::nth_element(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(most), drawn_before);
      candidates.resize(most);
    }
    return true;
  }));
  std::ranges::sort(candidates, drawn_before);
  if (candidates.size() > most) candidates.resize(most);
  const double uncertain = least_of_greatest(uncertainties, count);
  std::vector<QueueItem> items;
  for (Candidate& candidate : candidates) {
    candidate.item.is_among_most_uncertain = candidate.item.uncertainty >= uncertain;
    items.push_back(std::move(candidate.item));
  }
  // Of equal use, the less sure first.
  std::ranges::stable_sort(items, std::greater(), &QueueItem::uncertainty);
  if (items.size() > kMaxCompared) {  // as many as are wanted: nothing to choose from
    queue.items = std::move(items);
    return queue;
  }
  for (const std::size_t index : choose_covering(items, request.count)) queue.items.push_back(std::move(items[index]));
  return queue;
}

}  // namespace valence::store
