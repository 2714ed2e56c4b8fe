/// \file
/// The card that goes with a quantised model.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "valence/cli/quantize_report.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kNameColumns = 80;

/// Text of a file's inside Markdown: nothing in it may end a cell or mark anything up.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : data::visible(text)) {
    if (c == '|' || c == '\\' || c == '`' || c == '<' || c == '*' || c == '_') safe += '\\';
    safe += c;
  }
  return safe;
}

/// A name inside a table.
std::string cell(std::string_view text) { return escaped(data::shown(text, kNameColumns)); }

double percent(std::uint64_t part, std::uint64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string quantize_card(const QuantizeFindings& findings) {
  const Comparison& chosen = findings.measured.chosen;
  const PairedCounts& counts = chosen.counts;
  const auto& kept = findings.measured.search.kept;
  std::string card = fmt::format(
      "# {0}, int8\n\n"
      "Made from {0} by valence {1} on {2} (`valence models quantize`). Training, intended use and licence are the "
      "source's.\n\n"
      "| | |\n|---|---|\n"
      "| storage | every 2-D weight as int8 with one f32 scale a row; {3} |\n"
      "| weights | {4:.1f} MB, from {5:.1f} MB |\n"
      "| f32 | {6:.2f} % of {7} rows right, 95 % interval {8:.2f} to {9:.2f} |\n"
      "| int8 | {10:.2f} %, 95 % interval {11:.2f} to {12:.2f} |\n"
      "| loss | {13:.2f} points, 95 % interval {14:.2f} to {15:.2f}, McNemar p = {16:.3g} |\n"
      "| labels equal | {17:.2f} % of the rows |\n",
      cell(findings.source), VALENCE_VERSION, findings.created,
      kept.empty() ? std::string("no layer kept") : fmt::format("kept out of int8: layer {}", fmt::join(kept, ", ")),
      static_cast<double>(findings.stored_bytes) / 1e6, static_cast<double>(findings.source_bytes) / 1e6,
      percent(counts.first_right(), counts.rows()), counts.rows(), 100 * chosen.first_accuracy.low,
      100 * chosen.first_accuracy.high, percent(counts.second_right(), counts.rows()), 100 * chosen.second_accuracy.low,
      100 * chosen.second_accuracy.high, 100 * chosen.accuracy_loss(), 100 * chosen.loss.low, 100 * chosen.loss.high,
      chosen.mcnemar.p_value, percent(chosen.equal_labels, counts.rows()));
  card +=
      "\n| class | rows | recall f32 | int8 | precision f32 | int8 | F1 f32 | int8 "
      "|\n|---|---|---|---|---|---|---|---|\n";
  for (std::size_t id = 0; id < chosen.classes.size(); ++id) {
    const ClassChange& change = chosen.classes[id];
    card += fmt::format("| {} | {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n",
                        cell(findings.spec.head.labels[id]), change.support, 100 * change.recall(change.first),
                        100 * change.recall(change.second), 100 * change.precision(change.first),
                        100 * change.precision(change.second), 100 * change.f1(change.first),
                        100 * change.f1(change.second));
  }
  const auto cautions = quantize_cautions(findings);
  if (!cautions.empty()) card += "\n";
  for (const std::string& caution : cautions) card += fmt::format("- {}\n", escaped(caution));
  return card + "\n`quantization.json` holds all figures.\n";
}

}  // namespace valence::cli
