#include "valence/cli/clean_view.h"

#include <fmt/format.h>

#include "valence/cli/data_options.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/progress.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kNameColumns = 44;
constexpr std::size_t kShownSpellings = 20;

const char* words_for(data::TextTrait trait) {
  switch (trait) {
    case data::TextTrait::kMojibake:
      return "UTF-8 encoded twice";
    case data::TextTrait::kEscapes:
      return "escape sequences spelt out";
    case data::TextTrait::kDoubledQuotes:
      return "doubled quotes";
    case data::TextTrait::kHtml:
      return "HTML entities or tags";
    case data::TextTrait::kControl:
      return "control characters";
    case data::TextTrait::kInvisible:
      return "invisible characters";
    case data::TextTrait::kNotNfc:
      return "not in Unicode form C";
    case data::TextTrait::kWhitespace:
      return "odd white space";
    case data::TextTrait::kReplacement:
      return "replacement characters (U+FFFD)";
    case data::TextTrait::kLineBreak:
      return "line breaks in the text";
    case data::TextTrait::kEmoji:
      return "emoji";
    case data::TextTrait::kNonAscii:
      return "characters beyond ASCII";
  }
  return "";
}

const char* words_for(data::DropReason reason) {
  switch (reason) {
    case data::DropReason::kUnreadable:
      return "cannot be read";
    case data::DropReason::kInvalidText:
      return "not text in this encoding";
    case data::DropReason::kTooFewCells:
      return "too few cells";
    case data::DropReason::kTooManyCells:
      return "too many cells";
    case data::DropReason::kMissingText:
      return "no text";
    case data::DropReason::kMissingLabel:
      return "no label";
    case data::DropReason::kMissingValue:
      return "no value in another column";
    case data::DropReason::kUnknownLabel:
      return "a label that is not wanted";
    case data::DropReason::kDuplicate:
      return "duplicate";
    case data::DropReason::kNearDuplicate:
      return "near-duplicate";
  }
  return "";
}

void append_line(std::string& out, std::string_view name, std::uint64_t rows) {
  if (rows == 0) return;
  const std::string shown = data::shown(name, kNameColumns);
  out += fmt::format("    {}{} {:>12}\n", shown, std::string(kNameColumns - data::display_width(shown), ' '),
                     with_thousands(rows));
}

/// `lines` under a heading, or nothing for none.
void append_section(std::string& out, std::string_view heading, const std::string& lines) {
  if (!lines.empty()) out += fmt::format("  {}\n{}", heading, lines);
}

/// Rows that came with more or fewer cells are dropped for it and for nothing else, so both counts are one.
std::uint64_t dropped_for(const data::CleaningSummary& summary, data::DropReason reason) {
  return summary.dropped[static_cast<std::size_t>(reason)];
}

std::string found_lines(const data::CleaningSummary& summary, const data::CleaningOptions& options) {
  std::string lines;
  for (std::size_t column = 0; column < options.columns.size(); ++column) {
    append_line(lines, fmt::format("no {}", options.columns[column]), summary.missing[column]);
  }
  append_line(lines, "too few cells", dropped_for(summary, data::DropReason::kTooFewCells));
  append_line(lines, "too many cells", dropped_for(summary, data::DropReason::kTooManyCells));
  append_line(lines, "exact repeats of another row", summary.exact_repeats);
  append_line(lines, "repeats under a new id", summary.repeats_under_new_id);
  for (std::size_t trait = 0; trait < data::kTextTraits; ++trait) {
    append_line(lines, words_for(static_cast<data::TextTrait>(trait)), summary.traits[trait]);
  }
  return lines;
}

std::string changed_lines(const data::CleaningSummary& summary) {
  std::string lines;
  append_line(lines, "text or label changed", summary.changed);
  append_line(lines, "label spelt otherwise", summary.relabelled);
  for (std::size_t kind = 0; kind < data::kPersonalDataKinds; ++kind) {
    append_line(lines, fmt::format("{} replaced (places)", name_of(static_cast<data::PersonalData>(kind))),
                summary.redacted[kind]);
  }
  return lines;
}

std::string spelling_lines(const data::CleaningSummary& summary) {
  std::string lines;
  std::size_t listed = 0;
  for (const auto& [spelling, rows] : summary.spellings) {
    if (++listed > kShownSpellings) break;
    append_line(lines,
                fmt::format("\"{}\" to \"{}\"", data::shown(spelling.first, 16), data::shown(spelling.second, 16)),
                rows);
  }
  if (summary.spellings.size() > kShownSpellings) {
    lines += fmt::format("    and {} more spellings\n", summary.spellings.size() - kShownSpellings);
  }
  return lines;
}

std::vector<LabelCount> label_counts(const data::CleaningSummary& summary) {
  std::vector<LabelCount> counts;
  for (const auto& [label, rows] : summary.labels) counts.push_back({label, rows});
  return counts;
}

}  // namespace

std::string clean_table(const data::CleaningSummary& summary, const data::CleaningOptions& options, bool unicode) {
  std::string out = fmt::format("{} rows read, {} written, {} dropped\n", with_thousands(summary.rows),
                                with_thousands(summary.written), with_thousands(summary.rows_dropped()));
  append_section(out, "found, in the rows as they came (a row can have several)", found_lines(summary, options));
  std::string dropped;
  for (std::size_t reason = 0; reason < data::kDropReasons; ++reason) {
    append_line(dropped, words_for(static_cast<data::DropReason>(reason)), summary.dropped[reason]);
  }
  append_section(out, "dropped (a row counts once)", dropped);
  append_section(out, "changed, of the rows written", changed_lines(summary));
  append_section(out, "labels written otherwise", spelling_lines(summary));
  if (summary.conflicting_duplicates > 0) {
    out += fmt::format("  {} dropped duplicates had another label than the row they repeat\n",
                       with_thousands(summary.conflicting_duplicates));
  }
  if (summary.conflicting_near_duplicates > 0) {
    out += fmt::format("  {} near-duplicates were kept because their labels differ\n",
                       with_thousands(summary.conflicting_near_duplicates));
  }
  if (summary.longest_chars > 0) {
    out += fmt::format("  longest text: {} characters, on line {}\n", with_thousands(summary.longest_chars),
                       with_thousands(summary.longest_line));
  }
  if (!summary.labels.empty()) out += "  labels now\n" + label_table(label_counts(summary), unicode);
  return out;
}

std::string clean_json(const data::CleaningSummary& summary, const data::CleaningOptions& options) {
  JsonWriter json;
  json.open_object();
  json.value("rows", summary.rows);
  json.value("written", summary.written);
  json.open_object("found");
  json.open_object("missing");
  for (std::size_t i = 0; i < options.columns.size(); ++i) json.value(options.columns[i], summary.missing[i]);
  json.close();
  json.value("too_few_cells", dropped_for(summary, data::DropReason::kTooFewCells));
  json.value("too_many_cells", dropped_for(summary, data::DropReason::kTooManyCells));
  json.value("exact_repeats", summary.exact_repeats);
  json.value("repeats_under_new_id", summary.repeats_under_new_id);
  for (std::size_t i = 0; i < data::kTextTraits; ++i) {
    json.value(name_of(static_cast<data::TextTrait>(i)), summary.traits[i]);
  }
  json.value("longest_text_chars", summary.longest_chars);
  json.close();
  json.open_object("dropped");
  json.value("rows", summary.rows_dropped());
  for (std::size_t i = 0; i < data::kDropReasons; ++i) {
    json.value(name_of(static_cast<data::DropReason>(i)), summary.dropped[i]);
  }
  json.value("conflicting_duplicates", summary.conflicting_duplicates);
  json.close();
  json.open_object("changed");
  json.value("rows", summary.changed);
  json.value("label", summary.relabelled);
  for (std::size_t i = 0; i < data::kPersonalDataKinds; ++i) {
    json.value(name_of(static_cast<data::PersonalData>(i)), summary.redacted[i]);
  }
  json.close();
  json.value("kept_conflicting_near_duplicates", summary.conflicting_near_duplicates);
  json.open_object("labels");
  for (const auto& [label, rows] : summary.labels) json.value(label, rows);
  json.close();
  json.close();
  return json.text();
}

}  // namespace valence::cli
