#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gates/workloads.h"
#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"
#include "valence/data/delimited_writer.h"
#include "valence/data/record_reader.h"
#include "valence/data/writer.h"
#include "valence/engine/default_model.h"
#include "valence/tokenizer.h"

namespace valence::gates {
namespace {

constexpr std::size_t kTexts = 400;
constexpr std::size_t kRows = 2000;

/// Short texts that people could have written: quotes, commas, emoji, other scripts.
Result<std::vector<std::string>> sentences() {
  std::vector<std::string> sentences;
  for (const char* path :
       {VALENCE_TESTS_DIR "/plain/plain_sentences.csv", VALENCE_TESTS_DIR "/../examples/reviews.csv"}) {
    VALENCE_TRY(const auto reader, data::RecordReader::open(path, {}));
    std::vector<data::Row> rows;
    while (true) {
      VALENCE_TRY(const auto state, reader->next(rows));
      if (state == data::ReaderState::kEnd) break;
    }
    for (const auto& row : rows) {
      if (row) sentences.push_back(row->text);
    }
  }
  return sentences;
}

/// Texts of one sentence, then of two, and so on: each another one.
Result<std::vector<std::string>> texts(std::size_t count) {
  constexpr std::size_t kStep = 7;  // to a sentence of another kind: the file has them in groups
  VALENCE_TRY(const auto pieces, sentences());
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = pieces[i % pieces.size()];
    for (std::size_t more = 1; more <= i / pieces.size() % 4; ++more) {
      text += ' ' + pieces[(i + more * kStep) % pieces.size()];
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::string> csv_of_texts() {
  VALENCE_TRY(const auto all, texts(kRows));
  std::string csv = "id,text,stars\n";
  for (std::size_t i = 0; i < all.size(); ++i) {
    csv += fmt::format("{},", i + 1);
    data::append_cell(csv, all[i], ',');
    csv += fmt::format(",{}\n", 1 + i % 5);
  }
  return csv;
}

testing::ReadInput read(const std::string& csv) {
  constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
  return testing::read_all(csv, "reviews.csv", {}, kChunkBytes);
}

Status check(const testing::ReadInput& input) {
  if (input.error) return fail(*input.error);
  if (input.rows.size() != kRows) {
    return fail(ErrorCode::kInternal, "reviews.csv", fmt::format("{} rows, not {}", input.rows.size(), kRows));
  }
  return {};
}

}  // namespace

Result<Work> prepare_tokenizer() {
  VALENCE_TRY(auto tokenizer, Tokenizer::from_tokenizer_json(default_model().tokenizer_json, "built-in model"));
  VALENCE_TRY(auto all, texts(kTexts));
  return [tokenizer = std::move(tokenizer), texts = std::move(all), encoding = Encoding()]() mutable -> Status {
    for (const std::string& text : texts) {
      VALENCE_TRY_STATUS(tokenizer.encode_into(text, {.max_length = 128, .with_offsets = false}, encoding));
    }
    return {};
  };
}

Result<Work> prepare_csv_reader() {
  VALENCE_TRY(auto csv, csv_of_texts());
  return [csv = std::move(csv)] { return check(read(csv)); };
}

Result<Work> prepare_csv_writer() {
  VALENCE_TRY(const auto csv, csv_of_texts());
  const auto input = std::make_shared<testing::ReadInput>(read(csv));
  VALENCE_TRY_STATUS(check(*input));
  return [input]() -> Status {
    static constexpr std::array<data::LabelScore, 3> kScores = {
        {{"positive", 0.8125F}, {"neutral", 0.15F}, {"negative", 0.0375F}}};
    testing::CapturedSink captured;
    VALENCE_TRY(const auto writer,
                data::make_writer(data::OutputFormat::kCsv, {.input_columns = input->columns, .has_scores = true},
                                  captured.sink()));
    for (const auto& row : input->rows) {
      VALENCE_TRY_STATUS(
          writer->write({.carried = &row->carried, .text = row->text, .best = kScores[0], .scores = kScores}));
    }
    return writer->finish();
  };
}

}  // namespace valence::gates
