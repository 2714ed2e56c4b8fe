/// \file
/// Which rows a person should label next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "valence/data/near_duplicates.h"
#include "valence/data/record.h"

namespace valence::cli {

/// A row that a person should look at.
struct ReviewRow {
  double usefulness = 0;  ///< most first
  std::uint64_t order = 0;
  data::Record record;
  std::string suggestion;
  std::string reason;
  std::string votes;
};

/// The most useful rows seen so far, no two of them near-duplicates once taken.
class ReviewQueue {
 public:
  explicit ReviewQueue(std::size_t limit) : limit_(limit) {}

  void offer(ReviewRow row) {
    row.order = next_++;
    rows_.insert(std::move(row));
    // Near-duplicates among them are left out at the end, so a few more are kept than asked for.
    if (rows_.size() > 2 * limit_) rows_.erase(std::prev(rows_.end()));
  }

  [[nodiscard]] std::vector<const ReviewRow*> best() const {
    data::NearDuplicateIndex seen{data::NearDuplicateOptions{}};
    std::vector<const ReviewRow*> rows;
    for (const ReviewRow& row : rows_) {
      if (rows.size() == limit_) break;
      const auto sketch = data::sketch_of(row.record.text);
      if (seen.find(sketch)) continue;
      seen.add(sketch);
      rows.push_back(&row);
    }
    return rows;
  }

 private:
  struct MoreUseful {
    bool operator()(const ReviewRow& a, const ReviewRow& b) const {
      return a.usefulness != b.usefulness ? a.usefulness > b.usefulness : a.order < b.order;
    }
  };
  std::size_t limit_;
  std::uint64_t next_ = 0;
  std::set<ReviewRow, MoreUseful> rows_;
};

}  // namespace valence::cli
