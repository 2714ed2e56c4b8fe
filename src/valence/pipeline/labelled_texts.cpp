#include "valence/pipeline/labelled_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "valence/data/label_column.h"
#include "valence/data/shown_text.h"
#include "valence/data/text_column.h"

namespace valence::pipeline {
namespace {

constexpr std::size_t kShownLabelColumns = 40;
constexpr std::size_t kListedLabels = 10;

std::string listed(const std::vector<std::string>& items) {
  const std::size_t shown = std::min(items.size(), kListedLabels);
  std::string list =
      fmt::format("{}", fmt::join(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (items.size() > shown) list += fmt::format(" and {} more", items.size() - shown);
  return list;
}

/// Labels of the data that the model does not have, most frequent first, with their rows.
Status refuse_unknown(const std::map<std::string, std::uint64_t>& unknown, const std::string& file,
                      std::span<const std::string> model_labels) {
  if (unknown.empty()) return {};
  std::vector<std::pair<std::string, std::uint64_t>> by_count(unknown.begin(), unknown.end());
  std::ranges::stable_sort(by_count, std::ranges::greater(), &std::pair<std::string, std::uint64_t>::second);
  std::vector<std::string> found;
  for (const auto& [label, count] : by_count) {
    found.push_back(
        fmt::format("\"{}\" ({} row{})", data::shown(label, kShownLabelColumns), count, count == 1 ? "" : "s"));
  }
  const std::vector<std::string> known(model_labels.begin(), model_labels.end());
  return fail(ErrorCode::kInvalidData, file,
              fmt::format("has labels that the model does not: {}; the model's are {}", listed(found), listed(known)),
              "rename the data's labels to the model's (case counts), or say which column holds them with "
              "--label-column");
}

}  // namespace

std::string LabelledTexts::place(std::size_t index) const { return fmt::format("{}:{}", file, lines[index]); }

Result<LabelledRows> read_labelled_rows(const std::string& path, const data::ReaderOptions& options,
                                        const std::string& label_column, std::span<const std::string> carried_columns) {
  VALENCE_TRY(const auto reader, data::RecordReader::open(path, options));
  LabelledRows labelled{.file = reader->name(), .texts = {}, .pairs = {}, .labels = {}, .lines = {}, .failed = {}};
  labelled.carried.resize(carried_columns.size());
  std::vector<data::Row> rows;
  bool is_checked = false;
  auto state = data::ReaderState::kMore;
  while (state == data::ReaderState::kMore) {
    rows.clear();
    VALENCE_TRY(state, reader->next(rows));
    // Of JSON Lines the fields are known with the first object.
    if (!is_checked && (!rows.empty() || !reader->columns().empty())) {
      VALENCE_TRY_STATUS(data::check_label_column(*reader, label_column));
      for (const std::string& column : carried_columns) {
        VALENCE_TRY_STATUS(data::check_column(*reader, column, "name one of them"));
      }
      is_checked = true;
    }
    for (data::Row& row : rows) {
      if (!row) {
        labelled.failed.push_back(std::move(row.error().error));
        continue;
      }
      auto label = data::label_of(row->carried, label_column);
      if (!label) {
        labelled.failed.emplace_back(ErrorCode::kInvalidData, fmt::format("{}:{}", reader->name(), row->line),
                                     fmt::format("\"{}\" holds no label", label_column));
        continue;
      }
      for (std::size_t i = 0; i < carried_columns.size(); ++i) {
        labelled.carried[i].push_back(data::value_of(row->carried, carried_columns[i]).value_or(""));
      }
      labelled.texts.push_back(std::move(row->text));
      if (row->pair) labelled.pairs.push_back(std::move(*row->pair));
      labelled.labels.push_back(std::move(*label));
      labelled.lines.push_back(row->line);
    }
  }
  if (labelled.texts.empty()) {
    if (!labelled.failed.empty()) return fail(labelled.failed.front().in("no row can be used; the first"));
    return fail(ErrorCode::kInvalidData, reader->name(), "has no rows", "give labelled rows of your own texts");
  }
  return labelled;
}

Result<LabelledTexts> read_labelled_texts(const std::string& path, const data::ReaderOptions& options,
                                          const std::string& label_column, std::span<const std::string> model_labels) {
  VALENCE_TRY(LabelledRows rows, read_labelled_rows(path, options, label_column));
  std::map<std::string, std::int32_t, std::less<>> id_of;
  for (std::size_t id = 0; id < model_labels.size(); ++id) {
    id_of.emplace(model_labels[id], static_cast<std::int32_t>(id));
  }
  LabelledTexts labelled{.file = std::move(rows.file),
                         .texts = std::move(rows.texts),
                         .truth = {},
                         .lines = std::move(rows.lines),
                         .failed = std::move(rows.failed),
                         .unseen = {}};
  std::map<std::string, std::uint64_t> unknown;
  std::vector<bool> is_seen(model_labels.size());
  for (const std::string& label : rows.labels) {
    const auto known = id_of.find(label);
    if (known == id_of.end()) {
      ++unknown[label];
      continue;
    }
    is_seen[static_cast<std::size_t>(known->second)] = true;
    labelled.truth.push_back(known->second);
  }
  VALENCE_TRY_STATUS(refuse_unknown(unknown, labelled.file, model_labels));
  for (std::size_t id = 0; id < model_labels.size(); ++id) {
    if (!is_seen[id]) labelled.unseen.push_back(model_labels[id]);
  }
  return labelled;
}

}  // namespace valence::pipeline
