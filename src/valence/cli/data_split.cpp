/// \file
/// `valence data split`: train, dev and test, alike in their labels and without shared texts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <system_error>

#include "valence/cli/clean_options.h"
#include "valence/cli/data_leakage.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/labelled_records.h"
#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"
#include "valence/data/label_column.h"
#include "valence/data/near_duplicates.h"
#include "valence/data/shown_text.h"
#include "valence/data/split.h"
#include "valence/data/words.h"
#include "valence/pipeline/labelled_texts.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kParts = 3;
constexpr std::array<const char*, kParts> kPartNames = {"train", "dev", "test"};
constexpr std::uint32_t kTrain = 0;
constexpr std::uint32_t kNoPart = kParts;  // of rows that are left out
constexpr std::size_t kLabelColumns = 24;

constexpr const char* kExamples = R"(
Examples:
  valence data split labelled.csv -o splits/
  valence data split labelled.csv --label-column sentiment --ratios 0.9,0.1 -o splits/
  valence data split tickets.jsonl --group-by customer --seed 7 -o splits/
  valence data split labelled.csv --against held-out.csv -o splits/)";

struct SplitArguments {
  DataInputArguments input;
  DataOutputArguments output;
  std::array<std::string, kParts> shares;
  std::string ratios;
  std::string group_by;
  std::vector<std::string> against;
  std::string seed = "0";
  std::string similarity;
  bool no_stratify = false;
  bool no_near_duplicates = false;
  bool json = false;
  bool dry_run = false;
};

Result<double> parse_share(const std::string& option, const std::string& word) {
  double share = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), share);
  if (failed == std::errc() && end == word.data() + word.size() && std::isfinite(share) && share >= 0) return share;
  return fail(ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is no share from 0 up", word));
}

/// --ratios are relative; --train, --dev and --test are parts of one, and the one that is left out takes the rest.
Result<std::array<double, kParts>> parse_shares(const SplitArguments& arguments) {
  std::array<double, kParts> shares{};
  const bool has_parts = std::ranges::any_of(arguments.shares, [](const auto& word) { return !word.empty(); });
  if (!arguments.ratios.empty()) {
    const auto words = split_list(arguments.ratios);
    if (has_parts || words.size() < 2 || words.size() > kParts) {
      return fail(ErrorCode::kInvalidArgument, "--ratios",
                  "takes two or three numbers for train, dev and test, instead of --train, --dev and --test",
                  "e.g. --ratios 0.8,0.1,0.1");
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      VALENCE_TRY(shares[i], parse_share("--ratios", words[i]));
    }
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (sum <= 0) return fail(ErrorCode::kInvalidArgument, "--ratios", "are all 0");
    for (double& share : shares) share /= sum;
    return shares;
  }
  if (!has_parts) return std::array<double, kParts>{0.8, 0.1, 0.1};
  double sum = 0;
  for (std::size_t i = 0; i < kParts; ++i) {
    if (arguments.shares[i].empty()) continue;
    VALENCE_TRY(shares[i], parse_share(fmt::format("--{}", kPartNames[i]), arguments.shares[i]));
    sum += shares[i];
  }
  constexpr double kRounding = 1e-6;
  if (sum > 1 + kRounding) {
    return fail(ErrorCode::kInvalidArgument, "--train, --dev, --test", fmt::format("sum to {:g}, more than 1", sum));
  }
  for (std::size_t i = 0; i < kParts && sum < 1 - kRounding; ++i) {
    if (!arguments.shares[i].empty()) continue;
    shares[i] = 1 - sum;
    sum = 1;
  }
  if (sum < 1 - kRounding) {
    return fail(ErrorCode::kInvalidArgument, "--train, --dev, --test", fmt::format("sum to {:g}, less than 1", sum));
  }
  return shares;
}

/// What keeps rows together, and how much of it there is.
struct Groups {
  std::vector<std::uint32_t> group_of;
  std::size_t near_duplicate_groups = 0;  ///< of two rows and more
  std::size_t near_duplicate_rows = 0;    ///< in those
};

Groups find_groups(const LabelledRecords& rows, const SplitArguments& arguments,
                   const data::NearDuplicateOptions& near) {
  Groups groups;
  const std::size_t count = rows.records.size();
  data::DisjointSets sets(count);
  if (!arguments.no_near_duplicates) {
    std::vector<data::TextSketch> sketches;
    sketches.reserve(count);
    for (const data::Record& record : rows.records) sketches.push_back(data::sketch_of(record.text));
    const auto near_group = data::near_duplicate_groups(sketches, near);
    std::vector<std::size_t> members(count);
    for (std::uint32_t row = 0; row < count; ++row) {
      sets.join(row, near_group[row]);
      ++members[near_group[row]];
    }
    for (const std::size_t size : members) {
      if (size < 2) continue;
      ++groups.near_duplicate_groups;
      groups.near_duplicate_rows += size;
    }
  }
  std::map<std::string, std::uint32_t, std::less<>> first_with;
  if (!arguments.group_by.empty()) {
    const data::MissingValues missing;
    for (std::uint32_t row = 0; row < count; ++row) {
      const auto value = data::value_of(rows.records[row].carried, arguments.group_by);
      if (!value || missing.contains(*value)) continue;  // nobody knows whose it is
      sets.join(row, first_with.emplace(*value, row).first->second);
    }
  }
  groups.group_of.resize(count);
  for (std::uint32_t row = 0; row < count; ++row) groups.group_of[row] = sets.find(row);
  return groups;
}

struct Split {
  std::vector<std::uint32_t> part_of;
  std::array<std::vector<std::uint64_t>, kParts> counts;  ///< rows, by label
  std::array<std::uint64_t, kParts> rows{};
  std::array<std::uint64_t, kParts> leaking{};  ///< rows that --against has too, by the part they fell into
  std::optional<std::size_t> first_left_out;    ///< the first of those that train lost
};

/// `leakage` null: nothing is left out.
Split make_split(const LabelledRecords& rows, const Groups& groups, const Leakage* leakage,
                 const std::array<double, kParts>& shares, bool stratified, std::uint64_t seed) {
  const std::vector<std::uint32_t> one_label(rows.records.size(), 0);
  Split split;
  split.part_of = data::assign_parts(stratified ? rows.label_of : one_label, groups.group_of, shares, seed);
  for (auto& counts : split.counts) counts.resize(rows.labels.size());
  for (std::size_t row = 0; row < split.part_of.size(); ++row) {
    std::uint32_t& part = split.part_of[row];
    if (leakage != nullptr && leakage->source[row]) {
      ++split.leaking[part];
      if (part == kTrain) {
        if (!split.first_left_out) split.first_left_out = row;
        part = kNoPart;
        continue;
      }
    }
    ++split.counts[part][rows.label_of[row]];
    ++split.rows[part];
  }
  return split;
}

std::string split_table(const LabelledRecords& rows, const Split& split, bool has_labels) {
  std::size_t width = 5;
  for (const std::string& label : rows.labels) {
    width = std::max(width, data::display_width(data::shown(label, kLabelColumns)));
  }
  std::string out = fmt::format("  {}", std::string(width, ' '));
  for (const char* const part : kPartNames) out += fmt::format(" {:>11}        ", part);
  while (out.ends_with(' ')) out.pop_back();
  out += '\n';
  const auto line = [&](std::string_view name, const auto& count_in) {
    out += fmt::format("  {}{}", name, std::string(width - data::display_width(name), ' '));
    for (std::size_t part = 0; part < kParts; ++part) {
      const std::uint64_t count = count_in(part);
      const double share =
          split.rows[part] == 0 ? 0 : 100.0 * static_cast<double>(count) / static_cast<double>(split.rows[part]);
      out += fmt::format(" {:>11} {:5.1f} %", with_thousands(count), share);
    }
    out += '\n';
  };
  for (std::size_t label = 0; has_labels && label < rows.labels.size(); ++label) {
    line(data::shown(rows.labels[label], kLabelColumns), [&](std::size_t part) { return split.counts[part][label]; });
  }
  line("all", [&](std::size_t part) { return split.rows[part]; });
  return out;
}

std::string split_json(const LabelledRecords& rows, const Split& split, const Groups& groups, const Leakage* leakage,
                       std::uint64_t seed) {
  JsonWriter json;
  json.open_object();
  json.value("seed", seed);
  json.value("rows", std::uint64_t{rows.records.size()});
  json.value("unlabelled", rows.unlabelled);
  json.value("unreadable", rows.failed.count);
  json.value("near_duplicate_groups", std::uint64_t{groups.near_duplicate_groups});
  json.value("near_duplicate_rows", std::uint64_t{groups.near_duplicate_rows});
  if (leakage != nullptr) {
    json.open_object("against");
    json.value("rows", leakage->rows_against);
    json.value("unreadable", leakage->failed.count);
    json.value("left_out_of_train", split.leaking[kTrain]);
    for (std::size_t part = kTrain + 1; part < kParts; ++part) {
      json.value(fmt::format("also_in_{}", kPartNames[part]), split.leaking[part]);
    }
    json.close();
  }
  json.open_object("parts");
  for (std::size_t part = 0; part < kParts; ++part) {
    json.open_object(kPartNames[part]);
    json.value("rows", split.rows[part]);
    json.open_object("labels");
    for (std::size_t label = 0; label < rows.labels.size(); ++label) {
      json.value(rows.labels[label], split.counts[part][label]);
    }
    json.close();
    json.close();
  }
  json.close();
  json.close();
  return json.text();
}

Status check_labels(const LabelledRecords& rows, const SplitArguments& arguments, const std::string& file) {
  if (arguments.no_stratify || rows.labels.size() > 1) return {};
  return fail(ErrorCode::kInvalidData, file,
              fmt::format("every row is labelled \"{}\": there is nothing to stratify, and nothing to learn",
                          data::shown(rows.labels.front(), kLabelColumns)),
              "say another --label-column, or --no-stratify");
}

/// A label that a part should have and has not.
void tell_thin_labels(const LabelledRecords& rows, const Split& split, const std::array<double, kParts>& shares) {
  for (std::size_t part = 0; part < kParts; ++part) {
    if (shares[part] <= 0) continue;
    std::vector<std::string> absent;
    for (std::size_t label = 0; label < rows.labels.size(); ++label) {
      if (split.counts[part][label] > 0) continue;
      absent.push_back(fmt::format("\"{}\" ({} in all)", data::shown(rows.labels[label], kLabelColumns),
                                   with_thousands(rows.counts[label])));
    }
    if (absent.empty()) continue;
    const std::string more = absent.size() > 5 ? fmt::format(" and {} more", absent.size() - 5) : "";
    absent.resize(std::min<std::size_t>(absent.size(), 5));
    std::string list;
    for (const std::string& label : absent) list += (list.empty() ? "" : ", ") + label;
    print_warning(fmt::format("{} has no row of {}{}: too few to cut", kPartNames[part], list, more));
  }
}

Status write_parts(const LabelledRecords& rows, const Split& split, const std::array<double, kParts>& shares,
                   const SplitArguments& arguments, const pipeline::Source& source, const std::atomic<bool>& stop) {
  VALENCE_TRY(const auto format,
              data_output_format({.output = "-", .format = arguments.output.format}, source.reader()->format()));
  std::error_code error;
  fs::create_directories(arguments.output.output, error);
  if (error) {
    return fail(ErrorCode::kIo, arguments.output.output, fmt::format("cannot be made: {}", error.message()));
  }
  std::vector<std::unique_ptr<data::OutputFile>> files;
  for (std::size_t part = 0; part < kParts; ++part) {
    if (shares[part] <= 0) continue;
    const fs::path path =
        fs::path(arguments.output.output) / fmt::format("{}.{}", kPartNames[part], data::name_of(format));
    VALENCE_TRY(auto file, data::OutputFile::open(path.string(), {.stop = &stop}));
    VALENCE_TRY(const auto writer, data_writer(format, source.columns(), *file, path.string()));
    for (std::size_t row = 0; row < rows.records.size(); ++row) {
      if (split.part_of[row] == part) VALENCE_TRY_STATUS(writer->write({.carried = &rows.records[row].carried}));
    }
    VALENCE_TRY_STATUS(writer->finish());
    files.push_back(std::move(file));
  }
  for (const auto& file : files) VALENCE_TRY_STATUS(file->commit());
  return {};
}

/// What --against found, in words.
void tell_leakage(const LabelledRecords& rows, const Split& split, const Leakage& leakage) {
  if (split.leaking[kTrain] == 0) {
    print_note(fmt::format("no row of train is among the {} of --against", with_thousands(leakage.rows_against)));
  } else {
    const data::Record& first = rows.records[*split.first_left_out];
    print_warning(
        fmt::format("{} rows are among the {} of --against and are left out of train; the first, {}:{}, is {}",
                    with_thousands(split.leaking[kTrain]), with_thousands(leakage.rows_against), first.input,
                    first.line, leakage.places[*leakage.source[*split.first_left_out]]));
  }
  for (std::size_t part = kTrain + 1; part < kParts; ++part) {
    if (split.leaking[part] == 0) continue;
    print_note(fmt::format("{} rows of {} are among them too", with_thousands(split.leaking[part]), kPartNames[part]));
  }
}

/// Reading and checking, before anything is decided.
Result<LabelledRecords> read_rows(pipeline::Source& source, const SplitArguments& arguments, Progress& progress,
                                  bool& has_labels) {
  const data::RecordReader& reader = *source.reader();
  VALENCE_TRY(auto label_column, find_label_column(source, arguments.input));
  if (!label_column && !arguments.no_stratify)
    VALENCE_TRY_STATUS(data::check_label_column(reader, pipeline::kUsualLabelColumn));
  if (!arguments.group_by.empty()) {
    VALENCE_TRY_STATUS(data::check_column(reader, arguments.group_by, "say which with --group-by"));
  }
  if (arguments.no_stratify && arguments.input.label_column.empty()) label_column.reset();
  has_labels = label_column.has_value();
  VALENCE_TRY(LabelledRecords rows, read_labelled(source, label_column, progress));
  VALENCE_TRY_STATUS(check_labels(rows, arguments, reader.name()));
  return rows;
}

ExitCode run_split(const SplitArguments& arguments, const GlobalOptions& global) {
  const auto shares = parse_shares(arguments);
  if (!shares) return data_failed(shares.error());
  const auto seed = parse_seed(arguments.seed);
  if (!seed) return data_failed(seed.error());
  const auto near = parse_similarity(arguments.similarity);
  if (!near) return data_failed(near.error());
  if (arguments.output.output == "-" && !arguments.dry_run) {
    return data_failed({ErrorCode::kInvalidArgument, "--output", "is needed: the directory for the parts",
                        "add -o DIR, or --dry-run to only count"});
  }
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kYes);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  Progress progress(progress_style(global));
  bool has_labels = false;
  const auto rows = read_rows(source, arguments, progress, has_labels);
  if (!rows) return data_failed(rows.error(), signals);
  tell_failed(rows->failed, global);

  std::optional<Leakage> leakage;
  if (!arguments.against.empty()) {
    auto found = find_leakage(rows->records, arguments.against, input->options,
                              arguments.no_near_duplicates ? std::nullopt : std::optional(*near), progress);
    if (!found) return data_failed(found.error(), signals);
    leakage = *std::move(found);
    tell_failed(leakage->failed, global);
  }
  const Leakage* const leaking = leakage ? &*leakage : nullptr;
  const Groups groups = find_groups(*rows, arguments, *near);
  const Split split = make_split(*rows, groups, leaking, *shares, !arguments.no_stratify, *seed);
  if (!arguments.dry_run) {
    const Status written = write_parts(*rows, split, *shares, arguments, source, signals.stop());
    if (!written) return data_failed(written.error(), signals);
  }
  if (!global.quiet) {
    const std::string table = split_table(*rows, split, has_labels);
    std::fwrite(table.data(), 1, table.size(), stderr);
    if (rows->unlabelled > 0) {
      print_warning(fmt::format("{} rows without a label are in no part", with_thousands(rows->unlabelled)));
    }
    if (groups.near_duplicate_groups > 0) {
      print_note(fmt::format("{} groups of near-duplicates ({} rows) stay on one side each",
                             with_thousands(groups.near_duplicate_groups), with_thousands(groups.near_duplicate_rows)));
    }
    if (leakage) tell_leakage(*rows, split, *leakage);
    tell_thin_labels(*rows, split, *shares);
  }
  if (arguments.json) {
    const ExitCode printed = print_to_stdout(split_json(*rows, split, groups, leaking, *seed));
    if (printed != ExitCode::kOk) return printed;
  }
  return rows->failed.count == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_data_split(CLI::App& data) {
  CLI::App* app = data.add_subcommand("split", "Cut into train, dev and test: stratified, seeded, without leakage");
  app->footer(kExamples);
  const auto arguments = std::make_shared<SplitArguments>();
  declare_data_input(*app, arguments->input, TextOption::kYes, LabelOption::kYes);
  app->add_option("-o,--output", arguments->output.output, "Directory for train, dev and test; made if absent")
      ->type_name("DIR");
  app->add_option("-f,--format", arguments->output.format, "csv, tsv or jsonl [as the input]")->type_name("F");
  app->add_option("--train", arguments->shares[0], "Share of the rows for train [0.8]")->type_name("X");
  app->add_option("--dev", arguments->shares[1], "Share for dev [0.1]")->type_name("X");
  app->add_option("--test", arguments->shares[2], "Share for test [0.1]")->type_name("X");
  app->add_option("--ratios", arguments->ratios, "The three at once, or train and dev alone: 8,1,1")
      ->type_name("A,B,C");
  app->add_option("--group-by", arguments->group_by,
                  "Rows with one value in this column stay together: author, customer")
      ->type_name("C");
  app->add_option("--against", arguments->against,
                  "Rows kept for testing elsewhere: what is among them, near-duplicates too, is left out of train; may "
                  "be given again")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app->add_option("--seed", arguments->seed, "Another cut for each number; the same everywhere for one [0]")
      ->type_name("N");
  app->add_flag("--no-stratify", arguments->no_stratify, "Do not look at labels");
  app->add_flag("--no-near-duplicates", arguments->no_near_duplicates,
                "Let near-duplicates fall into different parts: what is tested was learnt then");
  app->add_option("--similarity", arguments->similarity,
                  "Share of the words in which near-duplicates agree, 0.5 to 1 [0.9, and one word of five to nine]")
      ->type_name("X");
  app->add_flag("--json", arguments->json, "The counts as JSON on standard output");
  app->add_flag("--dry-run", arguments->dry_run, "Count, write nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_split(*arguments, global); }};
}

}  // namespace valence::cli
