#include "valence/cli/history_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "valence/base/clock.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

const SystemClock kClock;

std::optional<std::string> given(const std::string& word) { return word.empty() ? std::nullopt : std::optional(word); }

Result<std::optional<float>> parse_score(const std::string& option, const std::string& word) {
  if (word.empty()) return std::optional<float>();
  float score = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), score);
  if (failed != std::errc() || end != word.data() + word.size() || !std::isfinite(score)) {
    return fail(ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is no number", word), "e.g. 0.8");
  }
  return std::optional(score);
}

/// "30d" as milliseconds.
std::optional<std::int64_t> parse_span_ms(const std::string& word) {
  constexpr std::int64_t kLongest = 100'000;
  std::int64_t count = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (failed != std::errc() || end + 1 != word.data() + word.size() || count < 0 || count > kLongest)
    return std::nullopt;
  switch (*end) {
    case 'm':
      return count * 60'000;
    case 'h':
      return count * 3'600'000;
    case 'd':
      return count * 86'400'000;
    case 'w':
      return count * 7 * 86'400'000;
    default:
      return std::nullopt;
  }
}

}  // namespace

void declare_history_place(CLI::App& app, std::string& place) {
  app.add_option("--history-db", place,
                 "The history: a file, or postgresql://host/database [$VALENCE_HISTORY_DB, else valence/history.db in "
                 "$XDG_DATA_HOME]")
      ->type_name("PLACE");
}

Result<std::string> history_place(const std::string& given_place) {
  if (!given_place.empty()) return given_place;
  const char* const variable = std::getenv("VALENCE_HISTORY_DB");
  if (variable != nullptr && *variable != '\0') return std::string(variable);
  std::string usual = store::usual_history_path();
  if (usual.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--history-db", "there is no home directory to look in", "name the file");
  }
  return usual;
}

Result<std::unique_ptr<store::HistoryStore>> open_history_at(const std::string& given_place,
                                                             store::HistoryAccess access) {
  VALENCE_TRY(const std::string place, history_place(given_place));
  return store::open_history(place, access, kClock);
}

void declare_period(CLI::App& app, HistoryFilterArguments& arguments) {
  app.add_option("--from", arguments.from, "From this time on: 2026-01, 2026-01-31, 2026-01-31T12:00Z, 30d (ago)")
      ->type_name("TIME");
  app.add_option("--to", arguments.to, "Before this time")->type_name("TIME");
}

void declare_history_filter(CLI::App& app, HistoryFilterArguments& arguments) {
  declare_period(app, arguments);
  app.add_option("--label", arguments.label, "Records with this label")->type_name("LABEL");
  app.add_option("--stream", arguments.stream, "Of this stream")->type_name("NAME");
  app.add_option("--channel", arguments.channel, "Of this channel")->type_name("NAME");
  app.add_option("--subject", arguments.subject, "About or from this person")->type_name("KEY");
  app.add_option("--search", arguments.search, "All these words in the text; bat* is a beginning")->type_name("WORDS");
  app.add_option("--min-score", arguments.min_score, "With at least this score")->type_name("X");
  app.add_option("--max-score", arguments.max_score, "With at most this score")->type_name("X");
  app.add_option("--id", arguments.id, "The record with this id")->type_name("ID");
  app.add_option("--text-sha256", arguments.text_sha256, "The text with this hash")->type_name("HEX");
  app.add_option("--model", arguments.model, "Answered by this model")->type_name("NAME");
  app.add_flag("--corrected", arguments.corrected, "Those that people gave another label");
}

Result<store::HistoryFilter> history_filter(const HistoryFilterArguments& arguments) {
  store::HistoryFilter filter;
  const std::int64_t now_ms = kClock.unix_ms();
  if (!arguments.from.empty()) {
    VALENCE_TRY(filter.from_ms, parse_when("--from", arguments.from, now_ms));
  }
  if (!arguments.to.empty()) {
    VALENCE_TRY(filter.to_ms, parse_when("--to", arguments.to, now_ms));
  }
  if (filter.from_ms && filter.to_ms && *filter.to_ms <= *filter.from_ms) {
    return fail(ErrorCode::kInvalidArgument, "--to", "is not after --from");
  }
  filter.id = given(arguments.id);
  filter.stream = given(arguments.stream);
  filter.channel = given(arguments.channel);
  filter.label = given(arguments.label);
  filter.subject = given(arguments.subject);
  filter.text_sha256 = given(arguments.text_sha256);
  filter.model = given(arguments.model);
  filter.search = given(arguments.search);
  VALENCE_TRY(filter.min_score, parse_score("--min-score", arguments.min_score));
  VALENCE_TRY(filter.max_score, parse_score("--max-score", arguments.max_score));
  if (arguments.corrected) filter.corrected = true;
  return filter;
}

Result<std::int64_t> parse_when(const std::string& option, const std::string& word, std::int64_t now_ms) {
  if (const auto span_ms = parse_span_ms(word)) return now_ms - *span_ms;
  if (const auto time_ms = store::parse_time_ms(word)) return *time_ms;
  return fail(ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is no time", word),
              "write 2026-01, 2026-01-31, 2026-01-31T12:00Z, Unix milliseconds, or 30d, 12h, 15m for so long ago");
}

ExitCode history_failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

}  // namespace valence::cli
