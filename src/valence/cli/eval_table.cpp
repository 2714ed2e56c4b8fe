#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "valence/cli/eval_report.h"
#include "valence/cli/progress.h"
#include "valence/data/shown_text.h"
#include "valence/train/label_space.h"

namespace valence::cli {
namespace {

constexpr std::size_t kTableMistakes = 8;
constexpr std::size_t kTableSuspects = 5;
constexpr std::size_t kLabelColumns = 24;
constexpr std::size_t kNameColumns = 160;
constexpr std::size_t kMatrixLabels = 12;  // a wider confusion matrix is for the JSON and the page
constexpr std::size_t kBarColumns = 20;
constexpr std::uint64_t kFewRows = 100;

double percent(double share) { return 100 * share; }

std::string label_name(const EvalRows& rows, std::size_t label) {
  return data::shown(rows.labels[label], kLabelColumns);
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::size_t width = data::display_width(text);
  return text + std::string(columns > width ? columns - width : 0, ' ');
}

std::string right_aligned(const std::string& text, std::size_t columns) {
  const std::size_t width = data::display_width(text);
  return std::string(columns > width ? columns - width : 0, ' ') + text;
}

std::size_t widest_label(const EvalRows& rows) {
  std::size_t width = 5;
  for (std::size_t label = 0; label < rows.labels.size(); ++label) {
    width = std::max(width, data::display_width(label_name(rows, label)));
  }
  return width;
}

std::string bar(double share, bool unicode) {
  const auto filled = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarColumns));
  std::string text;
  for (std::size_t i = 0; i < filled; ++i) text += unicode ? "█" : "#";
  return text;
}

std::string interval_of(std::string_view figure, const Interval& interval) {
  if (std::isnan(interval.low)) return "";
  return fmt::format("{} to {}", shown_value(figure, interval.low), shown_value(figure, interval.high));
}

void append_figures(std::string& out, const EvalFindings& findings) {
  const auto& figures = findings.evaluation.figures;
  out += fmt::format("  {:<26} {:>10}   {}\n", "", "", findings.resamples > 0 ? "95 % interval" : "");
  for (std::size_t i = 0; i < figures.size(); ++i) {
    std::string line =
        fmt::format("  {:<26} {:>10}   {:<22}", title_of(figures[i].name),
                    shown_value(figures[i].name, figures[i].value), interval_of(figures[i].name, figures[i].interval));
    if (findings.training) {
      line += fmt::format(" training rows {}", shown_value(figures[i].name, findings.training->figures[i]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
}

void append_classes(std::string& out, const EvalFindings& findings) {
  const auto& classes = findings.evaluation.classes;
  if (classes.empty()) return;
  const std::size_t width = widest_label(findings.rows);
  out += fmt::format("\n  {}     rows  predicted  precision   recall       F1   {}\n", padded("label", width),
                     findings.resamples > 0 ? "95 % interval of F1" : "");
  const auto share = [](double value, bool undefined) {
    return undefined ? std::string("   -    ") : fmt::format("{:6.2f} %", percent(value));
  };
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const eval::ClassMetrics& one = classes[label];
    std::string line = fmt::format("  {} {:>8}  {:>9}   {} {} {}   {}", padded(label_name(findings.rows, label), width),
                                   with_thousands(one.support), with_thousands(one.predicted),
                                   share(one.precision, one.precision_undefined()),
                                   share(one.recall, one.recall_undefined()), share(one.f1, one.f1_undefined()),
                                   one.f1_undefined() ? "" : interval_of("f1", findings.evaluation.class_f1[label]));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
}

void append_confusion(std::string& out, const EvalRows& rows, const eval::ConfusionMatrix& confusion,
                      std::string_view title) {
  if (confusion.num_labels == 0) return;
  if (confusion.num_labels > kMatrixLabels) {
    out += fmt::format("\n  {}: {} labels, see --json or --report\n", title, confusion.num_labels);
    return;
  }
  const std::size_t width = widest_label(rows);
  const std::size_t cell = std::max<std::size_t>(width, 7) + 2;
  out += fmt::format("\n  {}: rows are the truth, columns the answers\n  {}", title, std::string(width, ' '));
  for (std::size_t label = 0; label < rows.labels.size(); ++label) {
    out += right_aligned(label_name(rows, label), cell);
  }
  out += '\n';
  for (std::size_t truth = 0; truth < rows.labels.size(); ++truth) {
    out += "  " + padded(label_name(rows, truth), width);
    for (std::size_t answer = 0; answer < rows.labels.size(); ++answer) {
      out += right_aligned(with_thousands(confusion.at(truth, answer)), cell);
    }
    out += '\n';
  }
}

void append_reliability(std::string& out, const EvalFindings& findings, bool unicode) {
  const auto& reliability = findings.evaluation.reliability;
  if (reliability.bins.empty()) return;
  out += fmt::format("\n  calibration: ECE {:.2f} % ({} bins), {:.2f} % with as many rows in each bin{}\n",
                     percent(reliability.expected_error), reliability.bins.size(),
                     percent(findings.evaluation.adaptive.expected_error),
                     findings.is_calibrated ? fmt::format("; temperature {:.4g}", findings.temperature) : "");
  out += fmt::format("  {:<14} {:>8}  mean score  {}\n", "score", "rows",
                     findings.rows.kind == AnswerKind::kOneLabel ? "right" : "have the label");
  for (const eval::ReliabilityBin& bin : reliability.bins) {
    if (bin.rows == 0) continue;
    std::string line =
        fmt::format("  {:.2f} to {:.2f}   {:>8}  {:8.2f} %  {:6.2f} % {}", bin.low, bin.high, with_thousands(bin.rows),
                    percent(bin.mean_confidence), percent(bin.accuracy), bar(bin.accuracy, unicode));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
}

void append_slices(std::string& out, const EvalFindings& findings) {
  const auto& names = figure_names(findings.rows.kind);
  const std::size_t second = findings.rows.kind == AnswerKind::kNumbers ? 2 : 4;  // the mean absolute error, macro F1
  for (const SlicedColumn& column : findings.evaluation.slices) {
    std::size_t width = 12;
    for (const Slice& slice : column.slices) {
      width = std::max(width, data::display_width(data::shown(slice.value, kLabelColumns)));
    }
    out += fmt::format("\n  {}     rows  {:>17} {:>19}\n", padded(data::shown(column.column, kLabelColumns), width),
                       title_of(names[0]), title_of(names[second]));
    for (const Slice& slice : column.slices) {
      out += fmt::format("  {} {:>8}  {:>17} {:>19}\n", padded(data::shown(slice.value, kLabelColumns), width),
                         with_thousands(slice.rows), shown_value(names[0], slice.figures[0]),
                         shown_value(names[second], slice.figures[second]));
    }
    if (column.other_values > 0) out += fmt::format("  and {} more values\n", with_thousands(column.other_values));
  }
}

void append_thresholds(std::string& out, const EvalFindings& findings) {
  if (!findings.target) return;
  const std::size_t width = widest_label(findings.rows);
  out += fmt::format("\n  thresholds for a {} of {:.4g} %, tuned on these rows\n",
                     findings.target->figure == ScoreTarget::Figure::kPrecision ? "precision" : "recall",
                     percent(findings.target->value));
  out += fmt::format("  {}  threshold  precision   recall   rows above it\n", padded("label", width));
  for (const LabelThreshold& one : findings.evaluation.thresholds) {
    const std::string name = padded(label_name(findings.rows, one.label), width);
    if (!one.choice) {
      out += fmt::format("  {}  no threshold reaches it\n", name);
      continue;
    }
    out +=
        fmt::format("  {}  {:9.4f}   {:6.2f} % {:6.2f} %   {:>13}\n", name, one.choice->threshold,
                    percent(one.choice->precision), percent(one.choice->recall), with_thousands(one.choice->predicted));
  }
}

void append_comparison(std::string& out, const EvalFindings& findings) {
  if (findings.comparison == nullptr) return;
  const ModelComparison& comparison = *findings.comparison;
  const auto& names = figure_names(findings.rows.kind);
  out += fmt::format("\n  compared with {}\n", data::shown(findings.compared_model, kNameColumns));
  out += fmt::format("  {:<26} {:>10} {:>10} {:>11}   {}\n", "", "this", "that", "difference",
                     findings.resamples > 0 ? "95 % interval" : "");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Figure& difference = comparison.differences[i];
    std::string line = fmt::format("  {:<26} {:>10} {:>10} {:>11}   {}", title_of(names[i]),
                                   shown_value(names[i], findings.evaluation.figures[i].value),
                                   shown_value(names[i], comparison.second_figures[i]),
                                   shown_value(names[i], difference.value), interval_of(names[i], difference.interval));
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  if (findings.rows.kind == AnswerKind::kNumbers) return;
  out += fmt::format("  right in this only: {}, in that only: {}, in both: {}; {}\n",
                     with_thousands(comparison.counts.only_first_right),
                     with_thousands(comparison.counts.only_second_right), with_thousands(comparison.counts.both_right),
                     outcome_of(comparison.mcnemar));
  append_confusion(out, findings.rows, comparison.confusion,
                   fmt::format("confusion of {}", data::shown(findings.compared_model, kLabelColumns)));
}

void append_mistakes(std::string& out, const EvalFindings& findings, std::size_t columns, bool unicode) {
  const auto& mistakes = findings.evaluation.mistakes;
  if (mistakes.empty()) return;
  const bool numbers = findings.rows.kind == AnswerKind::kNumbers;
  const std::size_t shown = std::min(kTableMistakes, mistakes.size());
  out += numbers ? fmt::format("\n  {} rows furthest off\n", shown)
                 : fmt::format("\n  {} of {} mistakes, worst first by loss\n", shown, with_thousands(mistakes.size()));
  for (const Mistake& mistake : std::span(mistakes).first(shown)) {
    out +=
        fmt::format("  {}, {}: {} ({} {:.3f})\n    {}\n", data::shown(findings.rows.places[mistake.row], kNameColumns),
                    data::shown(truth_of(findings.rows, mistake.row), kLabelColumns),
                    data::shown(answer_of(findings.rows, findings.answers, mistake.row), kLabelColumns),
                    numbers ? "off by" : "loss", mistake.loss,
                    data::shown(findings.rows.texts[mistake.row], columns > 8 ? columns - 4 : 4, unicode));
  }
}

void append_suspects(std::string& out, const EvalFindings& findings, std::size_t columns, bool unicode) {
  const auto& suspects = findings.evaluation.suspects;
  if (suspects.empty()) return;
  const auto confident = static_cast<std::size_t>(std::ranges::count_if(suspects, &eval::LabelSuspect::is_confident));
  const std::size_t shown = std::min(kTableSuspects, suspects.size());
  out +=
      fmt::format("\n  labels that may be wrong: {} rows contradict the model, {} of them confidently; the first {}\n",
                  with_thousands(suspects.size()), with_thousands(confident), shown);
  for (const eval::LabelSuspect& suspect : std::span(suspects).first(shown)) {
    out += fmt::format("  {}: {}, rather {} (margin {:.3f})\n    {}\n",
                       data::shown(findings.rows.places[suspect.row], kNameColumns),
                       data::shown(truth_of(findings.rows, suspect.row), kLabelColumns),
                       label_name(findings.rows, static_cast<std::size_t>(suspect.suggested)), suspect.margin,
                       data::shown(findings.rows.texts[suspect.row], columns > 8 ? columns - 4 : 4, unicode));
  }
}

}  // namespace

std::string title_of(const std::string& figure) {
  if (figure == "ece") return "calibration error (ECE)";
  if (figure == "r2") return "R2";
  std::string title = figure;
  std::ranges::replace(title, '_', ' ');
  if (title.ends_with("f1")) title.replace(title.size() - 2, 2, "F1");
  return title;
}

std::string shown_value(std::string_view figure, double value) {
  if (std::isnan(value)) return "-";
  return is_share(figure) ? fmt::format("{:.2f} %", percent(value)) : fmt::format("{:.4f}", value);
}

std::string outcome_of(const McNemar& test) {
  return fmt::format("McNemar p = {:.3g} ({})", test.p_value,
                     test.is_exact ? "exact binomial" : "chi-squared, continuity corrected");
}

std::string truth_of(const EvalRows& rows, std::size_t row) {
  if (rows.kind == AnswerKind::kNumbers) return fmt::format("{:g}", rows.truth_numbers[row]);
  if (rows.kind == AnswerKind::kOneLabel) return rows.labels[static_cast<std::size_t>(rows.truth[row])];
  std::string joined;
  for (std::size_t label = 0; label < rows.labels.size(); ++label) {
    if (rows.truth_bits[row * rows.labels.size() + label] == 0) continue;
    if (!joined.empty()) joined += train::kLabelSeparator;
    joined += rows.labels[label];
  }
  return joined.empty() ? "(none)" : joined;
}

std::string answer_of(const EvalRows& rows, const Answers& answers, std::size_t row) {
  if (rows.kind == AnswerKind::kNumbers) return fmt::format("{:.4g}", answers.logits[row]);
  if (rows.kind == AnswerKind::kOneLabel) {
    return fmt::format("{} {:.3f}", rows.labels[static_cast<std::size_t>(answers.predicted[row])],
                       answers.confidence[row]);
  }
  std::string joined;
  for (std::size_t label = 0; label < rows.labels.size(); ++label) {
    if (answers.bits[row * rows.labels.size() + label] == 0) continue;
    if (!joined.empty()) joined += train::kLabelSeparator;
    joined += rows.labels[label];
  }
  return joined.empty() ? "(none)" : joined;
}

std::vector<std::string> eval_cautions(const EvalFindings& findings) {
  std::vector<std::string> cautions;
  const std::size_t rows = findings.rows.size();
  if (rows < kFewRows) {
    cautions.push_back(fmt::format("{} row{} say little: look at the intervals", rows, rows == 1 ? "" : "s"));
  }
  std::vector<std::string> unseen;
  std::size_t rare = 0;
  constexpr std::uint64_t kRare = 10;
  for (std::size_t label = 0; label < findings.evaluation.classes.size(); ++label) {
    const std::uint64_t support = findings.evaluation.classes[label].support;
    if (support == 0) unseen.push_back(label_name(findings.rows, label));
    if (support > 0 && support < kRare) ++rare;
  }
  if (!unseen.empty()) {
    const std::size_t shown = std::min<std::size_t>(unseen.size(), 10);
    cautions.push_back(
        fmt::format("no row carries {}{}: recall there is not measured, and answering so is wrong",
                    fmt::join(std::span(unseen).first(shown), ", "),
                    unseen.size() > shown ? fmt::format(" and {} more labels", unseen.size() - shown) : ""));
  }
  if (rare > 0) {
    cautions.push_back(fmt::format("{} label{} fewer than {} rows: {} figures are mostly chance", rare,
                                   rare == 1 ? " has" : "s have", kRare, rare == 1 ? "its" : "their"));
  }
  if (findings.target) {
    cautions.emplace_back("thresholds were tuned on the rows they are measured on: expect a little less on others");
  }
  return cautions;
}

std::string eval_table(const EvalFindings& findings, std::size_t columns, bool unicode) {
  std::string out =
      fmt::format("{} on {}: {} rows{}\n\n", data::shown(findings.model, kNameColumns),
                  data::shown(findings.data, kNameColumns), with_thousands(findings.rows.size()),
                  findings.rows.failed.empty()
                      ? ""
                      : fmt::format(", {} more could not be used", with_thousands(findings.rows.failed.size())));
  append_figures(out, findings);
  append_classes(out, findings);
  append_confusion(out, findings.rows, findings.evaluation.confusion, "confusion");
  append_reliability(out, findings, unicode);
  append_slices(out, findings);
  append_thresholds(out, findings);
  append_comparison(out, findings);
  append_mistakes(out, findings, columns, unicode);
  append_suspects(out, findings, columns, unicode);
  if (!findings.gates.empty()) out += '\n';
  for (const Gate& gate : findings.gates) {
    out += fmt::format("  {}: {} {} is {} {}\n", gate.passed() ? "passed" : "MISSED", title_of(gate.figure),
                       shown_value(gate.figure, gate.value),
                       is_lower_better(gate.figure) ? (gate.passed() ? "at most" : "more than")
                                                    : (gate.passed() ? "at least" : "less than"),
                       shown_value(gate.figure, gate.wanted));
  }
  return out;
}

}  // namespace valence::cli
