/// \file
/// `valence feedback`: corrections listed, added, exported for training, and exchanged with Label Studio.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "valence/base/file.h"
#include "valence/cli/feedback_rows.h"
#include "valence/cli/history_options.h"
#include "valence/cli/option_values.h"
#include "valence/cli/progress.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_file.h"
#include "valence/store/label_studio.h"

namespace valence::cli {
namespace {

constexpr std::size_t kMostItems = 1'000'000;
constexpr std::uint64_t kMaxImportBytes = std::uint64_t{256} << 20;

struct FeedbackArguments {
  std::string place;
  HistoryFilterArguments filter;
  std::string limit;
  std::string format;
  std::string output = "-";
  bool all = false;
  std::string text;
  std::string note;
  std::string file;
  bool dry_run = false;
};

constexpr std::array<Choice<FeedbackFormat>, 4> kFormats{{{"table", FeedbackFormat::kTable},
                                                          {"csv", FeedbackFormat::kCsv},
                                                          {"jsonl", FeedbackFormat::kJsonl},
                                                          {"label-studio", FeedbackFormat::kLabelStudio}}};

/// -f, else by the suffix of -o, else `usual`.
Result<FeedbackFormat> format_of(const FeedbackArguments& arguments, FeedbackFormat usual) {
  if (!arguments.format.empty()) return choose("--format", arguments.format, kFormats);
  switch (data::output_format_of(arguments.output).value_or(data::OutputFormat::kTable)) {
    case data::OutputFormat::kCsv:
      return FeedbackFormat::kCsv;
    case data::OutputFormat::kJsonl:
      return FeedbackFormat::kJsonl;
    case data::OutputFormat::kJson:
      return FeedbackFormat::kLabelStudio;
    case data::OutputFormat::kTable:
    case data::OutputFormat::kTsv:
      break;
  }
  return usual;
}

Result<std::vector<store::Feedback>> read_feedback(store::HistoryStore& history, const store::HistoryFilter& filter,
                                                   std::size_t limit) {
  const store::FeedbackFilter wanted{.from_ms = filter.from_ms,
                                     .to_ms = filter.to_ms,
                                     .label = filter.label,
                                     .stream = filter.stream,
                                     .record_id = filter.id};
  std::vector<store::Feedback> all;
  store::PageRequest page{.limit = store::kMaxPageItems};
  while (all.size() < limit) {
    VALENCE_TRY(store::FeedbackPage found, history.feedback(wanted, page));
    for (store::Feedback& item : found.items) {
      if (all.size() < limit) all.push_back(std::move(item));
    }
    if (found.next.empty()) break;
    page.cursor = found.next;
  }
  return all;
}

Status write_out(const std::string& path, const std::string& text) {
  VALENCE_TRY(const auto output, data::OutputFile::open(path, {}));
  output->sink().buffer() += text;
  VALENCE_TRY_STATUS(output->sink().end_record());
  return output->commit();
}

ExitCode list(const FeedbackArguments& arguments) {
  const auto format =
      format_of(arguments, is_terminal(STDOUT_FILENO) ? FeedbackFormat::kTable : FeedbackFormat::kJsonl);
  if (!format) return history_failed(format.error());
  const auto limit = parse_count("--limit", arguments.limit, kMostItems);
  if (!limit) return history_failed(limit.error());
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  const auto items = read_feedback(**history, *filter, *limit);
  if (!items) return history_failed(items.error());
  return print_to_stdout(feedback_text(*items, *format, terminal_width(STDOUT_FILENO), is_terminal(STDOUT_FILENO)));
}

ExitCode export_feedback(const FeedbackArguments& arguments, const GlobalOptions& global) {
  const auto format = format_of(arguments, FeedbackFormat::kCsv);
  if (!format) return history_failed(format.error());
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  auto items = read_feedback(**history, *filter, kMostItems);
  if (!items) return history_failed(items.error());
  const std::size_t found = items->size();
  if (!arguments.all) keep_latest_of_each_text(*items);
  if (const Status written = write_out(arguments.output, feedback_text(*items, *format, 0, false)); !written) {
    return history_failed(written.error());
  }
  if (!global.quiet && arguments.output != "-") {
    print_note(fmt::format("{}: {} corrections{}", arguments.output, with_thousands(items->size()),
                           found == items->size() ? ""
                                                  : fmt::format(", {} older ones of the same texts left out (--all)",
                                                                with_thousands(found - items->size()))));
  }
  return ExitCode::kOk;
}

ExitCode add(const FeedbackArguments& arguments, const GlobalOptions& global) {
  if (arguments.filter.id.empty() == arguments.text.empty() && arguments.text.empty()) {
    return history_failed({ErrorCode::kInvalidArgument, "add", "was not told which text", "give --id or --text"});
  }
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kKeep);
  if (!history) return history_failed(history.error());
  const auto added = (*history)->add_feedback({.record_id = arguments.filter.id,
                                               .text = arguments.text,
                                               .label = arguments.filter.label,
                                               .stream = arguments.filter.stream,
                                               .note = arguments.note,
                                               .source = "cli"});
  if (!added) return history_failed(added.error());
  if (!global.quiet) print_note("the text is stored with the correction");
  return print_to_stdout(added->id + "\n");
}

ExitCode queue(const FeedbackArguments& arguments, const GlobalOptions& global) {
  const auto format = format_of(
      arguments, is_terminal(STDOUT_FILENO) && arguments.output == "-" ? FeedbackFormat::kTable : FeedbackFormat::kCsv);
  if (!format) return history_failed(format.error());
  constexpr std::size_t kMostQueued = 10'000;
  const auto count = parse_count("--limit", arguments.limit, kMostQueued);
  if (!count) return history_failed(count.error());
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  const auto queued = store::make_label_queue(**history, {.filter = *filter, .count = *count});
  if (!queued) return history_failed(queued.error());
  if (queued->items.empty() && queued->without_text > 0) {
    return history_failed(
        {ErrorCode::kNotFound, "history", "has no stored text to label", "keep texts with --store-text full"});
  }
  const std::string text =
      queue_text(queued->items, *format, terminal_width(STDOUT_FILENO), is_terminal(STDOUT_FILENO));
  if (const Status written = write_out(arguments.output, text); !written) return history_failed(written.error());
  if (!global.quiet && arguments.output != "-") {
    print_note(fmt::format("{}: {} texts to label, of {} records", arguments.output,
                           with_thousands(queued->items.size()), with_thousands(queued->scanned)));
  }
  return ExitCode::kOk;
}

ExitCode import_file(const FeedbackArguments& arguments, const GlobalOptions& global) {
  const auto text = read_file(arguments.file, kMaxImportBytes);
  if (!text) return history_failed(text.error());
  auto read = store::parse_label_studio(*text, arguments.file);
  if (!read) return history_failed(read.error());
  if (!arguments.dry_run) {
    const auto history = open_history_at(arguments.place, store::HistoryAccess::kKeep);
    if (!history) return history_failed(history.error());
    for (const store::Feedback& correction : read->corrections) {
      const auto added = (*history)->add_feedback(correction);
      if (!added) return history_failed(added.error().in(arguments.file));
    }
  }
  if (!global.quiet) {
    print_note(fmt::format("{}: {} corrections{}, {} tasks without a label", arguments.file,
                           with_thousands(read->corrections.size()), arguments.dry_run ? " would be added" : "",
                           with_thousands(read->unlabelled)));
  }
  return ExitCode::kOk;
}

using Arguments = std::shared_ptr<FeedbackArguments>;

void declare_output(CLI::App& app, FeedbackArguments& arguments, const std::string& formats) {
  app.add_option("-o,--output", arguments.output, "The file to write; - is standard output [-]")->type_name("FILE");
  app.add_option("-f,--format", arguments.format, formats)->type_name("F");
}

void declare_feedback_filter(CLI::App& app, FeedbackArguments& arguments) {
  declare_period(app, arguments.filter);
  app.add_option("--label", arguments.filter.label, "Corrected to this label")->type_name("LABEL");
  app.add_option("--stream", arguments.filter.stream, "Of this stream")->type_name("NAME");
  app.add_option("--id", arguments.filter.id, "Of the record with this id")->type_name("ID");
}

Command add_list(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("list", "Corrections, newest first");
  app->footer("Examples:\n  valence feedback list\n  valence feedback list --label positive --from 7d -f jsonl");
  const Arguments arguments = std::make_shared<FeedbackArguments>();
  arguments->limit = "20";
  declare_history_place(*app, arguments->place);
  declare_feedback_filter(*app, *arguments);
  app->add_option("-n,--limit", arguments->limit, "At most so many [20]")->type_name("N");
  app->add_option("-f,--format", arguments->format,
                  "table, csv, jsonl or label-studio [table on a terminal, else jsonl]")
      ->type_name("F");
  return {.app = app, .run = [arguments](const GlobalOptions&) { return list(*arguments); }};
}

Command add_export(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("export", "Corrections as training data: columns text and label first");
  app->footer(
      "Examples:\n  valence feedback export -o corrections.csv && valence train corrections.csv -m ./my-model "
      "--output-dir new\n"
      "  valence feedback export -f label-studio -o tasks.json");
  const Arguments arguments = std::make_shared<FeedbackArguments>();
  declare_history_place(*app, arguments->place);
  declare_feedback_filter(*app, *arguments);
  declare_output(*app, *arguments, "csv, jsonl or label-studio [by the file's suffix, else csv]");
  app->add_flag("--all", arguments->all, "Every correction, not the latest of each text");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return export_feedback(*arguments, global); }};
}

Command add_add(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("add", "Say what is right");
  app->footer(
      "Examples:\n  valence feedback add --id 01ARZ3NDEKTSV4RRFFQ69G5FAV --label negative --note irony\n"
      "  valence feedback add -t \"just great, it broke again\" --label negative");
  const Arguments arguments = std::make_shared<FeedbackArguments>();
  declare_history_place(*app, arguments->place);
  app->add_option("--id", arguments->filter.id, "The record of the history that was wrong")->type_name("ID");
  app->add_option("-t,--text", arguments->text, "A text; of a record whose text was not stored")->type_name("TEXT");
  app->add_option("--label", arguments->filter.label, "The right label")->type_name("LABEL")->required();
  app->add_option("--stream", arguments->filter.stream, "The text's stream")->type_name("NAME");
  app->add_option("--note", arguments->note, "Why")->type_name("WORDS");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return add(*arguments, global); }};
}

Command add_queue(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("queue", "The texts most worth a label: for many uncertain ones, no two alike");
  app->footer(
      "Examples:\n  valence feedback queue -n 200 -o to-label.csv\n"
      "  valence feedback queue --stream reviews -f label-studio -o tasks.json");
  const Arguments arguments = std::make_shared<FeedbackArguments>();
  arguments->limit = "100";
  declare_history_place(*app, arguments->place);
  declare_history_filter(*app, arguments->filter);
  app->add_option("-n,--limit", arguments->limit, "How many texts [100]")->type_name("N");
  declare_output(*app, *arguments, "table, csv, jsonl or label-studio [by the file's suffix, else csv]");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return queue(*arguments, global); }};
}

Command add_import(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("import", "Labels from Label Studio's JSON export");
  app->footer("Examples:\n  valence feedback import project-1.json");
  const Arguments arguments = std::make_shared<FeedbackArguments>();
  app->add_option("file", arguments->file, "Its export in the format JSON")->type_name("FILE")->required();
  declare_history_place(*app, arguments->place);
  app->add_flag("--dry-run", arguments->dry_run, "Read and count, add nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return import_file(*arguments, global); }};
}

}  // namespace

Command add_feedback(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("feedback", "Corrections: list, add, export, queue, import");
  app->footer(
      "Examples:\n  valence feedback add --id ID --label negative\n  valence feedback queue -n 200 -o to-label.csv\n"
      "  valence feedback export -o corrections.csv");
  return command_group(app, {add_list(*app), add_add(*app), add_export(*app), add_queue(*app), add_import(*app)});
}

}  // namespace valence::cli
