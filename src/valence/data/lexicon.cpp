#include "valence/data/lexicon.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "valence/data/words.h"

namespace valence::data {
namespace {

std::set<std::string, std::less<>> distinct_words(std::string_view text) {
  std::set<std::string, std::less<>> words;
  for_each_word(text, [&words](std::string_view word) { words.emplace(word); });
  return words;
}

/// Log-odds of a word in one label against the rest, with an informative Dirichlet prior, and its z. Source: B. L.
/// Monroe, M. P. Colaresi & K. M. Quinn, "Fightin' Words", Political Analysis 16 (2008), eqs. 16, 18 and 22.
struct WordOdds {
  double log_odds;
  double z;
};
WordOdds odds_of(double here, double words_here, double there, double words_there, double prior, double prior_words) {
  const double odds_here = (here + prior) / (words_here + prior_words - here - prior);
  const double odds_there = (there + prior) / (words_there + prior_words - there - prior);
  const double log_odds = std::log(odds_here) - std::log(odds_there);
  const double variance = 1 / (here + prior) + 1 / (there + prior);
  return {log_odds, log_odds / std::sqrt(variance)};
}

}  // namespace

void Lexicon::add(std::string_view text, const std::string& label) {
  const auto [known, is_new] = label_ids_.emplace(label, static_cast<std::uint32_t>(labels_.size()));
  if (is_new) labels_.push_back(label);
  for (const std::string& word : distinct_words(text)) {
    auto& counts = counts_[word];
    counts.resize(std::max<std::size_t>(counts.size(), known->second + std::size_t{1}));
    ++counts[known->second];
  }
}

void Lexicon::build() {
  std::vector<double> words_of(labels_.size());
  for (const auto& [word, counts] : counts_) {
    for (std::size_t label = 0; label < counts.size(); ++label) words_of[label] += counts[label];
  }
  const double all_words = std::accumulate(words_of.begin(), words_of.end(), 0.0);
  const double prior_words = std::min(options_.prior_words, all_words / 10);
  for (auto& [word, counts] : counts_) {
    counts.resize(labels_.size());
    const double everywhere = std::accumulate(counts.begin(), counts.end(), 0.0);
    if (everywhere < static_cast<double>(options_.min_rows)) continue;
    const double prior = prior_words * everywhere / all_words;
    Odds odds{std::vector<float>(labels_.size()), std::vector<float>(labels_.size())};
    bool counts_for_some = false;
    for (std::size_t label = 0; label < labels_.size(); ++label) {
      const WordOdds found = odds_of(counts[label], words_of[label], everywhere - counts[label],
                                     all_words - words_of[label], prior, prior_words);
      if (!(std::abs(found.z) >= options_.min_z)) continue;
      odds.log_odds[label] = static_cast<float>(found.log_odds);
      odds.z[label] = static_cast<float>(found.z);
      counts_for_some = true;
    }
    if (counts_for_some) odds_.emplace(word, std::move(odds));
  }
  counts_.clear();
}

std::optional<Lexicon::Verdict> Lexicon::judge(std::string_view text) const {
  if (labels_.size() < 2) return std::nullopt;
  std::vector<double> sums(labels_.size());
  bool found = false;
  for (const std::string& word : distinct_words(text)) {
    const auto known = odds_.find(word);
    if (known == odds_.end()) continue;
    found = true;
    for (std::size_t label = 0; label < sums.size(); ++label) sums[label] += known->second.log_odds[label];
  }
  if (!found) return std::nullopt;
  const auto best = std::ranges::max_element(sums);
  const auto label = static_cast<std::uint32_t>(best - sums.begin());
  const double most = *best;
  *best = -std::numeric_limits<double>::infinity();
  const double margin = most - std::ranges::max(sums);
  if (most <= 0 || margin < options_.min_margin) return std::nullopt;
  return Verdict{label, margin};
}

std::vector<Lexicon::Entry> Lexicon::strongest(std::uint32_t label, std::size_t count) const {
  std::vector<Entry> entries;
  for (const auto& [word, odds] : odds_) {
    if (odds.z[label] > 0) entries.push_back({word, odds.log_odds[label], odds.z[label]});
  }
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) { return a.z != b.z ? a.z > b.z : a.word < b.word; });
  entries.resize(std::min(entries.size(), count));
  return entries;
}

}  // namespace valence::data
