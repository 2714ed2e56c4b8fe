#include "valence/cli/quantize_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "valence/base/json_text.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kTableFlips = 8;
constexpr std::size_t kJsonFlips = 50;
constexpr std::size_t kExcerptColumns = 160;
constexpr std::size_t kLabelColumns = 24;
constexpr std::size_t kBarColumns = 20;
// A part whose int8 form alone moves the logits this far is worth a word. Layers without outliers stay near 1 %.
constexpr double kNotableLogitError = 0.1;

double points(double share) { return 100 * share; }

std::string label_name(const QuantizeFindings& findings, std::int32_t label_id) {
  if (label_id == kNoAnswer) return "(no answer)";
  return data::shown(findings.spec.head.labels[static_cast<std::size_t>(label_id)], kLabelColumns);
}

std::string padded(const std::string& text, std::size_t columns) {
  const std::size_t width = data::display_width(text);
  return text + std::string(columns > width ? columns - width : 0, ' ');
}

std::string part_name(std::int64_t layer) {
  return layer == kEmbeddingsAndHead ? std::string("embeddings, head") : fmt::format("layer {}", layer);
}

std::string bar(double share, bool unicode) {
  const auto filled = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarColumns));
  std::string text;
  for (std::size_t i = 0; i < filled; ++i) text += unicode ? "█" : "#";
  return text;
}

std::string p_value(const McNemar& test) {
  return fmt::format("McNemar p = {:.3g} ({})", test.p_value,
                     test.is_exact ? "exact binomial" : "chi-squared, continuity corrected");
}

std::string loss_sentence(const Comparison& comparison) {
  return fmt::format("{:.2f} points (95 % interval {:.2f} to {:.2f})", points(comparison.accuracy_loss()),
                     points(comparison.loss.low), points(comparison.loss.high));
}

double loss_of(const QuantizeFindings& findings, const LayerScore& score) {
  const PairedCounts& counts = findings.measured.all_int8.counts;
  return points((static_cast<double>(counts.first_right()) - static_cast<double>(score.right)) /
                static_cast<double>(counts.rows()));
}

std::string kept_sentence(const QuantizeFindings& findings) {
  const auto& kept = findings.measured.search.kept;
  const std::int64_t layers = findings.spec.encoder.num_hidden_layers;
  if (kept.empty()) return fmt::format("all {} layers int8", layers);
  return fmt::format("{} of {} layers int8, kept: {}", layers - static_cast<std::int64_t>(kept.size()), layers,
                     fmt::join(kept, ", "));
}

void append_accuracy(std::string& out, const QuantizeFindings& findings) {
  const Comparison& chosen = findings.measured.chosen;
  const PairedCounts& counts = chosen.counts;
  const auto line = [&](std::string_view name, std::uint64_t right, const Interval& interval) {
    out += fmt::format("  {:<5} accuracy {:6.2f} %   95 % interval {:6.2f} to {:6.2f}   {} of {} rows right\n", name,
                       points(static_cast<double>(right) / static_cast<double>(counts.rows())), points(interval.low),
                       points(interval.high), with_thousands(right), with_thousands(counts.rows()));
  };
  line("f32", counts.first_right(), chosen.first_accuracy);
  line("int8", counts.second_right(), chosen.second_accuracy);
  out += fmt::format("  loss  {}; {}\n", loss_sentence(chosen), p_value(chosen.mcnemar));
  out += fmt::format("        right in f32 only: {}, right in int8 only: {}\n", with_thousands(counts.only_first_right),
                     with_thousands(counts.only_second_right));
  out += fmt::format("  labels equal on {:.2f} % of the rows, logits off by {:.2f} % (root mean square)\n",
                     points(static_cast<double>(chosen.equal_labels) / static_cast<double>(counts.rows())),
                     points(chosen.logit_error));
}

void append_classes(std::string& out, const QuantizeFindings& findings) {
  std::size_t width = 5;
  for (std::size_t id = 0; id < findings.spec.head.labels.size(); ++id) {
    width = std::max(width, data::display_width(label_name(findings, static_cast<std::int32_t>(id))));
  }
  out += fmt::format("\n  {}     rows   {:<22} {:<22} {}\n", std::string(width, ' '), "recall", "precision", "F1");
  out += fmt::format("  {}          ", padded("class", width));
  for (int i = 0; i < 3; ++i) out += "   f32   int8  change  ";
  out += '\n';
  for (std::size_t id = 0; id < findings.measured.chosen.classes.size(); ++id) {
    const ClassChange& change = findings.measured.chosen.classes[id];
    out += fmt::format("  {} {:>8}  ", padded(label_name(findings, static_cast<std::int32_t>(id)), width),
                       with_thousands(change.support));
    const auto pair = [&out](double f32, double int8) {
      out += fmt::format("{:6.1f} {:6.1f} {:+7.2f}  ", points(f32), points(int8), points(int8 - f32));
    };
    pair(change.recall(change.first), change.recall(change.second));
    pair(change.precision(change.first), change.precision(change.second));
    pair(change.f1(change.first), change.f1(change.second));
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
}

void append_sensitivity(std::string& out, const QuantizeFindings& findings, bool unicode) {
  const auto& parts = findings.measured.sensitivity;
  double largest = 0;
  for (const PartSensitivity& part : parts) largest = std::max(largest, part.logit_error);
  out += fmt::format("\n  {:<38} logits off   labels equal\n",
                     fmt::format("one part alone in int8, {} rows", with_thousands(findings.measured.sample_rows)));
  for (const PartSensitivity& part : parts) {
    out += fmt::format(
        "  {:<16} {} {:7.2f} %      {:6.2f} %\n", part_name(part.layer),
        padded(bar(largest == 0 ? 0 : part.logit_error / largest, unicode), kBarColumns), points(part.logit_error),
        points(static_cast<double>(part.equal_labels) / static_cast<double>(findings.measured.sample_rows)));
  }
}

void append_search(std::string& out, const QuantizeFindings& findings) {
  const auto& measured = findings.measured;
  if (measured.search.steps.empty()) return;
  out += fmt::format("\n  every layer in int8: loss {}\n", loss_sentence(measured.all_int8));
  for (const SearchStep& step : measured.search.steps) {
    std::vector<std::string> tried;
    for (const LayerTrial& trial : step.trials) {
      tried.push_back(fmt::format("{}: {:.2f}", trial.layer, loss_of(findings, trial.score)));
    }
    out += fmt::format("  keep layer {}: loss {:.2f} points   (tried {})\n", step.chosen.layer,
                       loss_of(findings, step.chosen.score), fmt::join(tried, ", "));
  }
}

void append_flips(std::string& out, const QuantizeFindings& findings, std::size_t columns, bool unicode) {
  const auto& flips = findings.measured.chosen.flips;
  if (flips.empty()) return;
  const std::size_t shown = std::min(kTableFlips, flips.size());
  out +=
      fmt::format("\n  {} of {} rows with another label in int8, worst first\n", shown, with_thousands(flips.size()));
  for (const Flip& flip : std::span(flips).first(shown)) {
    out += fmt::format("  line {}, {}: f32 {} {:.3f}, int8 {} {:.3f}\n    {}\n", findings.rows.lines[flip.row],
                       label_name(findings, flip.truth), label_name(findings, flip.first.label_id), flip.first.score,
                       label_name(findings, flip.second.label_id), flip.second.score,
                       data::shown(findings.rows.texts[flip.row], columns > 8 ? columns - 4 : 4, unicode));
  }
}

void append_interval(JsonText& json, const Interval& interval) {
  json.begin_array().number(points(interval.low)).number(points(interval.high)).end_array();
}

void append_model(JsonText& json, std::string_view name, const PairedCounts& counts, std::uint64_t right,
                  const Interval& interval) {
  json.key(name).begin_object();
  json.key("right").integer(static_cast<std::int64_t>(right));
  json.key("accuracy").number(points(static_cast<double>(right) / static_cast<double>(counts.rows())));
  json.key("accuracy_interval_95");
  append_interval(json, interval);
  json.end_object();
}

void append_class(JsonText& json, const ClassChange& change, const std::string& label) {
  json.begin_object().key("label").string(label);
  json.key("rows").integer(static_cast<std::int64_t>(change.support));
  const auto side = [&](std::string_view name, const ClassCounts& counts) {
    json.key(name).begin_object();
    json.key("recall").number(points(change.recall(counts)));
    json.key("precision").number(points(change.precision(counts)));
    json.key("f1").number(points(change.f1(counts))).end_object();
  };
  side("f32", change.first);
  side("int8", change.second);
  json.end_object();
}

void append_comparison(JsonText& json, const QuantizeFindings& findings, const Comparison& comparison) {
  const PairedCounts& counts = comparison.counts;
  json.begin_object();
  append_model(json, "f32", counts, counts.first_right(), comparison.first_accuracy);
  append_model(json, "int8", counts, counts.second_right(), comparison.second_accuracy);
  json.key("loss_points").number(points(comparison.accuracy_loss()));
  json.key("loss_interval_95");
  append_interval(json, comparison.loss);
  json.key("right_in_f32_only").integer(static_cast<std::int64_t>(counts.only_first_right));
  json.key("right_in_int8_only").integer(static_cast<std::int64_t>(counts.only_second_right));
  json.key("mcnemar").begin_object();
  json.key("test").string(comparison.mcnemar.is_exact ? "exact binomial" : "chi-squared, continuity corrected");
  json.key("statistic").number(comparison.mcnemar.statistic);
  json.key("p_value").number(comparison.mcnemar.p_value).end_object();
  json.key("labels_equal_percent")
      .number(points(static_cast<double>(comparison.equal_labels) / static_cast<double>(counts.rows())));
  json.key("logit_error_percent").number(points(comparison.logit_error));
  json.key("classes").begin_array();
  for (std::size_t id = 0; id < comparison.classes.size(); ++id) {
    append_class(json, comparison.classes[id], findings.spec.head.labels[id]);
  }
  json.end_array().end_object();
}

void append_search(JsonText& json, const QuantizeFindings& findings) {
  json.key("search").begin_array();
  for (const SearchStep& step : findings.measured.search.steps) {
    json.begin_object().key("kept").integer(step.chosen.layer);
    json.key("loss_points").number(loss_of(findings, step.chosen.score));
    json.key("tried").begin_array();
    for (const LayerTrial& trial : step.trials) {
      json.begin_object().key("layer").integer(trial.layer);
      json.key("loss_points").number(loss_of(findings, trial.score));
      json.key("logit_error_percent").number(points(trial.score.logit_error)).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

void append_sensitivity(JsonText& json, const QuantizeFindings& findings) {
  json.key("sensitivity").begin_object();
  json.key("rows").integer(static_cast<std::int64_t>(findings.measured.sample_rows));
  json.key("parts").begin_array();
  for (const PartSensitivity& part : findings.measured.sensitivity) {
    json.begin_object().key("part").string(part_name(part.layer));
    json.key("logit_error_percent").number(points(part.logit_error));
    json.key("labels_equal").integer(static_cast<std::int64_t>(part.equal_labels)).end_object();
  }
  json.end_array().end_object();
}

void append_flips(JsonText& json, const QuantizeFindings& findings, Excerpts excerpts) {
  const auto& flips = findings.measured.chosen.flips;
  json.key("flips").integer(static_cast<std::int64_t>(flips.size()));
  json.key("worst_flips").begin_array();
  const auto answer = [&](std::string_view name, const Answer& given) {
    json.key(name).begin_object().key("label");
    if (given.label_id == kNoAnswer) {
      json.null();
    } else {
      json.string(findings.spec.head.labels[static_cast<std::size_t>(given.label_id)]);
    }
    json.key("score").number(given.score).end_object();
  };
  for (const Flip& flip : std::span(flips).first(std::min(kJsonFlips, flips.size()))) {
    json.begin_object().key("line").integer(static_cast<std::int64_t>(findings.rows.lines[flip.row]));
    json.key("label").string(findings.spec.head.labels[static_cast<std::size_t>(flip.truth)]);
    answer("f32", flip.first);
    answer("int8", flip.second);
    if (excerpts == Excerpts::kShown) {
      json.key("text").string(data::shown(findings.rows.texts[flip.row], kExcerptColumns));
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::vector<std::string> quantize_cautions(const QuantizeFindings& findings) {
  std::vector<std::string> cautions;
  const Comparison& chosen = findings.measured.chosen;
  const std::uint64_t rows = chosen.counts.rows();
  if (points(chosen.loss.high) > findings.max_loss_points) {
    cautions.push_back(fmt::format(
        "{} row{} cannot rule out a loss of more than {:g} point{}: the interval reaches {:.2f}; more labelled rows "
        "narrow it",
        with_thousands(rows), rows == 1 ? "" : "s", findings.max_loss_points, findings.max_loss_points == 1 ? "" : "s",
        points(chosen.loss.high)));
  }
  if (!findings.rows.unseen.empty()) {
    cautions.push_back(fmt::format("no row carries the label{} {}: what int8 does to {} is not measured",
                                   findings.rows.unseen.size() == 1 ? "" : "s", fmt::join(findings.rows.unseen, ", "),
                                   findings.rows.unseen.size() == 1 ? "it" : "them"));
  }
  for (const PartSensitivity& part : findings.measured.sensitivity) {
    const auto& kept = findings.measured.search.kept;
    if (part.logit_error <= kNotableLogitError || std::ranges::find(kept, part.layer) != kept.end()) continue;
    cautions.push_back(
        fmt::format("{} alone in int8 moves the logits by {:.1f} %: its activations or weights have "
                    "outliers that leave the rest few steps",
                    part_name(part.layer), points(part.logit_error)));
  }
  return cautions;
}

std::string quantize_table(const QuantizeFindings& findings, std::size_t columns, bool unicode) {
  const auto& measured = findings.measured;
  std::string out = fmt::format("{} in int8, measured on {}\n\n", data::shown(findings.source, kExcerptColumns),
                                data::shown(findings.rows.file, kExcerptColumns));
  append_accuracy(out, findings);
  append_classes(out, findings);
  append_sensitivity(out, findings, unicode);
  append_search(out, findings);
  append_flips(out, findings, columns, unicode);
  out += fmt::format("\n  {}; weights {} -> {} ({:.1f} %)\n", kept_sentence(findings), megabytes(findings.source_bytes),
                     megabytes(findings.stored_bytes),
                     100 * static_cast<double>(findings.stored_bytes) / static_cast<double>(findings.source_bytes));
  out += fmt::format("  {}: the loss of {:.2f} points is {} than --max-loss {:g}\n",
                     measured.passed ? "passed" : "MISSED", points(measured.chosen.accuracy_loss()),
                     measured.passed ? "not more" : "more", findings.max_loss_points);
  return out;
}

std::string quantize_json(const QuantizeFindings& findings, Excerpts excerpts) {
  const auto& measured = findings.measured;
  JsonText json;
  json.begin_object().key("source").string(findings.source);
  json.key("created").string(findings.created);
  json.key("valence_version").string(VALENCE_VERSION);
  json.key("rows").integer(static_cast<std::int64_t>(measured.chosen.counts.rows()));
  json.key("failed_rows").integer(static_cast<std::int64_t>(measured.failed.size() + findings.rows.failed.size()));
  json.key("max_loss_points").number(findings.max_loss_points);
  json.key("passed").boolean(measured.passed);
  json.key("size_bytes").begin_object().key("source").integer(static_cast<std::int64_t>(findings.source_bytes));
  json.key("int8").integer(static_cast<std::int64_t>(findings.stored_bytes)).end_object();
  json.key("kept_layers").begin_array();
  for (const std::int64_t layer : measured.search.kept) json.integer(layer);
  json.end_array().key("measured");
  append_comparison(json, findings, measured.chosen);
  json.key("every_layer_int8");
  append_comparison(json, findings, measured.all_int8);
  append_search(json, findings);
  append_sensitivity(json, findings);
  append_flips(json, findings, excerpts);
  json.key("cautions").begin_array();
  for (const std::string& caution : quantize_cautions(findings)) json.string(caution);
  return json.end_array().end_object().text() + "\n";
}

SafetensorsMetadata quantize_metadata(const QuantizeFindings& findings) {
  const Comparison& chosen = findings.measured.chosen;
  const PairedCounts& counts = chosen.counts;
  return {{"format", "pt"},
          {"quantization", "int8 per output row, symmetric"},
          {"source", findings.source},
          {"created", findings.created},
          {"valence_version", VALENCE_VERSION},
          {"kept_layers", fmt::format("{}", fmt::join(findings.measured.search.kept, ","))},
          {"measured_rows", std::to_string(counts.rows())},
          {"accuracy_f32", fmt::format("{}/{}", counts.first_right(), counts.rows())},
          {"accuracy_int8", fmt::format("{}/{}", counts.second_right(), counts.rows())},
          {"labels_equal", fmt::format("{}/{}", chosen.equal_labels, counts.rows())}};
}

}  // namespace valence::cli
