/// \file
/// `valence models rm`: a model out of the cache.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "valence/cli/cached_model.h"
#include "valence/cli/command.h"
#include "valence/cli/confirm.h"
#include "valence/cli/quantities.h"
#include "valence/cli/terminal.h"
#include "valence/hub/remove.h"

namespace valence::cli {
namespace {

struct RemoveArguments {
  std::string ref;
  bool yes = false;
  bool dry_run = false;
};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

std::string plan_text(const hub::RemovalPlan& plan) {
  std::string text;
  for (const hub::CachedSnapshot& snapshot : plan.snapshots) {
    text += fmt::format("{}  commit {}, {} files\n", snapshot.name(), snapshot.commit, snapshot.files.size());
  }
  if (plan.snapshots.empty()) text += fmt::format("{}  unfinished downloads\n", plan.repo);
  return text + fmt::format("{} to be freed\n", file_size(plan.freed_bytes));
}

ExitCode remove(const RemoveArguments& arguments, const GlobalOptions& global) {
  const auto cache = open_cache();
  if (!cache) return failed(cache.error());
  const auto ref = hub::parse_repo_ref(arguments.ref);
  if (!ref) return failed(ref.error());
  const bool only_revision = arguments.ref.find('@') != std::string::npos;
  const auto plan = hub::plan_removal(*cache, *ref, only_revision);
  if (!plan) return failed(plan.error());
  if (arguments.dry_run) return print_to_stdout(plan_text(*plan));
  if (const auto code = refused(arguments.yes, arguments.ref, plan_text(*plan), "Remove it?")) return *code;
  if (const Status removed = hub::remove(*cache, *plan); !removed) return failed(removed.error());
  if (!global.quiet) print_note(fmt::format("{}: removed, {} freed", arguments.ref, file_size(plan->freed_bytes)));
  return ExitCode::kOk;
}

}  // namespace

Command add_models_rm(CLI::App& models) {
  CLI::App* app = models.add_subcommand("rm", "Remove a model from the Hugging Face cache");
  app->footer(
      "Examples:\n  valence models rm org/name --dry-run\n  valence models rm org/name@v1       # this revision only\n"
      "  valence models rm org/name --yes    # without asking");
  const auto arguments = std::make_shared<RemoveArguments>();
  app->add_option("model", arguments->ref, "org/name, all revisions of it, or org/name@revision")
      ->type_name("REF")
      ->required();
  app->add_flag("--yes", arguments->yes, "Do not ask");
  app->add_flag("--dry-run", arguments->dry_run, "Show what would go, remove nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return remove(*arguments, global); }};
}

}  // namespace valence::cli
