/// \file
/// `valence models pull`: a model from the Hugging Face hub into the cache.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "valence/cli/cached_model.h"
#include "valence/cli/command.h"
#include "valence/cli/option_values.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/hub/pull.h"
#include "valence/tensor/safetensors_reader.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr auto kExamples =
    "Examples:\n  valence models pull distilbert/distilbert-base-uncased-finetuned-sst-2-english\n"
    "  valence models pull org/name@v2 --dry-run                 # what would be fetched\n"
    "  HF_TOKEN=hf_... valence models pull org/private-model\n"
    "  valence models pull org/name --format gguf --include '*q8_0.gguf'\n"
    "  valence classify -m org/name reviews.csv                  # afterwards, also without a network";

constexpr std::array<Choice<hub::WeightFormat>, 3> kFormats{{{"safetensors", hub::WeightFormat::kSafetensors},
                                                             {"onnx", hub::WeightFormat::kOnnx},
                                                             {"gguf", hub::WeightFormat::kGguf}}};

constexpr std::size_t kMaxPatienceSeconds = 7 * 24 * 3600;

struct PullArguments {
  std::string ref;
  std::string format = "safetensors";
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string retry_for;
  bool dry_run = false;
};

struct PullRun {
  hub::RepoRef ref;
  hub::ChoiceOptions choice;
  std::optional<seconds> patience;  ///< the client's own without
  hub::HubSettings settings;
};

/// The way out of a repository that has only pickled weights: as for a directory, but from the hub's name.
std::string pickle_remedy(const std::string& repo) {
  std::string hint = kPickleConversionHint;
  constexpr std::string_view kFrom = "from_pretrained('DIR')";
  if (const auto at = hint.find(kFrom); at != std::string::npos) {
    hint.replace(at, kFrom.size(), fmt::format("from_pretrained('{}')", repo));
  }
  return hint;
}

Result<PullRun> interpret(const PullArguments& arguments) {
  PullRun run;
  VALENCE_TRY(run.ref, hub::parse_repo_ref(arguments.ref));
  VALENCE_TRY(run.choice.format, choose("--format", arguments.format, kFormats));
  run.choice.include = arguments.include;
  run.choice.exclude = arguments.exclude;
  run.choice.pickle_remedy = pickle_remedy(run.ref.repo);
  if (arguments.retry_for == "0") {
    run.patience = seconds(0);
  } else if (!arguments.retry_for.empty()) {
    VALENCE_TRY(const std::size_t count, parse_count("--retry-for", arguments.retry_for, kMaxPatienceSeconds));
    run.patience = seconds(count);
  }
  VALENCE_TRY(run.settings, hub::read_settings(hub::process_environment));
  if (run.settings.offline) {
    return fail(ErrorCode::kInvalidArgument, "HF_HUB_OFFLINE", "is set, so nothing is fetched",
                "unset it; models in the cache work without fetching: valence models list");
  }
  return run;
}

Result<hub::HubClient> connect(const PullRun& run, const GlobalOptions& global, SignalWatcher& signals,
                               Progress& progress) {
  hub::HubClientOptions options{.user_agent = fmt::format("valence/{}", VALENCE_VERSION),
                                .stop = &signals.stop(),
                                .note = [&progress, quiet = global.quiet](const std::string& text) {
                                  progress.clear();
                                  if (!quiet) print_note(text);
                                }};
  if (run.patience) {
    options.patience = *run.patience;
    options.first_contact.reset();
  }
  return hub::HubClient::create(run.settings, std::move(options));
}

std::string plan_text(const hub::PullPlan& plan) {
  std::string text = fmt::format("{} at commit {}\n", plan.ref.repo, plan.commit);
  for (const hub::PlannedFile& planned : plan.files) {
    std::string state = "to fetch";
    if (planned.is_cached) state = "in the cache";
    if (planned.partial_bytes > 0) state = fmt::format("to fetch, {} are here", file_size(planned.partial_bytes));
    text += fmt::format("{:>12}  {}  ({})\n", file_size(planned.file.size_bytes.value_or(0)),
                        data::visible(planned.file.name), state);
  }
  return text +
         fmt::format("{:>12}  to fetch, of {}\n", file_size(plan.missing_bytes()), file_size(plan.total_bytes()));
}

/// Whether what was fetched can label anything: better said now than at its first use.
void tell_whether_it_runs(const fs::path& snapshot, const std::string& ref) {
  const ModelTraits traits = examine_model(snapshot);
  if (!traits.refusal) return print_note(fmt::format("use it with: valence classify -m {}", ref));
  print_warning(
      fmt::format("it is in the cache, but valence cannot classify with it: {}", traits.refusal->to_string()));
}

ExitCode failed(const Error& error, const SignalWatcher& signals, const PullArguments& arguments) {
  if (signals.signalled()) {
    print_note(
        fmt::format("stopped; what has arrived is kept: `valence models pull {}` goes on from there", arguments.ref));
    return signals.exit_code();
  }
  print_error(error);
  return exit_code_for(error.code());
}

ExitCode pull(const PullArguments& arguments, const GlobalOptions& global) {
  const auto run = interpret(arguments);
  if (!run) {
    print_error(run.error());
    return exit_code_for(run.error().code());
  }
  SignalWatcher signals;
  Progress progress(progress_style(global));
  auto client = connect(*run, global, signals, progress);
  if (!client) return failed(client.error(), signals, arguments);
  const hub::HubCache cache(run->settings.cache_dir);
  const auto plan = hub::plan_pull(*client, cache, run->ref, run->choice);
  if (!plan) return failed(plan.error(), signals, arguments);
  if (arguments.dry_run) return print_to_stdout(plan_text(*plan));

  const std::uint64_t before = plan->total_bytes() - plan->missing_bytes();
  const hub::PullEvents events{.progress =
                                   [&](std::uint64_t done, std::string_view file) {
                                     progress.update(DownloadState{.file = std::string(file),
                                                                   .bytes_before = before,
                                                                   .bytes_done = done,
                                                                   .bytes_total = plan->total_bytes()});
                                   },
                               .note =
                                   [&](const std::string& text) {
                                     progress.clear();
                                     if (!global.quiet) print_note(text);
                                   }};
  const auto snapshot = hub::fetch(*client, cache, *plan, &signals.stop(), events);
  progress.clear();
  if (!snapshot) return failed(snapshot.error(), signals, arguments);
  if (!global.quiet) {
    print_note(fmt::format("{}: {} files, {} ({} fetched), commit {}", arguments.ref, plan->files.size(),
                           file_size(plan->total_bytes()), file_size(plan->missing_bytes()), plan->commit));
    if (arguments.include.empty()) tell_whether_it_runs(*snapshot, arguments.ref);
  }
  return print_to_stdout(snapshot->string() + "\n");
}

}  // namespace

Command add_models_pull(CLI::App& models) {
  CLI::App* app = models.add_subcommand("pull", "Fetch a model from the Hugging Face hub into the cache");
  app->footer(kExamples);
  const auto arguments = std::make_shared<PullArguments>();
  app->add_option("model", arguments->ref, "org/name or org/name@revision: a branch, tag or commit [main]")
      ->type_name("REF")
      ->required();
  app->add_option("--format", arguments->format, "Weights to fetch: safetensors, onnx or gguf [safetensors]")
      ->type_name("F");
  app->add_option("--include", arguments->include, "Fetch the files that match instead, e.g. '*.json'; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--exclude", arguments->exclude, "Leave out files that match; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option(
         "--retry-for", arguments->retry_for,
         "Seconds to go on trying while nothing arrives; 0: one attempt [300; 10 until something has answered]")
      ->type_name("SECONDS");
  app->add_flag("--dry-run", arguments->dry_run, "List the files and sizes, fetch nothing");
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return pull(*arguments, global); },
          .check =
              [arguments] {
                PullArguments with_a_name = *arguments;  // a configuration has none
                with_a_name.ref = "org/name";
                return outcome_of(interpret(with_a_name));
              }};
}

}  // namespace valence::cli
