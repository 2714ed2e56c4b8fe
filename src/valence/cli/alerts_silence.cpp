/// \file
/// `valence alerts silence`: quiet for a while. A running server takes it over within a second.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>

#include "valence/base/clock.h"
#include "valence/base/time_text.h"
#include "valence/cli/alerts_state.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence alerts silence --for 2h --comment "release day"
  valence alerts silence "negative > 10% of last 100" --stream reviews --for 30m
  valence alerts silence --end 3b9c...      # the id from `valence alerts status`)";

struct SilenceArguments {
  std::string rule;
  std::string stream;
  std::string span;
  std::string comment;
  std::string end;
};

Result<std::string> change(const SilenceArguments& arguments, const GlobalOptions& global) {
  if (arguments.end.empty() == arguments.span.empty())
    return fail(ErrorCode::kInvalidArgument, "silence", "takes either --for or --end",
                "--for 2h begins one, --end ID ends it");
  VALENCE_TRY(AlertsState state, open_alerts_state(global));
  std::string said;
  if (!arguments.end.empty()) {
    VALENCE_TRY_STATUS(state.book->unsilence(arguments.end));
    said = fmt::format("{} has ended\n", arguments.end);
  } else {
    const auto span_ms = alert::parse_duration_ms(arguments.span);
    if (!span_ms)
      return fail(ErrorCode::kInvalidArgument, "--for", fmt::format("\"{}\" is no duration", arguments.span),
                  "e.g. 30m, 2h or 7d, at most 31d");
    const std::int64_t now_ms = SystemClock().unix_ms();
    const char* const user = std::getenv("USER");
    VALENCE_TRY(const pipeline::Silence silence, state.book->silence({.id = {},
                                                                      .rule = arguments.rule,
                                                                      .stream = arguments.stream,
                                                                      .from_ms = now_ms,
                                                                      .until_ms = now_ms + *span_ms,
                                                                      .author = user == nullptr ? "" : user,
                                                                      .comment = arguments.comment}));
    said = fmt::format("{} until {}\n", silence.id, utc_text(silence.until_ms));
  }
  std::vector<alert::StateJournal::Entry> entries;
  for (const alert::AlertBook::Entry& entry : state.book->take_changes()) {
    if (entry.key.starts_with("silence")) entries.push_back({entry.key, entry.value});
  }
  VALENCE_TRY_STATUS(state.journal.put(entries));
  return said;
}

}  // namespace

Command add_alerts_silence(CLI::App& alerts) {
  CLI::App* app = alerts.add_subcommand("silence", "Begin or end a silence: alerts are judged, but not told");
  app->footer(kExamples);
  const auto arguments = std::make_shared<SilenceArguments>();
  app->add_option("rule", arguments->rule, "The name of one rule [all]")->type_name("RULE");
  app->add_option("--stream", arguments->stream, "Only of this stream [all]")->type_name("S");
  app->add_option("--for", arguments->span, "From now on for so long, e.g. 2h")->type_name("DURATION");
  app->add_option("--comment", arguments->comment, "Why, for those who find it")->type_name("TEXT");
  app->add_option("--end", arguments->end, "End the silence with this id")->type_name("ID");
  return {.app = app, .run = [arguments](const GlobalOptions& global) {
            const auto said = change(*arguments, global);
            if (said) return print_to_stdout(*said);
            print_error(said.error());
            return exit_code_for(said.error().code());
          }};
}

}  // namespace valence::cli
