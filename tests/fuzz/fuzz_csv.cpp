// CSV and TSV bytes. Beyond not crashing: pieces of any size give the same rows, and rows that were all accepted are
// read back the same after being written.
#include <cstdint>

#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"
#include "valence/base/check.h"
#include "valence/data/writer.h"

namespace {

using namespace valence;
using testing::ReadInput;

bool all_accepted(const ReadInput& input) {
  return !input.error &&
         std::all_of(input.rows.begin(), input.rows.end(), [](const auto& row) { return row.has_value(); });
}

std::string written(const ReadInput& input, data::OutputFormat format) {
  testing::CapturedSink captured;
  const auto writer = data::make_writer(format, {.input_columns = input.columns}, captured.sink());
  for (const auto& row : input.rows) {
    VALENCE_ASSERT((*writer)->write({.carried = &row->carried, .text = row->text}), "memory takes all output");
  }
  VALENCE_ASSERT((*writer)->finish(), "memory takes all output");
  return captured.written();
}

void check(const std::string& bytes, const std::string& name, data::OutputFormat format) {
  const ReadInput whole = testing::read_all(bytes, name);
  const ReadInput chunked = testing::read_all(bytes, name, {}, 1 + bytes.size() % 7);
  VALENCE_ASSERT(whole.error.has_value() == chunked.error.has_value(), "pieces of any size give the same verdict");
  VALENCE_ASSERT(whole.rows.size() == chunked.rows.size(), "pieces of any size give the same rows");
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    VALENCE_ASSERT(testing::described(whole.rows[i]) == testing::described(chunked.rows[i]), "and each is the same");
  }
  if (!all_accepted(whole)) return;
  const ReadInput again = testing::read_all(written(whole, format), name, {.text_column = whole.text_column});
  VALENCE_ASSERT(all_accepted(again) && again.rows.size() == whole.rows.size(), "what is written can be read");
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    for (std::size_t c = 0; c < whole.columns.size(); ++c) {
      VALENCE_ASSERT(again.rows[i]->carried.value(c) == whole.rows[i]->carried.value(c), "byte for byte");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, "fuzz.csv", data::OutputFormat::kCsv);
  check(bytes, "fuzz.tsv", data::OutputFormat::kTsv);
  return 0;
}
