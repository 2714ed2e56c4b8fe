#include "valence/cli/bench_options.h"

#include <CLI/CLI.hpp>

#include "valence/base/thread_pool.h"
#include "valence/cli/option_values.h"

namespace valence::cli {
namespace {

constexpr double kMaxSeconds = 3600;
constexpr double kMaxFigure = 1e9;  // of a machine: beyond any, and no overflow

Result<std::optional<double>> parse_figure(const std::string& option, const std::string& word) {
  if (word.empty()) return std::nullopt;
  VALENCE_TRY(const double figure, parse_positive(option, word, kMaxFigure));
  return figure;
}

/// Figures by hand describe a machine that is not here: nothing can be measured on it.
Status check_combinations(const BenchArguments& arguments) {
  const std::pair<const char*, const std::string*> figures[] = {{"--peak-gops", &arguments.peak_gops},
                                                                {"--bandwidth-gbs", &arguments.bandwidth_gbs},
                                                                {"--memory-gb", &arguments.memory_gb}};
  for (const auto& [option, word] : figures) {
    if (!word->empty() && !arguments.estimate) {
      return fail(ErrorCode::kInvalidArgument, option, "describes a machine to estimate for", "add --estimate");
    }
  }
  if (!arguments.peak_gops.empty() && arguments.precision == "auto") {
    return fail(ErrorCode::kInvalidArgument, "--peak-gops", "a machine has another peak for each number format",
                "say which by --precision fp32, fp16, bf16 or int8");
  }
  return {};
}

}  // namespace

void declare_bench_options(CLI::App& app, BenchArguments& arguments) {
  app.add_option("-m,--model", arguments.model, "A model directory, or `default`, the built-in model [default]")
      ->type_name("REF");
  app.add_option("--precision", arguments.precision, "auto, fp32, fp16, bf16 or int8; auto is the model's own [auto]")
      ->type_name("P");
  app.add_option("--threads", arguments.threads, "Measure with 1 and with N threads [physical cores]")->type_name("N");
  app.add_option("--seconds", arguments.seconds,
                 "Time for each workload; a tenth of it, at most 2 s, for each peak [2]")
      ->type_name("S");
  app.add_flag("--json", arguments.json, "JSON instead of tables");
  const auto estimate = "Without running the model";
  app.add_flag("--estimate", arguments.estimate, "Memory and speed by arithmetic; needs no more than config.json")
      ->group(estimate);
  app.add_option("--peak-gops", arguments.peak_gops,
                 "Of another machine: its peak for --precision, all threads together, in 1e9 op/s")
      ->type_name("G")
      ->group(estimate);
  app.add_option("--bandwidth-gbs", arguments.bandwidth_gbs,
                 "Of another machine: how fast one thread reads the weights, in GB/s")
      ->type_name("B")
      ->group(estimate);
  app.add_option("--memory-gb", arguments.memory_gb, "Of another machine: memory free for valence, in GB")
      ->type_name("M")
      ->group(estimate);
}

Result<BenchOptions> interpret(const BenchArguments& arguments) {
  VALENCE_TRY_STATUS(check_combinations(arguments));
  BenchOptions options;
  options.model = arguments.model;
  options.json = arguments.json;
  options.estimate = arguments.estimate;
  VALENCE_TRY(options.precision, parse_precision(arguments.precision));
  VALENCE_TRY(options.threads, parse_threads(arguments.threads));
  if (options.threads == 0) options.threads = usable_cores();
  VALENCE_TRY(options.seconds, parse_positive("--seconds", arguments.seconds, kMaxSeconds));
  VALENCE_TRY(options.peak_gops, parse_figure("--peak-gops", arguments.peak_gops));
  VALENCE_TRY(options.bandwidth_gbs, parse_figure("--bandwidth-gbs", arguments.bandwidth_gbs));
  VALENCE_TRY(options.memory_bytes, parse_figure("--memory-gb", arguments.memory_gb));
  if (options.memory_bytes) *options.memory_bytes *= 1e9;
  return options;
}

}  // namespace valence::cli
