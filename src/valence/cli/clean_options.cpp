#include "valence/cli/clean_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "valence/base/file.h"
#include "valence/cli/option_values.h"

namespace valence::cli {
namespace {

constexpr std::uint64_t kMaxLabelMapBytes = std::uint64_t{4} << 20;
constexpr double kLeastSimilarity = 0.5;

constexpr std::array<Choice<data::LabelCase>, 2> kLabelCases{
    {{"lower", data::LabelCase::kLower}, {"keep", data::LabelCase::kKeep}}};

Result<std::vector<std::string>> parse_columns(const std::string& option, const std::string& word,
                                               const data::RecordReader& reader) {
  std::vector<std::string> columns = split_list(word);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    VALENCE_TRY_STATUS(
        data::check_column(reader, columns[i], fmt::format("name columns that are there after {}", option)));
    if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) !=
        columns.begin() + static_cast<std::ptrdiff_t>(i)) {
      return fail(ErrorCode::kInvalidArgument, option, fmt::format("names \"{}\" twice", columns[i]));
    }
  }
  return columns;
}

Result<data::TextTraits> parse_repair(const std::string& word) {
  if (word == "all") return data::TextTraits::all_repairable();
  data::TextTraits traits;
  if (word == "none") return traits;
  for (const std::string& name : split_list(word)) {
    const auto trait = data::parse_text_trait(name);
    if (!trait || static_cast<std::size_t>(*trait) >= data::kRepairableTraits) {
      std::vector<std::string_view> names{"all", "none"};
      for (std::size_t i = 0; i < data::kRepairableTraits; ++i)
        names.push_back(name_of(static_cast<data::TextTrait>(i)));
      return fail(not_one_of("--repair", name, names));
    }
    traits.add(*trait);
  }
  return traits;
}

Result<data::PersonalDataKinds> parse_redact(const std::string& word) {
  data::PersonalDataKinds kinds{};
  if (word == "all") {
    kinds.fill(true);
    return kinds;
  }
  for (const std::string& name : split_list(word)) {
    const auto kind = data::parse_personal_data(name);
    if (!kind) {
      std::vector<std::string_view> names{"all"};
      for (std::size_t i = 0; i < data::kPersonalDataKinds; ++i)
        names.push_back(name_of(static_cast<data::PersonalData>(i)));
      return fail(not_one_of("--redact", name, names));
    }
    kinds[static_cast<std::size_t>(*kind)] = true;
  }
  return kinds;
}

Result<data::LabelMap> parse_label_map(const CleanArguments& arguments) {
  VALENCE_TRY(const data::LabelCase label_case, choose("--label-case", arguments.label_case, kLabelCases));
  data::LabelMap labels(label_case);
  if (!arguments.label_map.empty()) {
    VALENCE_TRY(const std::string text, read_file(arguments.label_map, kMaxLabelMapBytes));
    VALENCE_TRY_STATUS(labels.add_file(text, arguments.label_map));
  }
  for (const std::string& entry : arguments.map_labels) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) {
      return fail(ErrorCode::kInvalidArgument, "--map-label", fmt::format("\"{}\" has no =", entry),
                  "write from=to, e.g. --map-label neg=negative");
    }
    const Status added = labels.add(entry.substr(0, equals), entry.substr(equals + 1));
    if (!added) return fail(added.error().in("--map-label"));
  }
  return labels;
}

std::optional<std::string> usual_id_column(const std::vector<std::string>& columns) {
  for (const char* const usual : {"id", "ID", "Id", "_id", "uuid"}) {
    if (std::ranges::find(columns, usual) != columns.end()) return usual;
  }
  return std::nullopt;
}

/// What may not be empty: the text, and the label where there is one.
Result<std::vector<std::string>> parse_drop_nulls(const std::string& word, const data::CleaningOptions& cleaning,
                                                  const data::RecordReader& reader) {
  if (word == "none") return std::vector<std::string>();
  if (word == "all") return cleaning.keep.empty() ? cleaning.columns : cleaning.keep;
  if (!word.empty()) return parse_columns("--drop-nulls", word, reader);
  std::vector<std::string> required{cleaning.text_column};
  if (cleaning.label_column) required.push_back(*cleaning.label_column);
  return required;
}

Status check_label_options(const CleanArguments& arguments, const data::CleaningOptions& cleaning) {
  if (cleaning.label_column) return {};
  const char* const without_use = !arguments.map_labels.empty()  ? "--map-label"
                                  : !arguments.label_map.empty() ? "--label-map"
                                  : !arguments.labels.empty()    ? "--labels"
                                                                 : nullptr;
  if (without_use == nullptr) return {};
  return fail(ErrorCode::kInvalidArgument, without_use, "there is no label column named \"label\"",
              "say which column holds the labels with --label-column");
}

}  // namespace

Result<data::NearDuplicateOptions> parse_similarity(const std::string& word) {
  data::NearDuplicateOptions options;
  if (word.empty()) return options;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), options.similarity);
  const bool is_number = failed == std::errc() && end == word.data() + word.size();
  if (!is_number || !(options.similarity >= kLeastSimilarity && options.similarity <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "--similarity",
                fmt::format("\"{}\" is no number from {} to 1", word, kLeastSimilarity));
  }
  // At 1 only case, punctuation and white space may differ.
  if (options.similarity == 1) options.max_edits = 0;
  return options;
}

void declare_clean_options(CLI::App& app, CleanArguments& arguments) {
  declare_data_input(app, arguments.input, TextOption::kYes, LabelOption::kYes);
  declare_data_output(app, arguments.output);
  const auto rows = "Rows";
  app.add_option("--keep", arguments.keep, "Columns to write, in this order [all]")->type_name("A,B")->group(rows);
  app.add_option("--drop-nulls", arguments.drop_nulls,
                 "Columns in which a row must have a value; all (that are kept) or none [the text and the label]")
      ->type_name("A,B")
      ->group(rows);
  app.add_option("--null", arguments.nulls,
                 "A further word that means no value, beside null, nan, n/a, na, none, nil and -; may be given again")
      ->type_name("WORD")
      ->group(rows)
      ->allow_extra_args(false);
  app.add_option("--duplicates-on", arguments.duplicates_on,
                 "Columns in which rows that agree are duplicates: the first stays; none keeps all [the text]")
      ->type_name("A,B")
      ->group(rows);
  app.add_flag("--near-duplicates", arguments.near_duplicates,
               "Also drop texts that differ by case, punctuation or a few words, where the labels agree")
      ->group(rows);
  app.add_option("--similarity", arguments.similarity,
                 "Share of the words in which near-duplicates must agree, 0.5 to 1 [0.9, and one word of five to nine]")
      ->type_name("X")
      ->group(rows);
  app.add_option("--id-column", arguments.id_column, "Column that numbers the rows, for the count of repeats [id]")
      ->type_name("C")
      ->group(rows);
  const auto text = "Text";
  app.add_option("--repair", arguments.repair,
                 "all, none, or some of mojibake, escapes, doubled_quotes, html, control, invisible, not_nfc, "
                 "whitespace [all]")
      ->type_name("A,B")
      ->group(text);
  app.add_option("--redact", arguments.redact,
                 "Replace personal data: all, or some of email, phone, card, iban, ip, url, handle [none]")
      ->type_name("A,B")
      ->group(text);
  const auto labels = "Labels";
  app.add_option("--label-case", arguments.label_case, "lower, or keep as they are [lower]")
      ->type_name("CASE")
      ->group(labels);
  app.add_option("--map-label", arguments.map_labels, "Write one label as another; may be given again")
      ->type_name("FROM=TO")
      ->group(labels)
      ->allow_extra_args(false);
  app.add_option("--label-map", arguments.label_map, "The same from a file: a JSON object, or lines of from=to")
      ->type_name("FILE")
      ->group(labels);
  app.add_option("--labels", arguments.labels, "Labels that may be; rows with others are dropped [all]")
      ->type_name("A,B")
      ->group(labels);
  app.add_option("--report", arguments.report,
                 "A line for every row dropped or changed and why, without texts (.csv .tsv .jsonl)")
      ->type_name("FILE")
      ->group("Output");
  app.add_flag("--json", arguments.json, "The counts as JSON on standard output; needs -o FILE or --dry-run")
      ->group("Output");
  app.add_flag("--dry-run", arguments.dry_run, "Count and report, write no rows")->group("Output");
  app.add_option("--threads", arguments.threads, "Threads that clean [physical cores]")
      ->type_name("N")
      ->group("Output");
}

Result<CleanOptions> interpret(const CleanArguments& arguments, const pipeline::Source& source) {
  const data::RecordReader& reader = *source.reader();
  CleanOptions options;
  data::CleaningOptions& cleaning = options.cleaning;
  cleaning.columns = reader.columns();
  cleaning.text_column = reader.text_column();
  VALENCE_TRY(cleaning.label_column, find_label_column(source, arguments.input));
  VALENCE_TRY(cleaning.keep, parse_columns("--keep", arguments.keep, reader));
  VALENCE_TRY(cleaning.required, parse_drop_nulls(arguments.drop_nulls, cleaning, reader));
  if (arguments.duplicates_on.empty()) {
    cleaning.duplicate_columns = {cleaning.text_column};
  } else if (arguments.duplicates_on != "none") {
    VALENCE_TRY(cleaning.duplicate_columns, parse_columns("--duplicates-on", arguments.duplicates_on, reader));
  }
  cleaning.id_column = usual_id_column(cleaning.columns);
  if (!arguments.id_column.empty()) {
    VALENCE_TRY_STATUS(data::check_column(reader, arguments.id_column, "say which with --id-column"));
    cleaning.id_column = arguments.id_column;
  }
  VALENCE_TRY(cleaning.repair, parse_repair(arguments.repair));
  VALENCE_TRY(cleaning.redact, parse_redact(arguments.redact));
  VALENCE_TRY_STATUS(check_label_options(arguments, cleaning));
  VALENCE_TRY(cleaning.labels, parse_label_map(arguments));
  for (const std::string& label : split_list(arguments.labels)) {
    cleaning.allowed_labels.push_back(cleaning.labels.apply(label));
  }
  cleaning.missing = data::MissingValues(arguments.nulls);
  if (!arguments.similarity.empty() && !arguments.near_duplicates) {
    return fail(ErrorCode::kInvalidArgument, "--similarity", "says how near near-duplicates are",
                "add --near-duplicates");
  }
  options.near.enabled = cleaning.with_sketch = arguments.near_duplicates;
  VALENCE_TRY(options.near.options, parse_similarity(arguments.similarity));
  return options;
}

}  // namespace valence::cli
