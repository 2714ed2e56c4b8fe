#include "valence/data/dataset_stats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "valence/base/utf8.h"
#include "valence/data/label_column.h"
#include "valence/data/shown_text.h"
#include "valence/data/words.h"

namespace valence::data {
namespace {

constexpr std::uint64_t kFewRows = 8;  // fewer say little about a class
constexpr double kImbalance = 5;       // largest class over smallest
constexpr std::size_t kManyLabels = 100;
constexpr std::size_t kShownLabelColumns = 40;

/// Lower case (ASCII) and single spaces: what a reader would call the same text.
std::string plain_form(std::string_view text) {
  std::string plain;
  bool space_due = false;
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      space_due = !plain.empty();
      continue;
    }
    if (space_due) plain += ' ';
    space_due = false;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

}  // namespace

std::uint64_t LengthCounts::texts() const {
  std::uint64_t all = 0;
  for (const auto& [length, count] : counts_) all += count;
  return all;
}

double LengthCounts::mean() const {
  double sum = 0;
  for (const auto& [length, count] : counts_) sum += static_cast<double>(length) * static_cast<double>(count);
  const std::uint64_t all = texts();
  return all == 0 ? 0 : sum / static_cast<double>(all);
}

std::size_t LengthCounts::quantile(double q) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(texts())));
  std::uint64_t below = 0;
  for (const auto& [length, count] : counts_) {
    below += count;
    if (below >= wanted) return length;
  }
  return longest();
}

std::uint64_t LengthCounts::longer_than(std::size_t length) const {
  std::uint64_t longer = 0;
  for (auto at = counts_.upper_bound(length); at != counts_.end(); ++at) longer += at->second;
  return longer;
}

DatasetStats::DatasetStats(std::vector<std::string> columns, std::string text_column,
                           std::optional<std::string> label_column)
    : missing(columns.size()),
      columns_(std::move(columns)),
      text_column_(std::move(text_column)),
      label_column_(std::move(label_column)) {}

void DatasetStats::add(const Row& row, std::optional<std::size_t> token_count) {
  ++rows;
  if (!row) {
    ++unreadable;
    return;
  }
  count_missing(row->carried);
  std::optional<std::string> label;
  if (label_column_) {
    label = label_of(row->carried, *label_column_);
    if (label && missing_values_.contains(*label)) label.reset();
    if (label) {
      ++labels[*label];
    } else {
      ++unlabelled;
    }
  }
  if (missing_values_.contains(row->text)) return;
  words.add(count_words(row->text));
  if (token_count) tokens.add(*token_count);
  ++scripts[static_cast<std::size_t>(main_script(row->text))];
  count_duplicate(row->text, label);
}

void DatasetStats::count_missing(const Fields& fields) {
  const bool is_text = fields.kind() == FieldKind::kText;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    if (is_text) {
      if (column >= fields.size() || missing_values_.contains(fields.value(column))) ++missing[column];
      continue;
    }
    const auto value = value_of(fields, columns_[column]);
    if (!value || missing_values_.contains(*value)) ++missing[column];
  }
}

void DatasetStats::count_duplicate(std::string_view text, const std::optional<std::string>& label) {
  std::uint32_t label_id = 0;
  if (label) label_id = label_ids_.emplace(*label, static_cast<std::uint32_t>(label_ids_.size() + 1)).first->second;
  const auto same = texts_.insert(siphash128(text, key_), label_id);
  const auto alike = plain_texts_.insert(siphash128(plain_form(text), key_), label_id);
  if (!same.is_new) {
    ++duplicates;
  } else if (!alike.is_new) {
    ++near_duplicates;
  }
  if (!alike.is_new && alike.value != label_id) ++conflicts;
}

std::vector<std::string> label_cautions(const std::map<std::string, std::uint64_t>& labels) {
  std::vector<std::string> cautions;
  if (labels.empty()) return cautions;
  if (labels.size() == 1) {
    cautions.push_back(fmt::format("every row is labelled \"{}\": a classifier needs two classes at least",
                                   shown(labels.begin()->first, kShownLabelColumns)));
    return cautions;
  }
  const auto by_rows = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(labels.begin(), labels.end(), by_rows);
  std::vector<std::string> few;
  for (const auto& [label, rows] : labels) {
    if (rows < kFewRows) few.push_back(fmt::format("\"{}\" ({})", shown(label, kShownLabelColumns), rows));
  }
  if (!few.empty()) {
    const std::size_t more = few.size() > 8 ? few.size() - 8 : 0;
    few.resize(few.size() - more);
    cautions.push_back(fmt::format("labels with fewer than {} rows: {}{}", kFewRows, fmt::join(few, ", "),
                                   more > 0 ? fmt::format(" and {} more", more) : ""));
  }
  const double ratio = static_cast<double>(most->second) / static_cast<double>(least->second);
  if (ratio >= kImbalance) {
    cautions.push_back(fmt::format(
        "imbalanced: \"{}\" has {:.0f} times the rows of \"{}\"; see `valence data balance`, and judge by macro F1",
        shown(most->first, kShownLabelColumns), ratio, shown(least->first, kShownLabelColumns)));
  }
  if (labels.size() > kManyLabels) {
    cautions.push_back(fmt::format("{} different labels: is this the right column?", labels.size()));
  }
  // "neg" beside "negative", "Negative " beside "negative".
  const LabelMap lower;
  std::map<std::string, std::size_t> spellings;
  for (const auto& [label, rows] : labels) ++spellings[lower.apply(label)];
  std::size_t doubled = 0;
  for (const auto& [label, count] : spellings) doubled += count - 1;
  if (doubled > 0) {
    cautions.push_back(
        fmt::format("{} labels differ from another by case or white space alone; `valence data clean` "
                    "writes them alike",
                    doubled));
  }
  for (const auto& [label, count] : spellings) {
    const auto longer = spellings.upper_bound(label);
    if (label.size() < 3 || longer == spellings.end() || !longer->first.starts_with(label)) continue;
    cautions.push_back(fmt::format("\"{0}\" may be short for \"{1}\": valence data clean --map-label \"{0}={1}\"",
                                   shown(label, kShownLabelColumns), shown(longer->first, kShownLabelColumns)));
  }
  return cautions;
}

}  // namespace valence::data
