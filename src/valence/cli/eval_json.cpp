#include <algorithm>
#include <cmath>

#include "valence/base/json_text.h"
#include "valence/cli/eval_report.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kJsonMistakes = 100;
constexpr std::size_t kJsonSuspects = 1000;
constexpr std::size_t kExcerptColumns = 400;

/// Labels and texts come from files: JSON holds valid UTF-8 only.
std::string safe(const std::string& text) { return data::repaired_utf8(text); }

void append_count(JsonText& json, std::string_view key, std::uint64_t count) {
  json.key(key).integer(static_cast<std::int64_t>(count));
}

void append_interval(JsonText& json, std::string_view key, const Interval& interval) {
  if (std::isnan(interval.low)) return;
  json.key(key).begin_array().number(interval.low).number(interval.high).end_array();
}

void append_figures(JsonText& json, const std::vector<Figure>& figures) {
  json.begin_object();
  for (const Figure& figure : figures) {
    json.key(figure.name).begin_object().key("value").number(figure.value);
    append_interval(json, "interval_95", figure.interval);
    json.end_object();
  }
  json.end_object();
}

void append_plain_figures(JsonText& json, AnswerKind kind, const std::vector<double>& figures) {
  const auto& names = figure_names(kind);
  json.begin_object();
  for (std::size_t i = 0; i < names.size(); ++i) json.key(names[i]).number(figures[i]);
  json.end_object();
}

void append_classes(JsonText& json, const EvalFindings& findings) {
  json.key("labels").begin_array();
  for (std::size_t label = 0; label < findings.evaluation.classes.size(); ++label) {
    const eval::ClassMetrics& one = findings.evaluation.classes[label];
    json.begin_object().key("label").string(safe(findings.rows.labels[label]));
    append_count(json, "rows", one.support);
    append_count(json, "predicted", one.predicted);
    append_count(json, "hits", one.hits);
    json.key("precision").number(one.precision).key("recall").number(one.recall).key("f1").number(one.f1);
    append_interval(json, "f1_interval_95", findings.evaluation.class_f1[label]);
    // As scikit-learn's zero_division=0 these are 0, and here it says which.
    json.key("undefined").begin_array();
    if (one.precision_undefined()) json.string("precision");
    if (one.recall_undefined()) json.string("recall");
    if (one.f1_undefined()) json.string("f1");
    json.end_array().end_object();
  }
  json.end_array();
}

void append_confusion(JsonText& json, const eval::ConfusionMatrix& confusion) {
  if (confusion.num_labels == 0) return;
  json.key("confusion").begin_array();
  for (std::size_t truth = 0; truth < confusion.num_labels; ++truth) {
    json.begin_array();
    for (std::size_t answer = 0; answer < confusion.num_labels; ++answer) {
      json.integer(static_cast<std::int64_t>(confusion.at(truth, answer)));
    }
    json.end_array();
  }
  json.end_array();
}

void append_reliability(JsonText& json, const EvalFindings& findings) {
  const auto& reliability = findings.evaluation.reliability;
  if (reliability.bins.empty()) return;
  json.key("calibration").begin_object();
  json.key("is_calibrated").boolean(findings.is_calibrated).key("temperature").number(findings.temperature);
  json.key("ece").number(reliability.expected_error);
  json.key("adaptive_ece").number(findings.evaluation.adaptive.expected_error);
  json.key("maximum_error").number(reliability.maximum_error).key("bins").begin_array();
  for (const eval::ReliabilityBin& bin : reliability.bins) {
    json.begin_object().key("low").number(bin.low).key("high").number(bin.high);
    append_count(json, "rows", bin.rows);
    json.key("mean_score").number(bin.mean_confidence).key("accuracy").number(bin.accuracy).end_object();
  }
  json.end_array().end_object();
}

void append_slices(JsonText& json, const EvalFindings& findings) {
  json.key("slices").begin_array();
  for (const SlicedColumn& column : findings.evaluation.slices) {
    json.begin_object().key("column").string(safe(column.column));
    append_count(json, "other_values", column.other_values);
    json.key("values").begin_array();
    for (const Slice& slice : column.slices) {
      json.begin_object().key("value").string(safe(slice.value));
      append_count(json, "rows", slice.rows);
      json.key("figures");
      append_plain_figures(json, findings.rows.kind, slice.figures);
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

void append_thresholds(JsonText& json, const EvalFindings& findings) {
  if (!findings.target) return;
  json.key("thresholds").begin_object().key("target");
  json.string(findings.target->figure == ScoreTarget::Figure::kPrecision ? "precision" : "recall");
  json.key("value").number(findings.target->value).key("labels").begin_array();
  for (const LabelThreshold& one : findings.evaluation.thresholds) {
    json.begin_object().key("label").string(safe(findings.rows.labels[one.label])).key("threshold");
    if (one.choice) {
      json.number(one.choice->threshold);
      json.key("precision").number(one.choice->precision).key("recall").number(one.choice->recall);
      append_count(json, "predicted", one.choice->predicted);
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array().end_object();
}

void append_comparison(JsonText& json, const EvalFindings& findings) {
  if (findings.comparison == nullptr) return;
  const ModelComparison& comparison = *findings.comparison;
  json.key("comparison").begin_object().key("model").string(safe(findings.compared_model));
  json.key("figures");
  append_plain_figures(json, findings.rows.kind, comparison.second_figures);
  json.key("differences");
  append_figures(json, comparison.differences);
  if (findings.rows.kind != AnswerKind::kNumbers) {
    append_count(json, "both_right", comparison.counts.both_right);
    append_count(json, "only_first_right", comparison.counts.only_first_right);
    append_count(json, "only_second_right", comparison.counts.only_second_right);
    append_count(json, "both_wrong", comparison.counts.both_wrong);
    append_interval(json, "accuracy_difference_interval_95", comparison.accuracy_difference);
    json.key("mcnemar").begin_object();
    json.key("test").string(comparison.mcnemar.is_exact ? "exact binomial" : "chi-squared, continuity corrected");
    json.key("statistic").number(comparison.mcnemar.statistic);
    json.key("p_value").number(comparison.mcnemar.p_value).end_object();
  }
  append_confusion(json, comparison.confusion);
  json.end_object();
}

void append_row(JsonText& json, const EvalFindings& findings, std::size_t row) {
  json.key("place").string(safe(findings.rows.places[row]));
  json.key("label").string(safe(truth_of(findings.rows, row)));
  json.key("answer").string(safe(answer_of(findings.rows, findings.answers, row)));
  json.key("text").string(data::shown(findings.rows.texts[row], kExcerptColumns));
}

void append_rows(JsonText& json, const EvalFindings& findings) {
  const auto& mistakes = findings.evaluation.mistakes;
  append_count(json, "mistakes", mistakes.size());
  json.key("worst_mistakes").begin_array();
  for (const Mistake& mistake : std::span(mistakes).first(std::min(kJsonMistakes, mistakes.size()))) {
    json.begin_object();
    append_row(json, findings, mistake.row);
    json.key("loss").number(mistake.loss).end_object();
  }
  json.end_array();
  const auto& suspects = findings.evaluation.suspects;
  append_count(json, "label_suspects", suspects.size());
  json.key("worst_label_suspects").begin_array();
  for (const eval::LabelSuspect& suspect : std::span(suspects).first(std::min(kJsonSuspects, suspects.size()))) {
    json.begin_object();
    append_row(json, findings, suspect.row);
    json.key("suggested").string(safe(findings.rows.labels[static_cast<std::size_t>(suspect.suggested)]));
    json.key("margin").number(suspect.margin).key("is_confident").boolean(suspect.is_confident).end_object();
  }
  json.end_array();
}

}  // namespace

std::string eval_json(const EvalFindings& findings) {
  JsonText json;
  json.begin_object().key("model").string(safe(findings.model)).key("data").string(safe(findings.data));
  json.key("created").string(findings.created).key("valence_version").string(VALENCE_VERSION);
  append_count(json, "rows", findings.rows.size());
  append_count(json, "failed_rows", findings.rows.failed.size());
  append_count(json, "bootstrap_resamples", findings.resamples);
  append_count(json, "seed", findings.seed);
  json.key("figures");
  append_figures(json, findings.evaluation.figures);
  append_classes(json, findings);
  append_confusion(json, findings.evaluation.confusion);
  append_reliability(json, findings);
  if (findings.training) {
    json.key("training").begin_object().key("data").string(safe(findings.training->name));
    append_count(json, "rows", findings.training->rows);
    json.key("figures");
    append_plain_figures(json, findings.rows.kind, findings.training->figures);
    json.end_object();
  }
  append_slices(json, findings);
  append_thresholds(json, findings);
  append_comparison(json, findings);
  append_rows(json, findings);
  json.key("gates").begin_array();
  for (const Gate& gate : findings.gates) {
    json.begin_object().key("figure").string(gate.figure).key("wanted").number(gate.wanted);
    json.key("value").number(gate.value).key("passed").boolean(gate.passed()).end_object();
  }
  json.end_array().key("cautions").begin_array();
  for (const std::string& caution : eval_cautions(findings)) json.string(safe(caution));
  return json.end_array().end_object().text() + "\n";
}

}  // namespace valence::cli
