/// \file
/// Texts that differ only by case, punctuation, white space or a word in ten, found without comparing all with all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/data/hash_table.h"
#include "valence/data/words.h"

namespace valence::data {

struct NearDuplicateOptions {
  /// The share of the longer text's words that must stand: the rest, rounded down, may be inserted, deleted or
  /// replaced.
  double similarity = 0.9;
  /// From so many words on one edit is allowed even where the share would round down to none.
  std::size_t min_words_for_an_edit = 5;
  std::size_t max_edits = 8;  ///< at most 15
};

/// How many edits may lie between two texts, the longer of `words` words.
[[nodiscard]] std::size_t allowed_edits(std::size_t words, const NearDuplicateOptions& options);

/// Edits (a word inserted, deleted, replaced) from `a` to `b`, or nothing if there are more than `limit`. Time
/// (limit + 1) * words. Source: E. Ukkonen, "Algorithms for approximate string matching", 1985.
[[nodiscard]] std::optional<std::size_t> word_edits(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                                                    std::size_t limit);

/// Texts seen so far. Two texts that run together alike, or that lie within the allowed edits, are found always, no
/// others ever: a text is cut into one segment more than it may have edits, so that one of them stands whole in any
/// near-duplicate, at a place that the edits can have moved only so far. Source: G. Li et al., "Pass-Join: a
/// partition-based method for similarity joins", VLDB 2011. The one exception bounds the time on texts made to defeat
/// it: of those that share a segment the latest kMaxCompared are compared. Not thread-safe.
class NearDuplicateIndex {
 public:
  static constexpr std::size_t kMaxCompared = 4096;

  explicit NearDuplicateIndex(const NearDuplicateOptions& options);

  /// The number of the first text found that is a near-duplicate of this one; texts without words have none.
  [[nodiscard]] std::optional<std::uint32_t> find(const TextSketch& text);
  /// All of them, unordered; of those that only run together alike the first.
  void find_all(const TextSketch& text, std::vector<std::uint32_t>& found);
  /// Adds a text; numbers count from 0.
  std::uint32_t add(const TextSketch& text);

  [[nodiscard]] std::size_t size() const { return begins_.size() - 1; }

 private:
  struct Entry {
    std::uint32_t text;
    std::uint32_t next;  ///< entry of the same key, added before
  };

  [[nodiscard]] std::span<const std::uint32_t> words_of(std::uint32_t text) const;
  [[nodiscard]] std::size_t segments_of(std::size_t words) const;
  void prepare(std::span<const std::uint32_t> words);
  [[nodiscard]] std::uint64_t key(std::size_t length, std::size_t segment, std::size_t begin, std::size_t size) const;
  void search(const TextSketch& text, bool first_only, std::vector<std::uint32_t>& found);
  /// True when the search is over.
  bool compare_with(std::uint32_t entry, std::span<const std::uint32_t> words, std::size_t limit, bool first_only,
                    std::vector<std::uint32_t>& found);

  NearDuplicateOptions options_;
  std::vector<std::uint32_t> words_;  // of all texts, end to end
  std::vector<std::uint64_t> begins_{0};
  HashTable<std::uint64_t, std::uint32_t> heads_;  // key -> its latest entry
  std::vector<Entry> entries_;
  HashTable<std::uint64_t, std::uint32_t> letters_;  // TextSketch::letters -> the first text
  std::vector<std::uint64_t> prefix_;                // of the present text: polynomial hashes of its beginnings
  std::vector<std::uint64_t> powers_{1};
  std::vector<std::uint32_t> compared_at_;  // the search in which a text was compared last
  std::uint32_t search_ = 0;
  std::size_t compared_ = 0;  // in the present search
};

/// Groups of near-duplicates among texts: which group each belongs to, by its smallest member. Chains count: the ends
/// of one may differ by more than the allowed edits.
[[nodiscard]] std::vector<std::uint32_t> near_duplicate_groups(std::span<const TextSketch> texts,
                                                               const NearDuplicateOptions& options);

/// Sets that are joined two by two.
class DisjointSets {
 public:
  explicit DisjointSets(std::size_t count);
  /// The smallest member of the set that `member` is in.
  std::uint32_t find(std::uint32_t member);
  void join(std::uint32_t a, std::uint32_t b);

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace valence::data
