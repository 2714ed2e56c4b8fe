// JSON Lines bytes. Beyond not crashing: pieces of any size give the same rows, every carried value is JSON by itself,
// and rows that were all accepted are read back the same after being written.
#include <cstdint>

#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"
#include "valence/base/check.h"
#include "valence/base/json.h"
#include "valence/data/writer.h"

namespace {

using namespace valence;
using testing::ReadInput;

void check_chunks(const ReadInput& whole, const ReadInput& chunked) {
  VALENCE_ASSERT(whole.error.has_value() == chunked.error.has_value(), "pieces of any size give the same verdict");
  VALENCE_ASSERT(whole.rows.size() == chunked.rows.size(), "pieces of any size give the same rows");
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    VALENCE_ASSERT(testing::described(whole.rows[i]) == testing::described(chunked.rows[i]), "and each is the same");
  }
}

void check_rewritten(const ReadInput& whole) {
  testing::CapturedSink captured;
  const auto writer = data::make_writer(data::OutputFormat::kJsonl, {}, captured.sink());
  std::vector<std::string> texts;
  for (const auto& row : whole.rows) {
    if (!row) continue;
    texts.push_back(row->text);
    for (std::size_t i = 0; i < row->carried.size(); ++i) {
      VALENCE_ASSERT(Json::parse(row->carried.value(i), "value"), "a slice of JSON is JSON");
    }
    VALENCE_ASSERT((*writer)->write({.carried = &row->carried, .text = row->text}), "memory takes all output");
  }
  VALENCE_ASSERT((*writer)->finish(), "memory takes all output");
  const ReadInput again = testing::read_all(captured.written(), "fuzz.jsonl", {.text_column = whole.text_column});
  VALENCE_ASSERT(testing::texts_of(again) == texts, "what is written can be read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const ReadInput whole = testing::read_all(bytes, "fuzz.jsonl");
  check_chunks(whole, testing::read_all(bytes, "fuzz.jsonl", {}, 1 + bytes.size() % 7));
  check_rewritten(whole);
  // A dotted path takes the other way to the text.
  check_chunks(testing::read_all(bytes, "fuzz.jsonl", {.text_column = "a.b"}),
               testing::read_all(bytes, "fuzz.jsonl", {.text_column = "a.b"}, 3));
  return 0;
}
