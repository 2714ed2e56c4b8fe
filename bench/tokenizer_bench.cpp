// Texts a second of a tokenizer on one thread, CPU time.
//
//   tokenizer_bench [MODEL [FILE ...]]      a model directory, models/default by default; files as valence classify
//   reads
//                                           them, examples/reviews.csv by default
//
// Of five rounds over all texts the median; every text is tokenized with special tokens, at most 512 of them. With
// offsets and without.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <vector>

#include "valence/data/record_reader.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/tokenizer.h"

namespace valence::bench {
namespace {

constexpr int kRounds = 5;
constexpr std::size_t kMaxLength = 512;

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Status read_texts(const std::string& path, std::vector<std::string>& texts) {
  VALENCE_TRY(const auto reader, data::RecordReader::open(path, {}));
  std::vector<data::Row> rows;
  while (true) {
    VALENCE_TRY(const auto state, reader->next(rows));
    if (state == data::ReaderState::kEnd) break;
  }
  for (auto& row : rows) {
    if (row) texts.push_back(std::move(row->text));
  }
  return {};
}

struct Rate {
  double texts_per_second;
  std::size_t tokens;
};
Result<Rate> measure(const Tokenizer& tokenizer, const std::vector<std::string>& texts, bool with_offsets) {
  std::array<double, kRounds> seconds{};
  std::size_t tokens = 0;
  Encoding encoding;
  for (double& round : seconds) {
    tokens = 0;
    const double begin = process_cpu_seconds();
    for (const auto& text : texts) {
      VALENCE_TRY_STATUS(
          tokenizer.encode_into(text, {.max_length = kMaxLength, .with_offsets = with_offsets}, encoding));
      tokens += encoding.ids.size();
    }
    round = process_cpu_seconds() - begin;
  }
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return Rate{static_cast<double>(texts.size()) / seconds[kRounds / 2], tokens};
}

Status run(const std::string& model, const std::vector<std::string>& files) {
  const double begin = process_cpu_seconds();
  VALENCE_TRY(const Tokenizer tokenizer, load_tokenizer(model));
  const double loaded = process_cpu_seconds() - begin;
  std::vector<std::string> texts;
  for (const auto& file : files) VALENCE_TRY_STATUS(read_texts(file, texts));
  VALENCE_TRY(const Rate ids, measure(tokenizer, texts, false));
  VALENCE_TRY(const Rate offsets, measure(tokenizer, texts, true));
  fmt::print("{} texts, {} tokens: {:.0f} texts/s, with offsets {:.0f} texts/s; loaded in {:.1f} ms\n", texts.size(),
             ids.tokens, ids.texts_per_second, offsets.texts_per_second, 1e3 * loaded);
  return {};
}

}  // namespace
}  // namespace valence::bench

int main(int argc, char** argv) {
  std::vector<std::string> files(argv + std::min(argc, 2), argv + argc);
  if (files.empty()) files.emplace_back("examples/reviews.csv");
  const auto ran = valence::bench::run(argc > 1 ? argv[1] : "models/default", files);
  if (!ran) fmt::print(stderr, "tokenizer_bench: {}\n", ran.error().to_string());
  return ran ? 0 : 1;
}
