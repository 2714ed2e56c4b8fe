/// \file
/// `valence bench`: what this machine can do, and how much of it a model gets.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "valence/bench/machine.h"
#include "valence/bench/reference_peak.h"
#include "valence/cli/bench_estimate.h"
#include "valence/cli/bench_options.h"
#include "valence/cli/bench_report.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/signals.h"
#include "valence/cli/step_progress.h"
#include "valence/cli/terminal.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/kernels/dispatch.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence bench
  valence bench -m ./my-model --precision int8 --threads 4
  valence bench --json > bench.json
  valence bench --estimate -m ./my-model
  valence bench --estimate -m ./config.json --precision int8 --peak-gops 4000 --bandwidth-gbs 80 --memory-gb 8)";

// A peak, or a bandwidth, gets this share of a workload's time, and not more than so many seconds.
constexpr double kPeakShare = 0.1;
constexpr double kMostPeakSeconds = 2;
// Workloads of bench::standard_workloads().
constexpr std::size_t kWorkloads = 4;

/// Measures step by step, so that Ctrl-C ends it between two steps.
class Bench {
 public:
  Bench(const BenchOptions& options, const std::atomic<bool>& stop, bool quiet)
      : options_(options),
        stop_(stop),
        caches_(bench::data_caches()),
        peaks_(bench::runnable_peaks()),
        thread_counts_(options.threads == 1 ? std::vector<std::size_t>{1}
                                            : std::vector<std::size_t>{1, options.threads}),
        progress_(number_of_steps(), quiet),
        quiet_(quiet) {}

  /// kCancelled when the stop flag was raised.
  Result<BenchReport> run() {
    VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
    const auto cpu = kernels::identify_cpu();
    report_.cpu =
        cpu.micro_architecture.empty() ? cpu.brand : fmt::format("{} ({})", cpu.brand, cpu.micro_architecture);
    report_.isa = kernels::name(table->isa);
    report_.threads = options_.threads;
    report_.model = options_.model;
    // A wrong model is told before seconds are spent on the machine.
    VALENCE_TRY(Model model, load_model_of(options_.model));
    VALENCE_TRY(const Tokenizer tokenizer, load_tokenizer());
    report_.spec = model.spec;
    VALENCE_TRY(bench::TextMaker maker, bench::TextMaker::make(tokenizer, options_.model));
    VALENCE_TRY_STATUS(measure_machine());
    VALENCE_TRY(const auto runner, make_runner(std::move(model), {.precision = options_.precision}));
    report_.precision = runner->precision();
    report_.reference = bench::reference_peak(runner->precision(), table->isa);
    VALENCE_TRY_STATUS(measure_stages(tokenizer, *runner, maker));
    for (const std::size_t threads : thread_counts_) VALENCE_TRY_STATUS(measure_workloads(threads, maker));
    progress_.clear();
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::size_t number_of_steps() const {
    return thread_counts_.size() * (peaks_.size() + caches_.size() + 1 + kWorkloads) + kWorkloads;
  }

  Status step(std::string_view name, std::size_t threads) {
    if (stop_) return fail(ErrorCode::kCancelled, "", "stopped");
    progress_.step(threads == 1 ? fmt::format("{}, 1 thread", name) : fmt::format("{}, {} threads", name, threads));
    return {};
  }

  Result<Tokenizer> load_tokenizer() const {
    VALENCE_TRY(const auto directory, resolve_model(options_.model));
    if (directory) return valence::load_tokenizer(*directory);
    return Tokenizer::from_tokenizer_json(default_model().tokenizer_json, "built-in model");
  }

  Status measure_machine() {
    const double seconds = peak_seconds();
    for (const bench::Peak peak : peaks_) {
      PeakFigure figure{.peak = peak, .gops = {}};
      for (const std::size_t threads : thread_counts_) {
        VALENCE_TRY_STATUS(step(bench::info(peak).label, threads));
        const double gops = bench::measure_peak_gops(peak, threads, seconds);
        threads == 1 ? void(figure.gops.one = gops) : void(figure.gops.all = gops);
      }
      report_.peaks.push_back(figure);
    }
    for (std::size_t level = 0; level <= caches_.size(); ++level) {
      ReadFigure figure;
      for (const std::size_t threads : thread_counts_) {
        const bench::ReadProbe probe = bench::read_probes(caches_, threads)[level];
        VALENCE_TRY_STATUS(step("reading " + probe.level, threads));
        const double gbs = bench::measure_read_gbs(probe.bytes_per_thread, threads, seconds);
        figure.level = probe.level;
        figure.bytes_all = probe.bytes_per_thread;
        if (threads == 1) figure.bytes_one = probe.bytes_per_thread;
        threads == 1 ? void(figure.gbs.one = gbs) : void(figure.gbs.all = gbs);
      }
      report_.reads.push_back(figure);
    }
    return {};
  }

  Status measure_stages(const Tokenizer& tokenizer, const EncoderRunner& runner, bench::TextMaker& maker) {
    std::size_t longest = static_cast<std::size_t>(runner.spec().encoder.max_sequence_length());
    if (const auto own = tokenizer.model_max_length()) longest = std::min(longest, *own);
    for (const bench::Workload& workload : bench::standard_workloads(maker, longest, 1)) {
      VALENCE_TRY_STATUS(step("stages of " + workload.name, 1));
      VALENCE_TRY(const auto seconds, bench::time_stages(tokenizer, runner, workload, budget(0.5)));
      report_.stages.push_back({workload.name, seconds});
    }
    return {};
  }

  Status measure_workloads(std::size_t threads, bench::TextMaker& maker) {
    ClassifierOptions wanted;
    wanted.threads = threads;
    wanted.precision = options_.precision;
    VALENCE_TRY(const auto classifier, load_classifier(options_.model, wanted));
    if (threads == 1 && !quiet_) {
      progress_.clear();
      for (const std::string& warning : classifier->warnings()) print_warning(warning);
    }
    for (const bench::Workload& workload : bench::standard_workloads(maker, classifier->max_length(), threads)) {
      VALENCE_TRY_STATUS(step(workload.name, threads));
      WorkloadFigure figure{.name = workload.name,
                            .threads = threads,
                            .one_text = workload.texts_per_call == 1,
                            .timing = {},
                            .peak_gops = {}};
      if (report_.reference) {
        figure.peak_gops = bench::measure_peak_gops(*report_.reference, threads, peak_seconds());
      }
      VALENCE_TRY(figure.timing, bench::time_calls(*classifier, report_.spec.encoder, workload, budget(1)));
      report_.workloads.push_back(std::move(figure));
    }
    return {};
  }

  [[nodiscard]] double peak_seconds() const { return std::min(kMostPeakSeconds, kPeakShare * options_.seconds); }
  [[nodiscard]] bench::Budget budget(double share) const { return {share * options_.seconds, &stop_}; }

  const BenchOptions& options_;
  const std::atomic<bool>& stop_;
  std::vector<bench::Cache> caches_;
  std::vector<bench::Peak> peaks_;
  std::vector<std::size_t> thread_counts_;
  StepProgress progress_;
  bool quiet_;
  BenchReport report_;
};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

ExitCode run_bench(const BenchArguments& arguments, const GlobalOptions& global) {
  const auto options = interpret(arguments);
  if (!options) return failed(options.error());
  SignalWatcher signals;
  if (options->estimate) {
    const auto text = estimate_text(*options);
    if (signals.signalled()) return signals.exit_code();
    return text ? print_to_stdout(*text) : failed(text.error());
  }
  const auto report = Bench(*options, signals.stop(), global.quiet).run();
  if (signals.signalled()) return signals.exit_code();
  if (!report) return failed(report.error());
  return print_to_stdout(options->json ? to_json(*report) : to_tables(*report));
}

}  // namespace

Command add_bench(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("bench", "How fast a model is here, beside what the machine can do");
  app->footer(kExamples);
  const auto arguments = std::make_shared<BenchArguments>();
  declare_bench_options(*app, *arguments);
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return run_bench(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli
