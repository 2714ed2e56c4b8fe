/// \file
/// `valence tokenize`: the tokens that a model sees of a text, and the way back.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/option_values.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/cli/token_view.h"
#include "valence/data/formats.h"
#include "valence/data/output_sink.h"
#include "valence/data/shown_text.h"
#include "valence/pipeline/source.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence tokenize "The product is great but shipping was terrible"
  valence tokenize "A man is eating." --pair "Somebody eats." -m ./nli-model
  valence tokenize reviews.csv -f jsonl -m ./my-model
  valence tokenize --decode "101 2025 2919 102" -m ./my-model)";

constexpr std::size_t kMaxTokens = std::size_t{1} << 24;

struct TokenizeArguments {
  std::vector<std::string> inputs;
  std::vector<std::string> texts;
  std::string pair;
  bool has_pair = false;
  std::string decode;
  std::string model = "default";
  std::string input_format;
  std::string text_column;
  std::string encoding = "utf-8";
  std::string format;
  std::string max_length;
  std::string truncation = "longest_first";
  bool no_special_tokens = false;
};

enum class TokenFormat { kTable, kJsonl, kJson };

constexpr std::array<Choice<TokenFormat>, 3> kFormats{
    {{"table", TokenFormat::kTable}, {"jsonl", TokenFormat::kJsonl}, {"json", TokenFormat::kJson}}};
constexpr std::array<Choice<TruncationStrategy>, 3> kTruncations{{{"longest_first", TruncationStrategy::kLongestFirst},
                                                                  {"only_first", TruncationStrategy::kOnlyFirst},
                                                                  {"only_second", TruncationStrategy::kOnlySecond}}};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

/// A word of the command line that is meant as a file: `-`, or the name of one that is there and holds texts.
bool names_input(const std::string& word) {
  if (word == "-") return true;
  std::error_code ignored;
  return data::input_format_of(word).has_value() && std::filesystem::exists(word, ignored) &&
         !std::filesystem::is_directory(word, ignored);
}

/// Texts or files, as the words of the command line say.
Result<std::unique_ptr<pipeline::Source>> open_source(const TokenizeArguments& arguments,
                                                      const data::ReaderOptions& reader) {
  std::vector<std::string> texts;
  std::vector<std::string> files;
  for (const std::string& word : arguments.inputs) (names_input(word) ? files : texts).push_back(word);
  texts.insert(texts.end(), arguments.texts.begin(), arguments.texts.end());
  if (!texts.empty() && !files.empty()) {
    return fail(ErrorCode::kInvalidArgument, files.front(),
                "is a file: literal texts and files cannot be tokenized in one run",
                "give a text that is the name of a file with --text");
  }
  if (!texts.empty()) return pipeline::source_of_texts(std::move(texts));
  return pipeline::open_files(std::move(files), reader, false);
}

Result<data::ReaderOptions> reader_options(const TokenizeArguments& arguments) {
  data::ReaderOptions reader;
  if (!arguments.input_format.empty()) {
    reader.format = data::parse_input_format(arguments.input_format);
    if (!reader.format)
      return fail(not_one_of("--input-format", arguments.input_format, {"csv", "tsv", "jsonl", "txt"}));
  }
  const auto encoding = data::parse_encoding(arguments.encoding);
  if (!encoding) {
    return fail(not_one_of("--encoding", arguments.encoding, {"utf-8", "windows-1252", "iso-8859-1", "utf-16"}));
  }
  reader.encoding = *encoding;
  if (!arguments.text_column.empty()) reader.text_column = arguments.text_column;
  return reader;
}

/// "101, 2023 102"
Result<std::vector<std::int32_t>> parse_ids(std::string_view words) {
  constexpr std::string_view kBetween = ", \t\n[]";
  std::vector<std::int32_t> ids;
  while (true) {
    const std::size_t begin = words.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return ids;
    words.remove_prefix(begin);
    const std::string_view word = words.substr(0, words.find_first_of(kBetween));
    std::int32_t id = 0;
    const auto [end, wrong] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (wrong != std::errc() || end != word.data() + word.size() || id < 0) {
      return fail(ErrorCode::kInvalidArgument, "--decode", fmt::format("\"{}\" is no token id", word),
                  "give whole numbers with spaces or commas between them");
    }
    ids.push_back(id);
    words.remove_prefix(word.size());
  }
}

ExitCode decode(const TokenizeArguments& arguments, const Tokenizer& tokenizer, TokenFormat format) {
  const auto ids = parse_ids(arguments.decode);
  if (!ids) return failed(ids.error());
  const auto text = tokenizer.decode(*ids, {.skip_special_tokens = arguments.no_special_tokens});
  if (!text) return failed(text.error());
  if (format == TokenFormat::kTable) {
    return print_to_stdout(is_terminal(STDOUT_FILENO) ? data::visible(*text) + '\n' : *text + '\n');
  }
  std::string json;
  append_json_string(json, *text);
  data::escape_for_terminal(json, 0);
  return print_to_stdout(json + '\n');
}

/// Writes one entry a row, errors in their place.
class TokenWriter {
 public:
  TokenWriter(const TokenizeArguments& arguments, const Tokenizer& tokenizer, const EncodeOptions& encode,
              TokenFormat format, const TokenTableStyle& style)
      : arguments_(arguments), tokenizer_(tokenizer), encode_(encode), format_(format), style_(style) {}

  void add(const data::Row& row) {
    if (!row) {
      add_error(row.error().error);
      return;
    }
    const auto encoding = arguments_.has_pair ? tokenizer_.encode_pair(row->text, arguments_.pair, encode_)
                                              : tokenizer_.encode(row->text, encode_);
    if (!encoding) {
      add_error(encoding.error().in(fmt::format("{}:{}", row->input, row->line)));
      return;
    }
    const auto tokens = view_tokens(tokenizer_, *encoding, row->text, arguments_.pair);
    begin_entry();
    if (format_ == TokenFormat::kTable) {
      append_tokens_table(out_, tokens, style_);
    } else {
      append_tokens_json(out_, tokens, arguments_.has_pair);
    }
    end_entry();
  }

  /// What was added since, or all of an empty document.
  [[nodiscard]] std::string take(bool is_end) {
    if (is_end && format_ == TokenFormat::kJson) out_ += entries_ == 0 ? "[]\n" : "]\n";
    return std::exchange(out_, {});
  }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void begin_entry() {
    begin_ = out_.size();
    if (format_ == TokenFormat::kJson) out_ += entries_ == 0 ? "[" : ",\n";
    if (format_ == TokenFormat::kTable && entries_ > 0) out_ += '\n';
    ++entries_;
  }
  void end_entry() {
    if (format_ == TokenFormat::kTable) return;
    data::escape_for_terminal(out_, begin_);
    if (format_ == TokenFormat::kJsonl) out_ += '\n';
  }
  void add_error(const Error& error) {
    ++failed_;
    print_warning(error.to_string());
    if (format_ == TokenFormat::kTable) return;
    begin_entry();
    out_ += "{\"error\": ";
    append_json_string(out_, to_valid_utf8(error.to_string()));
    out_ += '}';
    end_entry();
  }

  const TokenizeArguments& arguments_;
  const Tokenizer& tokenizer_;
  EncodeOptions encode_;
  TokenFormat format_;
  TokenTableStyle style_;
  std::string out_;
  std::size_t begin_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t failed_ = 0;
};

/// Where the rows go as they come: a pipe sees each line at once.
ExitCode write_all(pipeline::Source& source, TokenWriter& writer, const SignalWatcher& signals) {
  std::vector<data::Row> rows;
  auto state = data::ReaderState::kMore;
  while (state == data::ReaderState::kMore) {
    rows.clear();
    auto next = source.next(rows, {});
    for (const data::Row& row : rows) writer.add(row);
    const bool is_end = !next || *next == data::ReaderState::kEnd;
    if (const ExitCode printed = print_to_stdout(writer.take(is_end)); printed != ExitCode::kOk) return printed;
    if (std::ferror(stdout) != 0) return ExitCode::kOk;  // the reader has left
    if (!next) return signals.signalled() ? signals.exit_code() : failed(next.error());
    state = *next;
  }
  return writer.failed() > 0 ? ExitCode::kSomeRowsFailed : ExitCode::kOk;
}

ExitCode tokenize(const TokenizeArguments& given, const GlobalOptions& global, const CLI::App& app) {
  TokenizeArguments arguments = given;
  const bool to_terminal = is_terminal(STDOUT_FILENO);
  const auto format =
      choose("--format", arguments.format.empty() ? (to_terminal ? "table" : "jsonl") : arguments.format, kFormats);
  if (!format) return failed(format.error());
  EncodeOptions encode{.add_special_tokens = !arguments.no_special_tokens};
  const auto max_length = parse_count("--max-length", arguments.max_length, kMaxTokens);
  if (!max_length) return failed(max_length.error());
  encode.max_length = *max_length;
  const auto truncation = choose("--truncation", arguments.truncation, kTruncations);
  if (!truncation) return failed(truncation.error());
  encode.truncation_strategy = *truncation;
  auto reader = reader_options(arguments);
  if (!reader) return failed(reader.error());

  const bool decodes = app.get_option("--decode")->count() > 0;
  const bool has_texts = !arguments.inputs.empty() || !arguments.texts.empty();
  if (decodes && has_texts) {
    return failed({ErrorCode::kInvalidArgument, "--decode", "takes ids, not texts", "leave one of the two out"});
  }
  if (!decodes && !has_texts) {
    if (is_terminal(STDIN_FILENO)) {
      std::fputs(app.help().c_str(), stderr);
      return ExitCode::kUsage;
    }
    arguments.inputs = {"-"};
  }
  const auto tokenizer = load_tokenizer_of(arguments.model);
  if (!tokenizer) return failed(tokenizer.error());
  if (decodes) return decode(arguments, *tokenizer, arguments.format.empty() ? TokenFormat::kTable : *format);

  arguments.has_pair = app.get_option("--pair")->count() > 0;
  SignalWatcher signals;
  reader->stop = &signals.stop();
  const auto source = open_source(arguments, *reader);
  if (!source) return signals.signalled() ? signals.exit_code() : failed(source.error());
  TokenWriter writer(arguments, *tokenizer, encode, *format,
                     {.color = use_color(global.color, STDOUT_FILENO), .unicode = !is_dumb_terminal()});
  return write_all(**source, writer, signals);
}

}  // namespace

Command add_tokenize(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("tokenize", "The tokens that a model sees: pieces, ids, offsets");
  app->footer(kExamples);
  const auto arguments = std::make_shared<TokenizeArguments>();
  app->add_option("inputs", arguments->inputs,
                  "Texts; or files (.csv .tsv .jsonl .ndjson .txt, also .gz and .zst), - is standard input")
      ->type_name("TEXT|FILE");
  const auto input = "Input";
  app->add_option("-t,--text", arguments->texts, "A literal text, even if it is the name of a file; may be given again")
      ->type_name("TEXT")
      ->group(input)
      ->allow_extra_args(false);
  app->add_option("--pair", arguments->pair, "The second text of a pair, the same for every first one")
      ->type_name("TEXT")
      ->group(input);
  app->add_option("--decode", arguments->decode, "Show the text of these ids instead")->type_name("IDS")->group(input);
  app->add_option("--input-format", arguments->input_format, "csv, tsv, jsonl or txt [by suffix; standard input: txt]")
      ->type_name("F")
      ->group(input);
  app->add_option("--text-column", arguments->text_column,
                  "Column, or dotted JSON field, that holds the text [as for classify]")
      ->type_name("C")
      ->group(input);
  app->add_option("--encoding", arguments->encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E")
      ->group(input);
  const auto output = "Output";
  app->add_option("-f,--format", arguments->format, "table, jsonl or json [a terminal: table, a pipe: jsonl]")
      ->type_name("F")
      ->group(output);
  app->add_flag("--no-special-tokens", arguments->no_special_tokens,
                "Only the text's own tokens; with --decode: leave special ones out")
      ->group(output);
  const auto model = "Model";
  app->add_option("-m,--model", arguments->model,
                  "A model directory, a .gguf file, or `default`, the built-in model [default]")
      ->type_name("REF")
      ->group(model);
  app->add_option("--max-length", arguments->max_length, "Cut to N tokens, special ones counted [no limit]")
      ->type_name("N")
      ->group(model);
  app->add_option("--truncation", arguments->truncation,
                  "Which text of a pair is cut: longest_first, only_first or only_second [longest_first]")
      ->type_name("WHICH")
      ->group(model);
  return {.app = app,
          .run = [arguments, app](const GlobalOptions& global) { return tokenize(*arguments, global, *app); }};
}

}  // namespace valence::cli
