#include "valence/cli/labelled_records.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "valence/data/label_column.h"
#include "valence/data/missing_value.h"

namespace valence::cli {

Result<LabelledRecords> read_labelled(pipeline::Source& source, const std::optional<std::string>& label_column,
                                      Progress& progress) {
  VALENCE_TRY(DataRows all, read_all(source, progress));
  LabelledRecords rows;
  rows.failed = std::move(all.failed);
  const data::MissingValues missing;
  std::map<std::string, std::uint64_t> counts;
  std::vector<std::string> label_of;
  for (data::Record& record : all.records) {
    auto label = label_column ? data::label_of(record.carried, *label_column) : std::optional<std::string>("");
    if (label_column && (!label || missing.contains(*label))) {
      ++rows.unlabelled;
      continue;
    }
    ++counts[*label];
    label_of.push_back(std::move(*label));
    rows.records.push_back(std::move(record));
  }
  if (rows.records.empty()) {
    return fail(ErrorCode::kInvalidData, source.reader()->name(),
                fmt::format("no row has a label in \"{}\"", label_column.value_or("")));
  }
  std::map<std::string, std::uint32_t> id_of;
  for (const auto& [label, count] : counts) {
    id_of.emplace(label, static_cast<std::uint32_t>(rows.labels.size()));
    rows.labels.push_back(label);
    rows.counts.push_back(count);
  }
  for (const std::string& label : label_of) rows.label_of.push_back(id_of.at(label));
  return rows;
}

std::vector<LabelCount> label_counts(const LabelledRecords& rows) {
  std::vector<LabelCount> counts;
  for (std::size_t id = 0; id < rows.labels.size(); ++id) counts.push_back({rows.labels[id], rows.counts[id]});
  return counts;
}

Result<std::uint64_t> parse_seed(const std::string& word) {
  std::uint64_t seed = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), seed);
  if (failed == std::errc() && end == word.data() + word.size()) return seed;
  return fail(ErrorCode::kInvalidArgument, "--seed", fmt::format("\"{}\" is no whole number from 0", word));
}

}  // namespace valence::cli
