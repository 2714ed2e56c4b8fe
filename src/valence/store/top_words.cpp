#include "valence/store/top_words.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "valence/data/words.h"
#include "valence/store/function_words.h"

namespace valence::store {

void WordCounts::add(std::string_view text) {
  std::unordered_set<std::string> seen;
  data::for_each_word(text, [&](std::string_view word) { seen.emplace(word); });
  for (const std::string& word : seen) ++words_[word];
  ++texts_;
}

std::uint64_t WordCounts::of(const std::string& word) const {
  const auto known = words_.find(word);
  return known == words_.end() ? 0 : known->second;
}

std::vector<WordScore> typical_words(const WordCounts& pile, const WordCounts& rest, std::size_t count) {
  const auto total = [](const WordCounts& counts) {
    double sum = 0;
    for (const auto& [word, texts] : counts.words()) sum += static_cast<double>(texts);
    return sum;
  };
  const double pile_total = total(pile);
  const double rest_total = total(rest);
  const double both_total = pile_total + rest_total;
  std::vector<WordScore> scores;
  for (const auto& [word, texts] : pile.words()) {
    if (texts < kMinWordTexts || word.find_first_not_of("0123456789") == word.npos) continue;
    if (is_function_word(word)) continue;
    const std::uint64_t rest_texts = rest.of(word);
    const auto in_pile = static_cast<double>(texts);
    const auto in_rest = static_cast<double>(rest_texts);
    // The prior speaks with the weight of one word in a hundred.
    const double prior_total = std::max(1.0, both_total / 100);
    const double prior = prior_total * (in_pile + in_rest) / both_total;
    const double pile_odds = (in_pile + prior) / (pile_total + prior_total - in_pile - prior);
    const double rest_odds = (in_rest + prior) / (rest_total + prior_total - in_rest - prior);
    const double variance = 1 / (in_pile + prior) + 1 / (in_rest + prior);
    const double score = (std::log(pile_odds) - std::log(rest_odds)) / std::sqrt(variance);
    if (std::isfinite(score) && score > 0) scores.push_back({word, texts, rest_texts, score});
  }
  std::ranges::sort(scores, [](const WordScore& a, const WordScore& b) {
    return a.score != b.score ? a.score > b.score : a.word < b.word;
  });
  if (scores.size() > count) scores.resize(count);
  return scores;
}

Result<bool> count_words(HistoryStore& store, const HistoryFilter& filter, std::size_t max_texts, WordCounts& counts) {
  bool more = false;
  VALENCE_TRY_STATUS(store.scan(filter, [&](const StoredRecord& stored) {
    if (stored.record.text.empty()) return true;
    if (counts.texts() == max_texts) {
      more = true;
      return false;
    }
    counts.add(stored.record.text);
    return true;
  }));
  return more;
}

Result<TopWords> top_words(HistoryStore& store, const TopWordsRequest& request) {
  WordCounts pile;
  WordCounts rest;
  HistoryFilter filter = request.filter;
  filter.label.reset();
  std::size_t scanned = 0;
  bool more = false;
  VALENCE_TRY_STATUS(store.scan(filter, [&](const StoredRecord& stored) {
    if (scanned == request.max_records) {
      more = true;
      return false;
    }
    ++scanned;
    const auto& record = stored.record;
    if (record.text.empty()) return true;
    const std::string& label = stored.correction.empty() ? record.label : stored.correction;
    (label == request.label ? pile : rest).add(record.text);
    return true;
  }));
  auto words = typical_words(pile, rest, request.words);
  std::erase_if(words, [&](const WordScore& word) { return word.score < request.least_score; });
  return TopWords{std::move(words), pile.texts(), rest.texts(), more};
}

}  // namespace valence::store
