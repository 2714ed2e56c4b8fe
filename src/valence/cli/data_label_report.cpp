#include "valence/cli/data_label_report.h"

#include <fmt/format.h>

#include <utility>

#include "valence/cli/json_writer.h"
#include "valence/cli/progress.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kNameColumns = 28;

std::string percent(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

}  // namespace

std::string label_view(const LabelSources& sources, const LabelCounts& counts, bool unicode) {
  std::string out = fmt::format("  {:<{}} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "source", kNameColumns, "votes", "coverage",
                                "overlaps", "conflicts", "accuracy");
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const pipeline::SourceRecord& record = counts.sources[i];
    const std::string name = data::shown(sources[i]->name(), kNameColumns, unicode);
    out += fmt::format("  {}{} {:>9} {:>9} {:>9} {:>9} {:>9}\n", name,
                       std::string(kNameColumns - data::display_width(name), ' '), with_thousands(record.votes),
                       percent(record.votes, counts.rows), percent(record.overlaps, counts.rows),
                       percent(record.conflicts, counts.rows), percent(record.right, record.judged));
  }
  out +=
      fmt::format("\n{} rows: {} labelled by vote, {} had a label, {} without any vote, {} undecided, {} in conflict\n",
                  with_thousands(counts.rows), with_thousands(counts.labelled), with_thousands(counts.gold),
                  with_thousands(counts.uncovered), with_thousands(counts.undecided), with_thousands(counts.conflicts));
  if (counts.judged > 0) {
    out += fmt::format("of {} labelled rows that the vote decides too it agrees with {}\n",
                       with_thousands(counts.judged), percent(counts.right, counts.judged));
  }
  std::vector<LabelCount> labels;
  for (const auto& [label, rows] : counts.labels) labels.push_back({label, rows});
  return out + label_table(std::move(labels), unicode);
}

std::string label_json(const LabelSources& sources, const LabelCounts& counts) {
  JsonWriter json;
  json.open_object();
  json.value("rows", counts.rows);
  json.value("unreadable", counts.failed.count);
  json.value("gold", counts.gold);
  json.value("labelled", counts.labelled);
  json.value("uncovered", counts.uncovered);
  json.value("undecided", counts.undecided);
  json.value("conflicts", counts.conflicts);
  json.value("judged", counts.judged);
  json.value("right", counts.right);
  json.open_array("sources");
  for (std::size_t i = 0; i < sources.size(); ++i) {
    json.open_object();
    json.value("name", sources[i]->name());
    json.value("votes", counts.sources[i].votes);
    json.value("overlaps", counts.sources[i].overlaps);
    json.value("conflicts", counts.sources[i].conflicts);
    json.value("judged", counts.sources[i].judged);
    json.value("right", counts.sources[i].right);
    json.close();
  }
  json.close();
  json.open_object("labels");
  for (const auto& [label, rows] : counts.labels) json.value(label, rows);
  json.close();
  json.close();
  return json.text();
}

}  // namespace valence::cli
