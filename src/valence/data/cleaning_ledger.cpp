#include "valence/data/cleaning_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "valence/base/json.h"

namespace valence::data {

std::uint64_t CleaningSummary::rows_dropped() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

CleaningLedger::CleaningLedger(const CleaningOptions& options, const NearDuplicateSearch& near)
    : has_key_(!options.duplicate_columns.empty()), near_(near), index_(near.options) {
  summary_.missing.assign(options.columns.size(), 0);
}

void CleaningLedger::admit(CleanRow& row) {
  count_findings(row);
  if (!row.dropped && has_key_) find_duplicate(row);
  if (!row.dropped && near_.enabled) find_near_duplicate(row);
  count_outcome(row);
}

void CleaningLedger::count_findings(const CleanRow& row) {
  ++summary_.rows;
  for (const std::uint32_t column : row.missing) ++summary_.missing[column];
  for (std::size_t trait = 0; trait < kTextTraits; ++trait) {
    if (row.traits.has(static_cast<TextTrait>(trait))) ++summary_.traits[trait];
  }
  if (row.record_hash != 0) {
    const bool is_new = records_.insert(row.record_hash, 0).is_new;
    const bool is_new_without_id = records_without_id_.insert(row.hash_without_id, 0).is_new;
    if (!is_new) {
      ++summary_.exact_repeats;
    } else if (!is_new_without_id) {
      ++summary_.repeats_under_new_id;
    }
  }
  if (row.text_chars > summary_.longest_chars) {
    summary_.longest_chars = row.text_chars;
    summary_.longest_line = row.line;
  }
}

CleaningLedger::Place CleaningLedger::place_of(const CleanRow& row) {
  Place place{.line = row.line};
  if (inputs_.empty() || inputs_.back() != row.input) inputs_.push_back(row.input);
  place.input = static_cast<std::uint32_t>(inputs_.size() - 1);
  if (row.label) {
    const auto [known, is_new] = label_ids_.emplace(*row.label, static_cast<std::uint32_t>(labels_.size()));
    if (is_new) labels_.push_back(*row.label);
    place.label = known->second;
  }
  return place;
}

std::string CleaningLedger::shown(const Place& place) const {
  const bool has_several = inputs_.size() > 1;
  return has_several ? fmt::format("{}:{}", inputs_[place.input], place.line) : fmt::format("line {}", place.line);
}

void CleaningLedger::find_duplicate(CleanRow& row) {
  const Place place = place_of(row);
  const auto [first, is_new] = keys_.insert(row.duplicate_key, place);
  if (is_new) return;
  row.dropped = DropReason::kDuplicate;
  row.detail = fmt::format("of {}", shown(first));
  if (first.label == place.label) return;
  ++summary_.conflicting_duplicates;
  row.detail +=
      fmt::format(", whose label is {} and not {}", in_quotes(labels_[first.label]), in_quotes(labels_[place.label]));
}

void CleaningLedger::find_near_duplicate(CleanRow& row) {
  const Place place = place_of(row);
  if (const auto found = index_.find(row.sketch)) {
    const Place& first = indexed_[*found];
    if (first.label == place.label) {
      row.dropped = DropReason::kNearDuplicate;
      row.detail = fmt::format("of {}", shown(first));
      return;
    }
    ++summary_.conflicting_near_duplicates;
    row.detail = fmt::format("near-duplicate of {}, kept because that is labelled {} and this {}", shown(first),
                             in_quotes(labels_[first.label]), in_quotes(labels_[place.label]));
  }
  index_.add(row.sketch);
  indexed_.push_back(place);
}

void CleaningLedger::count_outcome(const CleanRow& row) {
  if (row.dropped) {
    ++summary_.dropped[static_cast<std::size_t>(*row.dropped)];
    const bool is_unreadable = *row.dropped <= DropReason::kInvalidText;
    if (is_unreadable && summary_.first_unreadable.empty()) {
      summary_.first_unreadable = fmt::format("line {}: {}", row.line, row.detail);
    }
    return;
  }
  ++summary_.written;
  if (row.is_changed()) ++summary_.changed;
  for (std::size_t kind = 0; kind < kPersonalDataKinds; ++kind) summary_.redacted[kind] += row.redacted[kind];
  if (!row.label) return;
  ++summary_.labels[*row.label];
  if (!row.label_before) return;
  ++summary_.relabelled;
  const auto spelling = std::pair(*row.label_before, *row.label);
  const auto known = summary_.spellings.find(spelling);
  if (known != summary_.spellings.end()) {
    ++known->second;
  } else if (summary_.spellings.size() < CleaningSummary::kMaxSpellings) {
    summary_.spellings.emplace(spelling, 1);
  }
}

}  // namespace valence::data
