/// \file
/// `valence data label`: first labels for texts that have none, by rules, a lexicon and models, and what a person
/// should look at.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <set>

#include "valence/base/json.h"
#include "valence/cli/data_label_report.h"
#include "valence/cli/data_options.h"
#include "valence/cli/label_rules.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/option_values.h"
#include "valence/cli/review_queue.h"
#include "valence/cli/terminal.h"
#include "valence/data/label_column.h"
#include "valence/data/missing_value.h"
#include "valence/data/near_duplicates.h"
#include "valence/data/shown_text.h"
#include "valence/data/words.h"
#include "valence/pipeline/labeling.h"
#include "valence/pipeline/labelled_texts.h"
#include "valence/pipeline/read_ahead.h"

namespace valence::cli {
namespace {

constexpr std::size_t kMostReviewRows = 1'000'000;
constexpr std::size_t kDefaultReviewRows = 200;
constexpr const char* kShareColumn = "label_share";
constexpr const char* kSourcesColumn = "label_sources";
constexpr const char* kReasonColumn = "review_reason";
constexpr const char* kVotesColumn = "review_votes";

constexpr const char* kExamples = R"(
Examples:
  valence data label raw.csv --rules rules.toml -o bootstrapped.csv
  valence data label raw.csv -m default --min-score 0.8 --review look-at-these.csv -o bootstrapped.csv
  valence data label raw.csv --rules rules.toml --lexicon-from labelled.csv -m default -o bootstrapped.csv

A rules file:
  [[rules]]
  label = "negative"
  any = ["never again", "waste of money"]
  none = ["not a waste of money"]

  [[rules]]
  label = "positive"
  regex = "(?i)\\bthank(s| you)\\b"
  weight = 0.5)";

struct LabelArguments {
  DataInputArguments input;
  DataOutputArguments output;
  std::string rules;
  std::vector<std::string> models;
  std::string min_score = "0.7";
  std::string lexicon_from;
  std::vector<std::string> map_labels;
  std::string min_share = "0.5";
  std::string review;
  std::string review_rows;
  std::string threads;
  bool all = false;
  bool json = false;
  bool dry_run = false;
};

using Sources = LabelSources;

Result<double> parse_portion(const std::string& option, const std::string& word) {
  double value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failed == std::errc() && end == word.data() + word.size() && value >= 0 && value <= 1) return value;
  return fail(ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is no number from 0 to 1", word));
}

Result<std::map<std::string, std::string>> parse_label_map(const std::vector<std::string>& entries) {
  std::map<std::string, std::string> label_of;
  for (const std::string& entry : entries) {
    const auto equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == entry.size()) {
      return fail(ErrorCode::kInvalidArgument, "--map-label", fmt::format("\"{}\" is not from=to", entry),
                  "e.g. --map-label LABEL_1=positive");
    }
    label_of[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return label_of;
}

/// A lexicon of the labelled rows of a file.
Result<data::Lexicon> learn_lexicon(const LabelArguments& arguments, data::ReaderOptions options) {
  options.format.reset();  // of the input; this file has a suffix of its own
  options.text_column.reset();
  VALENCE_TRY(const auto reader, data::RecordReader::open(arguments.lexicon_from, options));
  const std::string label_column =
      arguments.input.label_column.empty() ? pipeline::kUsualLabelColumn : arguments.input.label_column;
  VALENCE_TRY_STATUS(data::check_label_column(*reader, label_column));
  data::Lexicon lexicon;
  const data::MissingValues missing;
  std::vector<data::Row> rows;
  for (auto state = data::ReaderState::kMore; state == data::ReaderState::kMore;) {
    rows.clear();
    VALENCE_TRY(state, reader->next(rows));
    for (const data::Row& row : rows) {
      const auto label = row ? data::label_of(row->carried, label_column) : std::nullopt;
      if (label && !missing.contains(*label)) lexicon.add(row->text, *label);
    }
  }
  if (lexicon.labels().size() < 2) {
    return fail(ErrorCode::kInvalidData, arguments.lexicon_from,
                fmt::format("has {} label{}: a lexicon tells two or more apart", lexicon.labels().size(),
                            lexicon.labels().size() == 1 ? "" : "s"),
                "say which column holds them with --label-column");
  }
  lexicon.build();
  if (lexicon.size() == 0) {
    return fail(ErrorCode::kInvalidData, arguments.lexicon_from, "no word tells its labels apart", "give more rows");
  }
  return lexicon;
}

Result<Sources> make_sources(const LabelArguments& arguments, const data::ReaderOptions& options,
                             const GlobalOptions& global) {
  Sources sources;
  if (!arguments.rules.empty()) {
    VALENCE_TRY(const auto rules, read_label_rules(arguments.rules));
    for (const pipeline::LabelRule& rule : rules) {
      auto source = pipeline::source_of_rule(rule);
      if (!source) return fail(source.error().in(arguments.rules));
      sources.push_back(*std::move(source));
    }
  }
  if (!arguments.lexicon_from.empty()) {
    VALENCE_TRY(data::Lexicon lexicon, learn_lexicon(arguments, options));
    sources.push_back(pipeline::source_of_lexicon("lexicon", std::move(lexicon), 1));
  }
  VALENCE_TRY(const double min_score, parse_portion("--min-score", arguments.min_score));
  VALENCE_TRY(const auto label_of, parse_label_map(arguments.map_labels));
  ClassifierOptions classifier_options;
  VALENCE_TRY(classifier_options.threads, parse_threads(arguments.threads));
  for (const std::string& model : arguments.models) {
    VALENCE_TRY(auto classifier, load_classifier(model, classifier_options));
    if (classifier->labels_tokens()) {
      return fail(ErrorCode::kUnsupported, model, "labels tokens, not texts");
    }
    if (!global.quiet) {
      for (const std::string& warning : classifier->warnings()) print_warning(warning);
    }
    sources.push_back(pipeline::source_of_model(fmt::format("model {}", model), std::move(classifier),
                                                {.min_score = min_score, .weight = 1, .label_of = label_of}));
  }
  if (sources.empty()) {
    return fail(ErrorCode::kInvalidArgument, "", "nothing to label with",
                "give --rules FILE, --lexicon-from FILE or -m default");
  }
  return sources;
}

/// `value` in the form of the row's other fields.
void add_field(data::Fields& fields, data::FieldKind kind, std::string_view name, std::string_view value) {
  if (kind == data::FieldKind::kText) {
    fields.add_cell(value);
    return;
  }
  std::string json;
  append_json_string(json, value);
  fields.add_member(name, json);
}

/// Writes rows with fields behind those they came with; one that is there already is written over.
class ExtendedRows {
 public:
  ExtendedRows(std::vector<std::string> columns, const std::vector<std::string>& more)
      : more_(more), columns_(std::move(columns)) {
    for (const std::string& name : more) {
      if (std::ranges::find(columns_, name) == columns_.end()) columns_.push_back(name);
    }
    shared_ = std::make_shared<const std::vector<std::string>>(columns_);
  }

  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }

  [[nodiscard]] data::Fields extend(const data::Fields& fields, const std::vector<std::string>& values) const {
    const bool is_text = fields.kind() == data::FieldKind::kText;
    data::Fields extended = is_text ? data::Fields(shared_) : data::Fields::of_json_members();
    const auto value_of = [&](std::string_view name) -> const std::string* {
      const auto found = std::ranges::find(more_, name);
      return found == more_.end() ? nullptr : &values[static_cast<std::size_t>(found - more_.begin())];
    };
    std::set<std::string, std::less<>> written;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string_view name = fields.name(i);
      written.emplace(name);
      if (const std::string* const value = value_of(name)) {
        add_field(extended, fields.kind(), name, *value);
      } else if (is_text) {
        extended.add_cell(fields.value(i));
      } else {
        extended.add_member(name, fields.value(i));
      }
    }
    for (std::size_t i = 0; i < more_.size(); ++i) {
      if (!written.contains(more_[i])) add_field(extended, fields.kind(), more_[i], values[i]);
    }
    return extended;
  }

 private:
  std::vector<std::string> more_;
  std::vector<std::string> columns_;
  std::shared_ptr<const std::vector<std::string>> shared_;
};

/// What one run works with.
struct Labeling {
  const Sources& sources;
  std::string label_column;
  double min_share;
  bool write_all;
  data::Writer* writer;  ///< null with --dry-run
  const ExtendedRows& rows;
  ReviewQueue* review;  ///< null without --review
  LabelCounts& counts;
};

std::string shown_votes(const Sources& sources, std::span<const std::optional<pipeline::Vote>> votes) {
  std::string text;
  for (std::size_t i = 0; i < votes.size(); ++i) {
    if (!votes[i]) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", sources[i]->name(), votes[i]->label);
    if (votes[i]->score < 1) text += fmt::format(" {:.2f}", votes[i]->score);
  }
  return text;
}

/// Conflicts first, the closer the better; then what no source dares to label, the less sure the better.
void offer_for_review(const Labeling& work, const data::Record& record, const pipeline::LabelVerdict& verdict,
                      std::span<const std::optional<pipeline::Vote>> votes) {
  ReviewRow row;
  if (verdict.is_conflict) {
    row.reason = "conflict";
    row.usefulness = 2 - verdict.margin;
    row.suggestion = verdict.label.value_or("");
  } else if (verdict.voters.empty()) {
    row.reason = "uncovered";
    row.usefulness = 1;
    double surest = 0;
    for (const auto& vote : votes) {
      if (!vote || vote->score <= surest) continue;
      surest = vote->score;
      row.reason = "uncertain";
      row.suggestion = vote->label;
    }
    if (surest > 0) row.usefulness = 2 - surest;
  } else {
    return;
  }
  row.votes = shown_votes(work.sources, votes);
  row.record = record;
  work.review->offer(std::move(row));
}

Status label_row(const Labeling& work, const data::Record& record,
                 std::span<const std::optional<pipeline::Vote>> votes) {
  static const data::MissingValues missing;
  LabelCounts& counts = work.counts;
  auto gold = data::label_of(record.carried, work.label_column);
  if (gold && missing.contains(*gold)) gold.reset();
  pipeline::record_votes(votes, gold, counts.sources);
  const pipeline::LabelVerdict verdict = pipeline::decide(votes);
  const bool is_decided = verdict.label && verdict.share >= work.min_share;
  if (verdict.is_conflict) ++counts.conflicts;
  if (verdict.voters.empty()) {
    ++counts.uncovered;
  } else if (!is_decided) {
    ++counts.undecided;
  }
  if (gold) {
    ++counts.gold;
    counts.judged += is_decided ? 1 : 0;
    counts.right += is_decided && *verdict.label == *gold ? 1 : 0;
  } else if (work.review != nullptr) {
    offer_for_review(work, record, verdict, votes);
  }
  if (!gold && is_decided) ++counts.labelled;
  if (gold || is_decided) ++counts.labels[gold ? *gold : *verdict.label];
  if (work.writer == nullptr || (!gold && !is_decided && !work.write_all)) return {};
  std::string voters = gold ? "gold" : "";
  for (const std::uint32_t voter : verdict.voters) {
    if (gold || !is_decided || votes[voter]->label != *verdict.label) continue;
    voters += (voters.empty() ? "" : "; ") + work.sources[voter]->name();
  }
  const std::string label = gold ? *gold : is_decided ? *verdict.label : "";
  const std::string share = gold ? "1" : is_decided ? fmt::format("{:.4g}", verdict.share) : "";
  const data::Fields fields = work.rows.extend(record.carried, {label, share, voters});
  return work.writer->write({.carried = &fields});
}

Status label_window(const Labeling& work, std::vector<data::Row>& rows) {
  std::vector<const data::Record*> records;
  std::vector<std::string_view> texts;
  for (data::Row& row : rows) {
    ++work.counts.rows;
    if (!row) {
      work.counts.failed.add(std::move(row.error().error));
      continue;
    }
    records.push_back(&*row);
    texts.push_back(row->text);
  }
  std::vector<std::vector<std::optional<pipeline::Vote>>> by_source;
  for (const auto& source : work.sources) by_source.push_back(source->vote(texts));
  std::vector<std::optional<pipeline::Vote>> votes(work.sources.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (std::size_t source = 0; source < votes.size(); ++source) votes[source] = by_source[source][i];
    VALENCE_TRY_STATUS(label_row(work, *records[i], votes));
  }
  return {};
}

Status label_all(const Labeling& work, pipeline::Source& source, Progress& progress, std::atomic<bool>& stop) {
  Status outcome;
  {
    pipeline::ReadAhead reader(source, {}, stop);
    while (auto window = reader.next()) {
      outcome = label_window(work, window->rows);
      if (outcome && window->input_error) outcome = fail(*window->input_error);
      if (!outcome || stop) break;
      progress.update({.rows = work.counts.rows,
                       .failed = work.counts.failed.count,
                       .bytes_done = window->progress.bytes_read,
                       .bytes_total = window->progress.bytes_total});
    }
  }
  progress.clear();
  const Status finished = work.writer != nullptr ? work.writer->finish() : Status();
  return outcome ? finished : outcome;
}

Status write_review(const ReviewQueue& queue, const std::string& path, const std::vector<std::string>& input_columns,
                    const std::string& label_column, const std::atomic<bool>& stop) {
  VALENCE_TRY(const auto format, data_output_format({.output = path, .format = ""}, data::InputFormat::kCsv));
  const ExtendedRows rows(input_columns, {label_column, kReasonColumn, kVotesColumn});
  VALENCE_TRY(const auto file, open_data_output(path, stop));
  VALENCE_TRY(const auto writer, data_writer(format, rows.columns(), *file, path));
  for (const ReviewRow* const row : queue.best()) {
    const data::Fields fields = rows.extend(row->record.carried, {row->suggestion, row->reason, row->votes});
    VALENCE_TRY_STATUS(writer->write({.carried = &fields}));
  }
  VALENCE_TRY_STATUS(writer->finish());
  return file->commit();
}

Status check_outputs(const LabelArguments& arguments, const std::vector<std::string>& inputs) {
  VALENCE_TRY_STATUS(check_output_is_no_input(inputs, arguments.output.output));
  VALENCE_TRY_STATUS(check_output_is_no_input(inputs, arguments.review));
  if (!arguments.review.empty() && arguments.review == arguments.output.output) {
    return fail(ErrorCode::kInvalidArgument, "--review", "is the output of the rows too", "choose another file");
  }
  if (arguments.json && arguments.output.output == "-" && !arguments.dry_run) {
    return fail(ErrorCode::kInvalidArgument, "--json", "the rows go to standard output already",
                "add -o FILE or --dry-run");
  }
  return {};
}

ExitCode run_label(const LabelArguments& arguments, const GlobalOptions& global) {
  const auto min_share = parse_portion("--min-share", arguments.min_share);
  if (!min_share) return data_failed(min_share.error());
  const auto review_rows = parse_count("--review-rows", arguments.review_rows, kMostReviewRows);
  if (!review_rows) return data_failed(review_rows.error());
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kYes);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  if (const Status checked = check_outputs(arguments, input->files); !checked) return data_failed(checked.error());
  // A label column that is not there is what this command makes.
  const std::string label_column =
      arguments.input.label_column.empty() ? pipeline::kUsualLabelColumn : arguments.input.label_column;
  if (label_column == input->reader().text_column()) {
    return data_failed({ErrorCode::kInvalidArgument, "--label-column",
                        fmt::format("\"{}\" is the column of the texts too", label_column)});
  }
  const auto sources = make_sources(arguments, input->options, global);
  if (!sources) return data_failed(sources.error(), signals);

  const ExtendedRows rows(source.columns(), {label_column, kShareColumn, kSourcesColumn});
  std::unique_ptr<data::OutputFile> file;
  std::unique_ptr<data::Writer> writer;
  if (!arguments.dry_run) {
    const auto format = data_output_format(arguments.output, input->reader().format());
    if (!format) return data_failed(format.error());
    auto opened = open_data_output(arguments.output.output, signals.stop());
    if (!opened) return data_failed(opened.error(), signals);
    file = *std::move(opened);
    auto made = data_writer(*format, rows.columns(), *file, arguments.output.output);
    if (!made) return data_failed(made.error());
    writer = *std::move(made);
  }
  ReviewQueue review(*review_rows == 0 ? kDefaultReviewRows : *review_rows);
  LabelCounts counts;
  counts.sources.resize(sources->size());
  Progress progress(data_progress_style(global, arguments.output.output));
  const Status outcome = label_all({.sources = *sources,
                                    .label_column = label_column,
                                    .min_share = *min_share,
                                    .write_all = arguments.all,
                                    .writer = writer.get(),
                                    .rows = rows,
                                    .review = arguments.review.empty() ? nullptr : &review,
                                    .counts = counts},
                                   source, progress, signals.stop());
  if (signals.signalled()) {
    print_note("interrupted");
    return signals.exit_code();
  }
  if (!outcome) return file && file->sink().reader_gone() ? ExitCode::kOk : data_failed(outcome.error());
  tell_failed(counts.failed, global);
  if (counts.rows == counts.failed.count) {
    return data_failed(
        {ErrorCode::kInvalidData, input->reader().name(), counts.rows == 0 ? "has no rows" : "no row can be read"});
  }
  if (file) {
    if (const Status committed = file->commit(); !committed) return data_failed(committed.error());
  }
  if (!arguments.review.empty()) {
    const Status written = write_review(review, arguments.review, source.columns(), label_column, signals.stop());
    if (!written) return data_failed(written.error(), signals);
  }
  if (!global.quiet) {
    const std::string view = label_view(*sources, counts, !is_dumb_terminal());
    std::fwrite(view.data(), 1, view.size(), stderr);
  }
  if (arguments.json) {
    if (const ExitCode printed = print_to_stdout(label_json(*sources, counts)); printed != ExitCode::kOk)
      return printed;
  }
  return counts.failed.count == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_data_label(CLI::App& data) {
  CLI::App* app =
      data.add_subcommand("label", "First labels by rules, a lexicon and models; rows for a person to label");
  app->footer(kExamples);
  const auto arguments = std::make_shared<LabelArguments>();
  declare_data_input(*app, arguments->input, TextOption::kYes, LabelOption::kYes);
  declare_data_output(*app, arguments->output);
  const auto votes = "Who votes";
  app->add_option("--rules", arguments->rules, "Keyword and regex rules, TOML or JSON")
      ->type_name("FILE")
      ->group(votes);
  app->add_option("--lexicon-from", arguments->lexicon_from,
                  "Labelled rows whose telling words vote (--label-column names their labels too)")
      ->type_name("FILE")
      ->group(votes);
  app->add_option("-m,--model", arguments->models, "A model votes: a directory, org/name, default; may be given again")
      ->type_name("REF")
      ->group(votes)
      ->allow_extra_args(false);
  app->add_option("--min-score", arguments->min_score, "A model's best score must reach it to count [0.7]")
      ->type_name("X")
      ->group(votes);
  app->add_option("--map-label", arguments->map_labels, "What a model's label is called here; may be given again")
      ->type_name("FROM=TO")
      ->group(votes)
      ->allow_extra_args(false);
  app->add_option("--threads", arguments->threads, "Compute threads of models [physical cores]")
      ->type_name("N")
      ->group(votes);
  app->add_option("--min-share", arguments->min_share, "Share of the votes' weight that a label needs [0.5]")
      ->type_name("X")
      ->group(votes);
  app->add_flag("--all", arguments->all, "Also write the rows that got no label")->group("Output");
  app->add_option("--review", arguments->review, "Rows that a person should label, most useful first")
      ->type_name("FILE")
      ->group("Output");
  app->add_option("--review-rows", arguments->review_rows, "How many of those [200]")->type_name("N")->group("Output");
  app->add_flag("--json", arguments->json, "The counts as JSON on standard output; needs -o FILE or --dry-run")
      ->group("Output");
  app->add_flag("--dry-run", arguments->dry_run, "Count, write no rows")->group("Output");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_label(*arguments, global); }};
}

}  // namespace valence::cli
