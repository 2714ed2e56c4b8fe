// Ids and offsets against PyPI tokenizers, as tools/make_tokenizer_goldens.py recorded them: hard texts through several
// pipelines, every Unicode scalar, and every text of the data sets beside the checkout with well-known vocabularies.
#include "valence/tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "parity/tokenizer_data_sets.h"
#include "parity/tokenizer_goldens.h"

namespace valence {
namespace {

using namespace testing::goldens;  // NOLINT: the vocabulary of this test

namespace fs = std::filesystem;

TEST(TokenizerParity, HardTextsThroughEveryPipeline) {
  std::size_t compared = 0;
  for (const auto& [name, pipeline] : must(must(read_golden("cases.json").at("pipelines")).members())) {
    const Tokenizer tokenizer = small_tokenizer(pipeline);
    for (const Json& golden : must(must(pipeline.at("cases")).items())) {
      const auto parts = must(golden.items());
      const std::string text = must(parts[0].as_string());
      const Encoding encoding = must(tokenizer.encode(text));
      EXPECT_EQ(encoding.ids, integers(parts[1])) << name << ": " << ::testing::PrintToString(text);
      EXPECT_EQ(flat_offsets(encoding), integers(parts[2])) << name << ": " << ::testing::PrintToString(text);
      ++compared;
    }
  }
  EXPECT_GT(compared, 2000U);
}

void compare_truncated(const Json& pipeline, const Json& goldens) {
  const Tokenizer tokenizer = small_tokenizer(pipeline);
  for (const Json& golden : must(goldens.items())) {
    const auto parts = must(golden.items());
    EncodeOptions options;
    options.truncation_side = must(parts[0].as_string()) == "left" ? TruncationSide::kLeft : TruncationSide::kRight;
    options.max_length = static_cast<std::size_t>(must(parts[1].as_integer()));
    const std::string first = must(parts[2].as_string());
    const Encoding encoding =
        must(parts[3].is_null() ? tokenizer.encode(first, options)
                                : tokenizer.encode_pair(first, must(parts[3].as_string()), options));
    EXPECT_EQ(encoding.ids, integers(parts[4])) << golden.dump();
    EXPECT_EQ(flat_offsets(encoding), integers(parts[5])) << golden.dump();
  }
}

TEST(TokenizerParity, TruncationOfTextsAndPairs) {
  const Json cases = read_golden("cases.json");
  const Json pipelines = must(cases.at("pipelines"));
  compare_truncated(must(pipelines.at("uncased")), must(cases.at("truncated")));
  compare_truncated(must(pipelines.at("roberta_prefix")), must(cases.at("truncated_roberta")));
}

void compare_sweeps(const Tokenizer& tokenizer, const Json& golden) {
  compare_sweep(tokenizer, must(golden.at("alone")), "", "");
  compare_sweep(tokenizer, must(golden.at("between")), "a", "b");
}

TEST(TokenizerParity, EveryUnicodeScalarWithSmallVocabularies) {
  const Json sweeps = must(read_golden("hashes.json").at("sweeps"));
  const Json pipelines = must(read_golden("cases.json").at("pipelines"));
  compare_sweeps(small_tokenizer(must(pipelines.at("uncased"))), must(sweeps.at("small uncased")));
  compare_sweeps(small_tokenizer(must(pipelines.at("cased"))), must(sweeps.at("small cased")));
  compare_sweeps(small_tokenizer(must(pipelines.at("llama3"))), must(sweeps.at("small llama3")));
}

TEST(TokenizerParity, EveryUnicodeScalarWithSharedVocabularies) {
  if (!fs::exists(kShared / "tokenizers"))
    GTEST_SKIP() << "no vocabularies at " << kShared << ": set VALENCE_SHARED_DIR";
  for (const auto& [name, golden] : must(must(read_golden("hashes.json").at("sweeps")).members())) {
    if (name.starts_with("small ")) continue;
    const auto tokenizer = shared_tokenizer(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    compare_sweeps(*tokenizer, golden);
  }
}

TEST(TokenizerParity, EveryTextOfTheDataSetsWithSharedVocabularies) {
  if (!fs::exists(kShared / "tokenizers") || !fs::exists(kShared / "data")) {
    GTEST_SKIP() << "no vocabularies or data sets at " << kShared << ": set VALENCE_SHARED_DIR";
  }
  compare_data_sets(must(read_golden("hashes.json").at("sets")), shared_tokenizer);
}

TEST(TokenizerParity, HardTextsWithSharedVocabularies) {
  if (!fs::exists(kShared / "tokenizers"))
    GTEST_SKIP() << "no vocabularies at " << kShared << ": set VALENCE_SHARED_DIR";
  const auto cases =
      must(must(must(must(read_golden("cases.json").at("pipelines")).at("uncased")).at("cases")).items());
  for (const auto& [name, golden] : must(must(read_golden("hashes.json").at("sets")).members())) {
    const auto tokenizer = shared_tokenizer(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    Hash hash;
    for (const Json& one : cases) {
      hash.update(must(tokenizer->encode(must(must(one.items())[0].as_string()))));
    }
    EXPECT_EQ(hash.hex(), must(must(must(golden.at("hard texts")).items())[1].as_string())) << name;
  }
}

}  // namespace
}  // namespace valence
