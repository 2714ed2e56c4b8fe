/// \file
/// Words that tell one pile of texts from another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "valence/store/history_store.h"

namespace valence::store {

/// In how many texts each word stands.
class WordCounts {
 public:
  void add(std::string_view text);
  [[nodiscard]] std::uint64_t texts() const { return texts_; }
  [[nodiscard]] std::uint64_t of(const std::string& word) const;
  [[nodiscard]] const std::unordered_map<std::string, std::uint64_t>& words() const { return words_; }

 private:
  std::unordered_map<std::string, std::uint64_t> words_;
  std::uint64_t texts_ = 0;
};

struct WordScore {
  std::string word;
  std::uint64_t texts = 0;       ///< of the pile in question that have it
  std::uint64_t rest_texts = 0;  ///< of the other
  double score = 0;              ///< log-odds ratio in standard deviations; above 1.96 is more than chance, by itself
};

/// The words most typical of `pile` against `rest`, at most `count`, the most typical first; only those with a positive
/// score that stand in kMinWordTexts texts of the pile, no plain numbers and no function words. Source: B. Monroe, M.
/// Colaresi & K. Quinn, "Fightin' words", Political Analysis 16 (2008): log-odds with the words of both together as the
/// prior.
inline constexpr std::uint64_t kMinWordTexts = 3;
[[nodiscard]] std::vector<WordScore> typical_words(const WordCounts& pile, const WordCounts& rest, std::size_t count);

struct TopWordsRequest {
  HistoryFilter filter = {};  ///< of both piles; its label is not used
  std::string label{};        ///< what makes the pile; what people said counts more than the answer
  std::size_t words = 20;
  double least_score = 0;            ///< words with a smaller one are not named
  std::size_t max_records = 20'000;  ///< the newest so many are read, of both piles together
};

struct TopWords {
  std::vector<WordScore> words;
  std::uint64_t label_texts = 0;  ///< read; 0 where no text is stored
  std::uint64_t rest_texts = 0;
  bool is_sample = false;  ///< there were more
};

/// What sets the texts of a label apart from all others of the same filter.
[[nodiscard]] Result<TopWords> top_words(HistoryStore& store, const TopWordsRequest& request);

/// Counts the words of at most `max_texts` stored texts of `filter`, the newest. True when there were more.
[[nodiscard]] Result<bool> count_words(HistoryStore& store, const HistoryFilter& filter, std::size_t max_texts,
                                       WordCounts& counts);

}  // namespace valence::store
