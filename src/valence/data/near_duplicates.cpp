#include "valence/data/near_duplicates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "valence/base/check.h"

namespace valence::data {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;  // odd, so that its powers never vanish
constexpr std::size_t kMostEdits = 15;

constexpr std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

/// Where segment `segment` of `segments` begins in `words` words: the first ones are the shorter by one.
std::size_t segment_begin(std::size_t words, std::size_t segments, std::size_t segment) {
  const std::size_t size = words / segments;
  const std::size_t longer = words % segments;
  const std::size_t shorter = segments - longer;
  return segment * size + (segment > shorter ? segment - shorter : 0);
}

}  // namespace

std::size_t allowed_edits(std::size_t words, const NearDuplicateOptions& options) {
  if (words < options.min_words_for_an_edit) return 0;
  // 0.1 is a little more than a tenth: without the margin 30 words at 0.9 would have 2 edits, not 3.
  constexpr double kRounding = 1e-9;
  const auto share =
      static_cast<std::size_t>(std::floor((1 - options.similarity) * static_cast<double>(words) + kRounding));
  return options.max_edits == 0 ? 0 : std::clamp<std::size_t>(share, 1, options.max_edits);
}

std::optional<std::size_t> word_edits(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                                      std::size_t limit) {
  VALENCE_ASSERT(limit <= kMostEdits, "the band has a fixed size");
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a = a.subspan(1);
    b = b.subspan(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a = a.first(a.size() - 1);
    b = b.first(b.size() - 1);
  }
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return std::nullopt;
  if (a.empty()) return b.size();
  // row[d] is the distance of a[0, i) and b[0, i + d - limit): the diagonals that can still end within the limit.
  const std::size_t band = 2 * limit + 1;
  const std::size_t beyond = limit + 1;
  std::array<std::size_t, 2 * kMostEdits + 3> row{};
  for (std::size_t d = 0; d < band; ++d) row[d] = d < limit ? beyond : d - limit;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t best = beyond;
    std::size_t left = beyond;
    for (std::size_t d = 0; d < band; ++d) {
      std::size_t distance = beyond;
      if (i + d >= limit && i + d - limit <= b.size()) {
        const std::size_t j = i + d - limit;
        const std::size_t above = d + 1 < band ? row[d + 1] + 1 : beyond;
        const std::size_t diagonal = j == 0 ? beyond : row[d] + (a[i - 1] == b[j - 1] ? 0 : 1);
        distance = std::min({above, diagonal, left + 1, beyond});
      }
      row[d] = left = distance;
      best = std::min(best, distance);
    }
    if (best > limit) return std::nullopt;
  }
  const std::size_t distance = row[b.size() - a.size() + limit];
  return distance <= limit ? std::optional(distance) : std::nullopt;
}

NearDuplicateIndex::NearDuplicateIndex(const NearDuplicateOptions& options) : options_(options) {
  VALENCE_ASSERT(options.max_edits <= kMostEdits, "checked with the options");
}

std::span<const std::uint32_t> NearDuplicateIndex::words_of(std::uint32_t text) const {
  return std::span(words_).subspan(begins_[text], begins_[text + 1] - begins_[text]);
}

/// One more than the most edits that a partner of any length may be away.
std::size_t NearDuplicateIndex::segments_of(std::size_t words) const {
  std::size_t edits = 0;
  for (std::size_t longer = words; longer <= words + options_.max_edits; ++longer) {
    const std::size_t allowed = allowed_edits(longer, options_);
    if (longer - words <= allowed) edits = std::max(edits, allowed);
  }
  return std::min(edits + 1, words);
}

void NearDuplicateIndex::prepare(std::span<const std::uint32_t> words) {
  prefix_.assign(1, 0);
  for (const std::uint32_t word : words) prefix_.push_back(prefix_.back() * kBase + mixed(word + 1));
  while (powers_.size() <= words.size()) powers_.push_back(powers_.back() * kBase);
}

std::uint64_t NearDuplicateIndex::key(std::size_t length, std::size_t segment, std::size_t begin,
                                      std::size_t size) const {
  const std::uint64_t content = prefix_[begin + size] - prefix_[begin] * powers_[size];
  return mixed(content + mixed(length * 64 + segment));
}

std::uint32_t NearDuplicateIndex::add(const TextSketch& sketch) {
  const auto& words = sketch.words;
  const auto text = static_cast<std::uint32_t>(size());
  if (sketch.letters != 0) letters_.insert(sketch.letters, text);
  words_.insert(words_.end(), words.begin(), words.end());
  begins_.push_back(words_.size());
  if (words.empty()) return text;
  prepare(words);
  const std::size_t segments = segments_of(words.size());
  for (std::size_t segment = 0; segment < segments; ++segment) {
    const std::size_t begin = segment_begin(words.size(), segments, segment);
    const std::size_t end = segment_begin(words.size(), segments, segment + 1);
    const auto entry = static_cast<std::uint32_t>(entries_.size());
    const auto inserted = heads_.insert(key(words.size(), segment, begin, end - begin), entry);
    entries_.push_back({text, inserted.is_new ? kNone : inserted.value});
    inserted.value = entry;
  }
  return text;
}

bool NearDuplicateIndex::compare_with(std::uint32_t entry, std::span<const std::uint32_t> words, std::size_t limit,
                                      bool first_only, std::vector<std::uint32_t>& found) {
  for (; entry != kNone; entry = entries_[entry].next) {
    const std::uint32_t text = entries_[entry].text;
    if (std::exchange(compared_at_[text], search_) == search_) continue;
    if (++compared_ > kMaxCompared) return true;
    if (!word_edits(words, words_of(text), limit)) continue;
    found.push_back(text);
    if (first_only) return true;
  }
  return false;
}

void NearDuplicateIndex::search(const TextSketch& text, bool first_only, std::vector<std::uint32_t>& found) {
  const std::span<const std::uint32_t> words = text.words;
  if (words.empty()) return;
  compared_at_.resize(size(), 0);
  if (++search_ == 0) {  // after 2^32 searches
    std::ranges::fill(compared_at_, 0);
    search_ = 1;
  }
  if (const std::uint32_t* const same = text.letters == 0 ? nullptr : letters_.find(text.letters)) {
    found.push_back(*same);
    compared_at_[*same] = search_;
    if (first_only) return;
  }
  prepare(words);
  compared_ = 0;
  const std::size_t shortest = words.size() - std::min(words.size() - 1, options_.max_edits);
  for (std::size_t length = shortest; length <= words.size() + options_.max_edits; ++length) {
    const std::size_t limit = allowed_edits(std::max(length, words.size()), options_);
    const std::size_t apart = std::max(length, words.size()) - std::min(length, words.size());
    if (apart > limit) continue;
    const std::size_t segments = segments_of(length);
    for (std::size_t segment = 0; segment < segments; ++segment) {
      const std::size_t begin = segment_begin(length, segments, segment);
      const std::size_t size = segment_begin(length, segments, segment + 1) - begin;
      if (size > words.size()) continue;
      const std::size_t from = begin - std::min(begin, limit);
      const std::size_t to = std::min(begin + limit, words.size() - size);
      for (std::size_t at = from; at <= to; ++at) {
        const std::uint32_t* const head = heads_.find(key(length, segment, at, size));
        if (head != nullptr && compare_with(*head, words, limit, first_only, found)) return;
      }
    }
  }
}

std::optional<std::uint32_t> NearDuplicateIndex::find(const TextSketch& text) {
  std::vector<std::uint32_t> found;
  search(text, true, found);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

void NearDuplicateIndex::find_all(const TextSketch& text, std::vector<std::uint32_t>& found) {
  found.clear();
  search(text, false, found);
}

DisjointSets::DisjointSets(std::size_t count) : parent_(count) {
  std::iota(parent_.begin(), parent_.end(), std::uint32_t{0});
}

std::uint32_t DisjointSets::find(std::uint32_t member) {
  while (parent_[member] != member) {
    parent_[member] = parent_[parent_[member]];
    member = parent_[member];
  }
  return member;
}

void DisjointSets::join(std::uint32_t a, std::uint32_t b) {
  a = find(a);
  b = find(b);
  if (a != b) parent_[std::max(a, b)] = std::min(a, b);
}

std::vector<std::uint32_t> near_duplicate_groups(std::span<const TextSketch> texts,
                                                 const NearDuplicateOptions& options) {
  NearDuplicateIndex index(options);
  DisjointSets sets(texts.size());
  // Equal ones stand for each other: a thousand copies of one text are not compared two by two.
  HashTable<std::uint64_t, std::uint32_t> first_with;
  std::vector<std::uint32_t> indexed;  // the text behind each number of the index
  std::vector<std::uint32_t> found;
  for (std::uint32_t text = 0; text < texts.size(); ++text) {
    if (texts[text].words.empty()) continue;
    const auto first = first_with.insert(texts[text].letters, text);
    if (!first.is_new) sets.join(text, first.value);
    if (!first.is_new && texts[first.value].words == texts[text].words) continue;
    index.find_all(texts[text], found);
    for (const std::uint32_t other : found) sets.join(text, indexed[other]);
    index.add(texts[text]);
    indexed.push_back(text);
  }
  std::vector<std::uint32_t> group(texts.size());
  for (std::uint32_t text = 0; text < texts.size(); ++text) group[text] = sets.find(text);
  return group;
}

}  // namespace valence::data
