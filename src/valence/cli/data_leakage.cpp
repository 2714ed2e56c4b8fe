#include "valence/cli/data_leakage.h"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

#include "valence/data/words.h"

namespace valence::cli {
namespace {

using SourceOf = std::vector<std::optional<std::uint32_t>>;

SourceOf same_texts(std::span<const data::Record> records, std::span<const data::Record> against) {
  std::unordered_map<std::string_view, std::uint32_t> first_with;
  for (std::uint32_t i = 0; i < against.size(); ++i) first_with.try_emplace(against[i].text, i);
  SourceOf source(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto found = first_with.find(records[i].text);
    if (found != first_with.end() && !records[i].text.empty()) source[i] = found->second;
  }
  return source;
}

SourceOf near_texts(std::span<const data::Record> records, std::span<const data::Record> against,
                    const data::NearDuplicateOptions& near) {
  data::NearDuplicateIndex index(near);
  for (const data::Record& record : against) index.add(data::sketch_of(record.text));
  SourceOf source(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) source[i] = index.find(data::sketch_of(records[i].text));
  return source;
}

}  // namespace

Result<Leakage> find_leakage(std::span<const data::Record> records, const std::vector<std::string>& files,
                             const data::ReaderOptions& options, const std::optional<data::NearDuplicateOptions>& near,
                             Progress& progress) {
  data::ReaderOptions own = options;
  own.format.reset();  // of the input; these have suffixes of their own
  VALENCE_TRY(const auto source, open_data(files, own));
  VALENCE_TRY(DataRows against, read_all(*source, progress));
  Leakage leakage;
  leakage.rows_against = against.records.size();
  leakage.source = near ? near_texts(records, against.records, *near) : same_texts(records, against.records);
  for (const data::Record& record : against.records) {
    leakage.places.push_back(fmt::format("{}:{}", record.input, record.line));
  }
  leakage.failed = std::move(against.failed);
  return leakage;
}

}  // namespace valence::cli
