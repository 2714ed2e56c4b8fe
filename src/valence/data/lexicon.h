/// \file
/// Words that give a label away, learnt from labelled texts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace valence::data {

struct LexiconOptions {
  /// How strong the prior is, in words: each word's share of all texts is taken as known from so many words of each
  /// label, which keeps rare words near 0. Never more than a tenth of all words there are.
  double prior_words = 500;
  double min_z = 1.96;         ///< words whose log-odds lie fewer standard errors from 0 do not count
  std::uint64_t min_rows = 3;  ///< words in fewer texts do not count
  double min_margin = 1.0;     ///< what the best label's sum must be ahead of the second's, to say anything
};

/// A word's log-odds for each label against all others. Immutable after build().
class Lexicon {
 public:
  struct Entry {
    std::string word;
    double log_odds;
    double z;
  };
  struct Verdict {
    std::uint32_t label;
    double margin;  ///< between the best sum of log-odds and the second
  };

  explicit Lexicon(LexiconOptions options = {}) : options_(options) {}

  /// Words (words.h) of a text count once in it.
  void add(std::string_view text, const std::string& label);
  /// To be called once, behind the last add().
  void build();

  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  /// Words that count for some label.
  [[nodiscard]] std::size_t size() const { return odds_.size(); }
  /// Nothing where no word counts or the margin is too small.
  [[nodiscard]] std::optional<Verdict> judge(std::string_view text) const;
  /// The words that speak for a label most, by z.
  [[nodiscard]] std::vector<Entry> strongest(std::uint32_t label, std::size_t count) const;

 private:
  struct Odds {
    std::vector<float> log_odds;  // one a label; 0 where they do not count
    std::vector<float> z;
  };

  LexiconOptions options_;
  std::vector<std::string> labels_;
  std::map<std::string, std::uint32_t> label_ids_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> counts_;  // texts with the word, by label
  std::unordered_map<std::string, Odds> odds_;
};

}  // namespace valence::data
