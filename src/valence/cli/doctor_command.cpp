/// \file
/// `valence doctor`: which kernels run here and why, and whether all is well.
#include <CLI/CLI.hpp>
#include <memory>

#include "valence/cli/command.h"
#include "valence/cli/diagnosis.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence doctor
  valence doctor --json
  VALENCE_ISA=avx2 valence doctor)";

ExitCode doctor(bool as_json) {
  const Diagnosis diagnosis = diagnose();
  const ExitCode printed = print_to_stdout(as_json ? to_json(diagnosis) : to_text(diagnosis));
  if (printed != ExitCode::kOk) return printed;
  for (const Error& problem : diagnosis.problems) print_error(problem);
  return exit_code_of(diagnosis);
}

}  // namespace

Command add_doctor(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("doctor", "Which kernels run on this machine and why; whether all is well");
  app->footer(kExamples);
  const auto json = std::make_shared<bool>(false);
  app->add_flag("--json", *json, "JSON instead of text");
  return {.app = app, .run = [json](const GlobalOptions&) { return doctor(*json); }};
}

}  // namespace valence::cli
