/// \file
/// `valence models verify`: whether the files in the cache are still those that the hub sent.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>
#include <string>

#include "valence/cli/cached_model.h"
#include "valence/cli/command.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/hub/verify.h"

namespace valence::cli {
namespace {

struct VerifyArguments {
  std::string ref;
  bool remove_damaged = false;
};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

std::string_view word_for(hub::FileState state) {
  switch (state) {
    case hub::FileState::kGood:
      return "good";
    case hub::FileState::kDamaged:
      return "damaged";
    case hub::FileState::kMissing:
      return "missing";
    case hub::FileState::kUnreadable:
      return "unreadable";
    case hub::FileState::kUnnamed:
      return "unchecked";
  }
  return "";
}

/// A line for everything that is not good, then the sum.
std::string report_text(const hub::VerifyReport& report) {
  std::string text;
  for (const hub::VerifiedFile& file : report.files) {
    if (file.state == hub::FileState::kGood) continue;
    text += fmt::format("{:<10}  {}/{}: {}\n", word_for(file.state), data::visible(file.snapshot),
                        data::visible(file.name), data::visible(file.what));
  }
  text += fmt::format("{} files, {} hashed: {} good, {} bad", report.files.size(), file_size(report.hashed_bytes),
                      report.count(hub::FileState::kGood), report.bad());
  const std::size_t unnamed = report.count(hub::FileState::kUnnamed);
  return text + (unnamed > 0 ? fmt::format(", {} without a hash in its name\n", unnamed) : "\n");
}

/// What to type so that the bad files are fetched again.
void tell_remedy(const hub::VerifyReport& report, bool removed) {
  std::set<std::string> names;
  for (const hub::VerifiedFile& file : report.files) {
    if (file.state == hub::FileState::kDamaged || file.state == hub::FileState::kMissing) names.insert(file.snapshot);
  }
  for (const std::string& name : names) {
    print_note(removed
                   ? fmt::format("fetch what is missing with: valence models pull {}", name)
                   : fmt::format("put it right with: valence models verify {} --remove-damaged; valence models pull {}",
                                 name, name));
  }
}

ExitCode verify(const VerifyArguments& arguments, const GlobalOptions& global) {
  const auto cache = open_cache();
  if (!cache) return failed(cache.error());
  const auto snapshots = cached_snapshots(*cache, arguments.ref);
  if (!snapshots) return failed(snapshots.error());

  SignalWatcher signals;
  Progress progress(progress_style(global));
  std::uint64_t total = 0;
  for (const hub::CachedSnapshot& snapshot : *snapshots) total += snapshot.size_bytes();
  std::uint64_t done = 0;
  const auto report = hub::verify(*snapshots, [&](std::uint64_t bytes, std::string_view file) {
    done += bytes;
    progress.update(DownloadState{.file = std::string(file), .bytes_done = done, .bytes_total = total});
    return !signals.stop().load();
  });
  progress.clear();
  if (!report) return signals.signalled() ? signals.exit_code() : failed(report.error());
  if (arguments.remove_damaged) {
    std::set<std::filesystem::path> removed;
    for (const hub::VerifiedFile& file : report->files) {
      if (file.state != hub::FileState::kDamaged || !removed.insert(file.blob).second) continue;
      if (const Status gone = hub::remove_damaged(*cache, file); !gone) return failed(gone.error());
    }
  }
  if (const ExitCode printed = print_to_stdout(report_text(*report)); printed != ExitCode::kOk) return printed;
  if (report->bad() == 0) return ExitCode::kOk;
  if (!global.quiet) tell_remedy(*report, arguments.remove_damaged);
  return ExitCode::kBadInput;
}

}  // namespace

Command add_models_verify(CLI::App& models) {
  CLI::App* app = models.add_subcommand("verify", "Hash the files in the Hugging Face cache again");
  app->footer(
      "Examples:\n  valence models verify                              # the whole cache\n"
      "  valence models verify org/name\n"
      "  valence models verify org/name --remove-damaged; valence models pull org/name");
  const auto arguments = std::make_shared<VerifyArguments>();
  app->add_option("model", arguments->ref, "org/name, of which every revision is looked at, or org/name@revision [all]")
      ->type_name("REF");
  app->add_flag("--remove-damaged", arguments->remove_damaged,
                "Take damaged files out, so that pull fetches them again");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return verify(*arguments, global); }};
}

}  // namespace valence::cli
