#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/cli/eval_pictures.h"
#include "valence/cli/eval_report.h"
#include "valence/cli/html_page.h"
#include "valence/cli/html_text.h"
#include "valence/cli/progress.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kPageMistakes = 50;
constexpr std::size_t kPageSuspects = 50;
constexpr std::size_t kExcerptColumns = 600;

std::string interval_of(std::string_view figure, const Interval& interval) {
  if (std::isnan(interval.low)) return "";
  return fmt::format("{} to {}", shown_value(figure, interval.low), shown_value(figure, interval.high));
}

void append_cards(std::string& out, const EvalFindings& findings) {
  const std::size_t shown = findings.rows.kind == AnswerKind::kNumbers ? 4 : 5;
  out += "<div class=\"cards\">";
  for (std::size_t i = 0; i < std::min(shown, findings.evaluation.figures.size()); ++i) {
    const Figure& figure = findings.evaluation.figures[i];
    out +=
        fmt::format("<div class=\"card\"><span class=\"soft\">{}</span><b>{}</b><span class=\"soft\">{}</span></div>",
                    html_escaped(title_of(figure.name)), shown_value(figure.name, figure.value),
                    interval_of(figure.name, figure.interval));
  }
  out += "</div>\n";
}

void append_notes(std::string& out, const EvalFindings& findings) {
  const auto cautions = eval_cautions(findings);
  if (!cautions.empty() || !findings.gates.empty()) out += "<ul>\n";
  for (const Gate& gate : findings.gates) {
    out += fmt::format("<li class=\"{}\">{} {}, wanted {} {}</li>\n", gate.passed() ? "passed" : "missed",
                       html_escaped(title_of(gate.figure)), shown_value(gate.figure, gate.value),
                       is_lower_better(gate.figure) ? "at most" : "at least", shown_value(gate.figure, gate.wanted));
  }
  for (const std::string& caution : cautions) out += fmt::format("<li>{}</li>\n", html_escaped(caution));
  if (!cautions.empty() || !findings.gates.empty()) out += "</ul>\n";
}

void append_figures(std::string& out, const EvalFindings& findings) {
  out += "<h2>Figures</h2>\n<div class=\"wide\"><table><tr><th>figure</th><th>value</th><th>95 % interval</th>";
  if (findings.training) out += "<th>training rows</th>";
  if (findings.comparison != nullptr) {
    out += fmt::format("<th>{}</th><th>difference</th><th>95 % interval</th>", html_escaped(findings.compared_model));
  }
  out += "</tr>\n";
  for (std::size_t i = 0; i < findings.evaluation.figures.size(); ++i) {
    const Figure& figure = findings.evaluation.figures[i];
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td>", html_escaped(title_of(figure.name)),
                       shown_value(figure.name, figure.value), interval_of(figure.name, figure.interval));
    if (findings.training) out += fmt::format("<td>{}</td>", shown_value(figure.name, findings.training->figures[i]));
    if (findings.comparison != nullptr) {
      const Figure& difference = findings.comparison->differences[i];
      out += fmt::format("<td>{}</td><td>{}</td><td>{}</td>",
                         shown_value(figure.name, findings.comparison->second_figures[i]),
                         shown_value(figure.name, difference.value), interval_of(figure.name, difference.interval));
    }
    out += "</tr>\n";
  }
  out += "</table></div>\n";
  if (findings.comparison != nullptr && findings.rows.kind != AnswerKind::kNumbers) {
    const PairedCounts& counts = findings.comparison->counts;
    out += fmt::format("<p>Right in this model only: {}, in the other only: {}, in both: {}; {}.</p>\n",
                       with_thousands(counts.only_first_right), with_thousands(counts.only_second_right),
                       with_thousands(counts.both_right), outcome_of(findings.comparison->mcnemar));
  }
}

void append_classes(std::string& out, const EvalFindings& findings) {
  const auto& classes = findings.evaluation.classes;
  if (classes.empty()) return;
  std::vector<BarRow> bars;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    bars.push_back(
        {.name = findings.rows.labels[label],
         .values = {classes[label].precision, classes[label].recall, classes[label].f1},
         .note = fmt::format("F1 {:.1f} %, {} rows", 100 * classes[label].f1, with_thousands(classes[label].support))});
  }
  out += "<h2>Labels</h2>\n<div class=\"wide\">";
  out += bars_picture("Precision, recall and F1 by label", {"precision", "recall", "F1"}, bars);
  out +=
      "</div>\n<div class=\"wide\"><table><tr><th>label</th><th>rows</th><th>predicted</th><th>precision</th>"
      "<th>recall</th><th>F1</th><th>95 % interval of F1</th></tr>\n";
  const auto share = [](double value, bool undefined) {
    return undefined ? std::string("-") : fmt::format("{:.2f} %", 100 * value);
  };
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const eval::ClassMetrics& one = classes[label];
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                       html_escaped(findings.rows.labels[label]), with_thousands(one.support),
                       with_thousands(one.predicted), share(one.precision, one.precision_undefined()),
                       share(one.recall, one.recall_undefined()), share(one.f1, one.f1_undefined()),
                       one.f1_undefined() ? "" : interval_of("f1", findings.evaluation.class_f1[label]));
  }
  out += "</table></div>\n";
}

void append_confusion(std::string& out, const EvalFindings& findings) {
  if (findings.evaluation.confusion.num_labels == 0) return;
  out +=
      "<h2>Confusion matrix</h2>\n<p>Rows are the truth, columns the answers; a cell is darker the larger its share of "
      "its row.</p>\n<div class=\"wide\">";
  out += confusion_picture(findings.evaluation.confusion, findings.rows.labels) + "</div>\n";
  if (findings.comparison == nullptr) return;
  out += fmt::format("<h2>Confusion matrix of {}</h2>\n<div class=\"wide\">", html_escaped(findings.compared_model));
  out += confusion_picture(findings.comparison->confusion, findings.rows.labels) + "</div>\n";
}

void append_reliability(std::string& out, const EvalFindings& findings) {
  const auto& reliability = findings.evaluation.reliability;
  if (reliability.bins.empty()) return;
  out += fmt::format(
      "<h2>Calibration</h2>\n<p>Expected calibration error {:.2f} % ({} bins of equal width), {:.2f} % with as many "
      "rows in "
      "each bin{}. Bars are what was right, red lines the mean score of a bin; on the dashed line the two are "
      "equal.</p>\n"
      "<div class=\"wide\">",
      100 * reliability.expected_error, reliability.bins.size(), 100 * findings.evaluation.adaptive.expected_error,
      findings.is_calibrated ? fmt::format(", at the model's temperature of {:.4g}", findings.temperature) : "");
  out += reliability_picture(
      reliability, findings.rows.kind == AnswerKind::kOneLabel ? "right, by score" : "have the label, by score");
  out += "</div>\n";
}

void append_slices(std::string& out, const EvalFindings& findings) {
  const auto& names = figure_names(findings.rows.kind);
  const bool numbers = findings.rows.kind == AnswerKind::kNumbers;
  const std::size_t second = numbers ? 2 : 4;
  for (const SlicedColumn& column : findings.evaluation.slices) {
    out += fmt::format("<h2>By {}</h2>\n", html_escaped(column.column));
    if (!numbers) {
      std::vector<BarRow> bars;
      for (const Slice& slice : column.slices) {
        bars.push_back(
            {.name = slice.value,
             .values = {slice.figures[0]},
             .note = fmt::format("{}, {} rows", shown_value(names[0], slice.figures[0]), with_thousands(slice.rows))});
      }
      out += "<div class=\"wide\">" +
             bars_picture(title_of(names[0]) + " by " + column.column, {title_of(names[0])}, bars);
      out += "</div>\n";
    }
    out += fmt::format("<div class=\"wide\"><table><tr><th>{}</th><th>rows</th><th>{}</th><th>{}</th></tr>\n",
                       html_escaped(column.column), html_escaped(title_of(names[0])),
                       html_escaped(title_of(names[second])));
    for (const Slice& slice : column.slices) {
      out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", html_escaped(slice.value),
                         with_thousands(slice.rows), shown_value(names[0], slice.figures[0]),
                         shown_value(names[second], slice.figures[second]));
    }
    out += "</table></div>\n";
    if (column.other_values > 0)
      out += fmt::format("<p>And {} more values.</p>\n", with_thousands(column.other_values));
  }
}

void append_thresholds(std::string& out, const EvalFindings& findings) {
  if (!findings.target) return;
  out += fmt::format(
      "<h2>Thresholds for a {} of {:.4g} %</h2>\n<p>Tuned on these rows.</p>\n<div class=\"wide\"><table><tr>"
      "<th>label</th><th>threshold</th><th>precision</th><th>recall</th><th>rows above it</th></tr>\n",
      findings.target->figure == ScoreTarget::Figure::kPrecision ? "precision" : "recall",
      100 * findings.target->value);
  for (const LabelThreshold& one : findings.evaluation.thresholds) {
    out += fmt::format("<tr><td>{}</td>", html_escaped(findings.rows.labels[one.label]));
    out += one.choice ? fmt::format("<td>{:.4f}</td><td>{:.2f} %</td><td>{:.2f} %</td><td>{}</td></tr>\n",
                                    one.choice->threshold, 100 * one.choice->precision, 100 * one.choice->recall,
                                    with_thousands(one.choice->predicted))
                      : std::string("<td colspan=\"4\">no threshold reaches it</td></tr>\n");
  }
  out += "</table></div>\n";
}

void append_row(std::string& out, const EvalFindings& findings, std::size_t row, const std::string& answer,
                double figure) {
  out += fmt::format(
      "<tr><td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{:.3f}</td>"
      "<td class=\"text\">{}</td></tr>\n",
      html_escaped(findings.rows.places[row]), html_escaped(truth_of(findings.rows, row)), html_escaped(answer), figure,
      html_escaped(data::shown(findings.rows.texts[row], kExcerptColumns)));
}

void append_mistakes(std::string& out, const EvalFindings& findings) {
  const auto& mistakes = findings.evaluation.mistakes;
  if (mistakes.empty()) return;
  const std::size_t shown = std::min(kPageMistakes, mistakes.size());
  out += fmt::format(
      "<h2>Worst mistakes</h2>\n<p>{} of {}.</p>\n<div class=\"wide\"><table><tr><th>row</th>"
      "<th class=\"text\">truth</th><th class=\"text\">answer</th><th>{}</th><th class=\"text\">text</th></tr>\n",
      shown, with_thousands(mistakes.size()), findings.rows.kind == AnswerKind::kNumbers ? "off by" : "loss");
  for (const Mistake& mistake : std::span(mistakes).first(shown)) {
    append_row(out, findings, mistake.row, answer_of(findings.rows, findings.answers, mistake.row), mistake.loss);
  }
  out += "</table></div>\n";
}

void append_suspects(std::string& out, const EvalFindings& findings) {
  const auto& suspects = findings.evaluation.suspects;
  if (suspects.empty()) return;
  const std::size_t shown = std::min(kPageSuspects, suspects.size());
  out += fmt::format(
      "<h2>Labels that may be wrong</h2>\n<p>{} rows contradict the model; the first {}, by margin.</p>\n"
      "<div class=\"wide\"><table><tr><th>row</th><th class=\"text\">label</th><th class=\"text\">rather</th>"
      "<th>margin</th><th class=\"text\">text</th></tr>\n",
      with_thousands(suspects.size()), shown);
  for (const eval::LabelSuspect& suspect : std::span(suspects).first(shown)) {
    append_row(out, findings, suspect.row, findings.rows.labels[static_cast<std::size_t>(suspect.suggested)],
               suspect.margin);
  }
  out += "</table></div>\n";
}

}  // namespace

std::string eval_html(const EvalFindings& findings) {
  std::string out(html_head());
  out += fmt::format("<title>{} on {}</title>\n</head>\n<body>\n<h1>{}</h1>\n<p>on {}: {} rows{}; {}, valence {}</p>\n",
                     html_escaped(findings.model), html_escaped(findings.data), html_escaped(findings.model),
                     html_escaped(findings.data), with_thousands(findings.rows.size()),
                     findings.rows.failed.empty()
                         ? ""
                         : fmt::format(", {} more could not be used", with_thousands(findings.rows.failed.size())),
                     findings.created, VALENCE_VERSION);
  append_cards(out, findings);
  append_notes(out, findings);
  append_figures(out, findings);
  append_classes(out, findings);
  append_confusion(out, findings);
  append_reliability(out, findings);
  append_slices(out, findings);
  append_thresholds(out, findings);
  append_mistakes(out, findings);
  append_suspects(out, findings);
  return out + "</body>\n</html>\n";
}

}  // namespace valence::cli
