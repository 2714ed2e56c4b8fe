#include "valence/cli/bench_report.h"

#include <fmt/format.h>

#include "valence/bench/percentile.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

std::string milliseconds(double seconds) { return fmt::format("{:.2f} ms", seconds * 1e3); }

/// About three significant digits, thousands set apart.
std::string rate(double per_second) {
  return per_second < 100 ? fmt::format("{:.1f}", per_second) : with_thousands(static_cast<std::uint64_t>(per_second));
}

std::string threads_word(std::size_t threads) { return threads == 1 ? "1 thread" : fmt::format("{} threads", threads); }

std::string optional_cell(const std::optional<double>& value) { return value ? fmt::format("{:.1f}", *value) : ""; }

std::string machine_tables(const BenchReport& report) {
  const std::string all = report.threads > 1 ? threads_word(report.threads) : "";
  std::string text = fmt::format("{}; kernels {}\n", data::visible(report.cpu), report.isa);
  text += fmt::format("\n{:<26} {:>10} {:>10}\n", "peak, Gop/s", "1 thread", all);
  for (const PeakFigure& peak : report.peaks) {
    text += fmt::format("{:<26} {:>10.1f} {:>10}\n", bench::info(peak.peak).label, peak.gops.one,
                        optional_cell(peak.gops.all));
  }
  text += fmt::format("\n{:<26} {:>10} {:>10}\n", "read, GB/s", "1 thread", all);
  for (const ReadFigure& read : report.reads) {
    text += fmt::format("{:<26} {:>10.1f} {:>10}\n", fmt::format("{}, {}", read.level, binary_size(read.bytes_one)),
                        read.gbs.one, optional_cell(read.gbs.all));
  }
  return text;
}

std::string workload_table(const BenchReport& report) {
  std::string text = fmt::format("\n{:<34} {:>10} {:>10} {:>9} {:>10} {:>8}\n", "text in, label out", "p50", "p99",
                                 "texts/s", "tokens/s", "of peak");
  for (const WorkloadFigure& figure : report.workloads) {
    const bench::Timing& timing = figure.timing;
    const auto cell = [&](double percent) {
      return figure.one_text ? milliseconds(bench::percentile(timing.call_seconds, percent)) : "";
    };
    const auto share = figure.percent_of_peak();
    text += fmt::format(
        "{:<34} {:>10} {:>10} {:>9} {:>10} {:>8}\n", fmt::format("{}, {}", figure.name, threads_word(figure.threads)),
        cell(50), cell(99), rate(static_cast<double>(timing.texts) / timing.seconds),
        rate(static_cast<double>(timing.tokens) / timing.seconds), share ? fmt::format("{:.1f} %", *share) : "-");
  }
  if (report.reference) {
    text += fmt::format("of peak: work done, as a share of {} on as many threads, measured beside it\n",
                        bench::info(*report.reference).label);
  }
  return text;
}

std::string stage_table(const BenchReport& report) {
  std::string text = fmt::format("\n{:<34} {:>10} {:>8} {:>8} {:>10} {:>8}\n", "where the time goes, 1 thread",
                                 "tokenize", "embed", "gemm", "attention", "rest");
  for (const StageFigure& figure : report.stages) {
    const bench::StageSeconds& s = figure.seconds;
    const auto percent = [&](double part) { return fmt::format("{:.1f} %", s.total > 0 ? 100 * part / s.total : 0); };
    text += fmt::format("{:<34} {:>10} {:>8} {:>8} {:>10} {:>8}\n", figure.workload, percent(s.tokenize),
                        percent(s.embed), percent(s.gemm), percent(s.attention), percent(s.rest));
  }
  return text;
}

void write_one_and_all(JsonWriter& json, const OneAndAll& figure) {
  json.value("one_thread", figure.one);
  figure.all ? json.value("all_threads", *figure.all) : json.null("all_threads");
}

void write_optional(JsonWriter& json, std::string_view key, const std::optional<double>& figure) {
  figure ? json.value(key, *figure) : json.null(key);
}

void write_machine(JsonWriter& json, const BenchReport& report) {
  json.open_object("machine");
  json.value("cpu", report.cpu);
  json.value("isa", report.isa);
  json.value("threads", report.threads);
  json.close();
  json.open_array("peaks_gops");
  for (const PeakFigure& peak : report.peaks) {
    json.open_object();
    json.value("name", bench::info(peak.peak).name);
    json.value("label", bench::info(peak.peak).label);
    write_one_and_all(json, peak.gops);
    json.close();
  }
  json.close();
  json.open_array("read_gbs");
  for (const ReadFigure& read : report.reads) {
    json.open_object();
    json.value("level", read.level);
    json.value("one_thread_bytes", read.bytes_one);
    json.value("all_threads_bytes_each", read.bytes_all);
    write_one_and_all(json, read.gbs);
    json.close();
  }
  json.close();
}

void write_workload(JsonWriter& json, const WorkloadFigure& figure) {
  const bench::Timing& timing = figure.timing;
  json.open_object();
  json.value("name", figure.name);
  json.value("threads", figure.threads);
  json.value("calls", timing.call_seconds.size());
  json.value("texts_per_call", timing.texts / timing.call_seconds.size());
  json.value("texts", timing.texts);
  json.value("tokens", timing.tokens);
  json.value("seconds", timing.seconds);
  json.value("call_p50_ms", 1e3 * bench::percentile(timing.call_seconds, 50));
  json.value("call_p99_ms", 1e3 * bench::percentile(timing.call_seconds, 99));
  json.value("texts_per_second", static_cast<double>(timing.texts) / timing.seconds);
  json.value("tokens_per_second", static_cast<double>(timing.tokens) / timing.seconds);
  json.value("gflop_done", timing.done_gflop);
  json.value("gflop_nominal", timing.nominal_gflop);
  write_optional(json, "peak_gops", figure.peak_gops);
  write_optional(json, "percent_of_peak", figure.percent_of_peak());
  write_optional(json, "percent_of_peak_nominal", figure.percent_of_peak_nominal());
  json.close();
}

void write_stages(JsonWriter& json, const StageFigure& figure) {
  const bench::StageSeconds& s = figure.seconds;
  json.open_object();
  json.value("workload", figure.workload);
  json.value("seconds", s.total);
  json.open_object("share");
  const auto share = [&](std::string_view key, double part) { json.value(key, s.total > 0 ? part / s.total : 0.0); };
  share("tokenize", s.tokenize);
  share("embed", s.embed);
  share("gemm", s.gemm);
  share("attention", s.attention);
  share("rest", s.rest);
  json.close();
  json.close();
}

std::optional<double> percent(double gflop, const WorkloadFigure& figure) {
  if (!figure.peak_gops) return std::nullopt;
  return 100 * gflop / figure.timing.seconds / *figure.peak_gops;
}

}  // namespace

std::optional<double> WorkloadFigure::percent_of_peak() const { return percent(timing.done_gflop, *this); }
std::optional<double> WorkloadFigure::percent_of_peak_nominal() const { return percent(timing.nominal_gflop, *this); }

std::string to_tables(const BenchReport& report) {
  const EncoderSpec& encoder = report.spec.encoder;
  return machine_tables(report) +
         fmt::format("\nmodel {}: {}, {} layers of {}, in {}\n", data::visible(report.model), report.spec.model_type,
                     encoder.num_hidden_layers, encoder.hidden_size, name(report.precision)) +
         workload_table(report) + stage_table(report);
}

std::string to_json(const BenchReport& report) {
  JsonWriter json;
  json.open_object();
  json.value("valence", VALENCE_VERSION);
  write_machine(json, report);
  json.open_object("model");
  json.value("ref", report.model);
  json.value("model_type", report.spec.model_type);
  json.value("num_hidden_layers", static_cast<std::uint64_t>(report.spec.encoder.num_hidden_layers));
  json.value("hidden_size", static_cast<std::uint64_t>(report.spec.encoder.hidden_size));
  json.value("precision", name(report.precision));
  report.reference ? json.value("reference_peak", bench::info(*report.reference).name) : json.null("reference_peak");
  json.close();
  json.open_array("workloads");
  for (const WorkloadFigure& figure : report.workloads) write_workload(json, figure);
  json.close();
  json.open_array("stages");
  for (const StageFigure& figure : report.stages) write_stages(json, figure);
  json.close();
  json.close();
  return json.text();
}

}  // namespace valence::cli
