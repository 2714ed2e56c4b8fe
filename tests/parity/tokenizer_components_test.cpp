// Pairs, pre-tokenizers, decoders and old directories against PyPI tokenizers and transformers, as
// tools/make_tokenizer_component_goldens.py recorded them: hard texts, and every text of the data sets beside the
// checkout.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "parity/tokenizer_data_sets.h"
#include "parity/tokenizer_goldens.h"
#include "support/temporary_directory.h"

namespace valence {
namespace {

using namespace testing::goldens;  // NOLINT: the vocabulary of this test

namespace fs = std::filesystem;

TruncationStrategy strategy_of(const std::string& name) {
  if (name == "only_first") return TruncationStrategy::kOnlyFirst;
  return name == "only_second" ? TruncationStrategy::kOnlySecond : TruncationStrategy::kLongestFirst;
}

TEST(TokenizerComponents, PairsThroughEveryPostProcessorAndTruncation) {
  std::size_t compared = 0;
  for (const auto& [name, pipeline] : must(must(read_golden("components.json").at("pairs")).members())) {
    const Tokenizer tokenizer = small_tokenizer(pipeline);
    for (const Json& golden : must(must(pipeline.at("cases")).items())) {
      const auto parts = must(golden.items());
      EncodeOptions options;
      options.add_special_tokens = must(parts[2].as_boolean());
      options.truncation_strategy = strategy_of(must(parts[3].as_string()));
      options.truncation_side = must(parts[4].as_string()) == "left" ? TruncationSide::kLeft : TruncationSide::kRight;
      options.max_length = static_cast<std::size_t>(must(parts[5].as_integer()));
      const std::string first = must(parts[0].as_string());
      const auto encoded = parts[1].is_null() ? tokenizer.encode(first, options)
                                              : tokenizer.encode_pair(first, must(parts[1].as_string()), options);
      ++compared;
      if (parts[6].is_null()) {
        EXPECT_FALSE(encoded.has_value()) << name << ": " << golden.dump();
        continue;
      }
      ASSERT_TRUE(encoded.has_value()) << name << ": " << golden.dump() << ": " << encoded.error().to_string();
      EXPECT_EQ(encoded->ids, integers(parts[6])) << name << ": " << golden.dump();
      EXPECT_EQ(encoded->type_ids, integers(parts[7])) << name << ": " << golden.dump();
      const std::vector<std::int32_t> mask(encoded->special_tokens_mask.begin(), encoded->special_tokens_mask.end());
      EXPECT_EQ(mask, integers(parts[8])) << name << ": " << golden.dump();
      EXPECT_EQ(flat_offsets(*encoded), integers(parts[9])) << name << ": " << golden.dump();
    }
  }
  EXPECT_GT(compared, 2000U);
}

TEST(TokenizerComponents, HardTextsThroughEveryPreTokenizer) {
  std::size_t compared = 0;
  for (const auto& [name, pipeline] : must(must(read_golden("components.json").at("pre_tokenizers")).members())) {
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

TEST(TokenizerComponents, EveryUnicodeScalarThroughRegularExpressions) {
  for (const auto& [name, golden] : must(must(read_golden("components.json").at("sweeps")).members())) {
    const Tokenizer tokenizer = small_tokenizer(golden);
    const auto blocks = must(must(golden.at("hashes")).items());
    for (char32_t block = 0; block < blocks.size(); ++block) {
      EXPECT_EQ(hash_of_block(tokenizer, block, "a", "1"), must(blocks[block].as_string()))
          << fmt::format("{}: block U+{:04X}", name, std::uint32_t{block * kBlock});
    }
  }
}

TEST(TokenizerComponents, IdsThroughEveryDecoder) {
  std::size_t compared = 0;
  for (const auto& [name, pipeline] : must(must(read_golden("components.json").at("decoders")).members())) {
    const Tokenizer tokenizer = small_tokenizer(pipeline);
    for (const Json& golden : must(must(pipeline.at("cases")).items())) {
      const auto parts = must(golden.items());
      const auto text = tokenizer.decode(integers(parts[0]), {.skip_special_tokens = must(parts[1].as_boolean())});
      EXPECT_EQ(must(text), must(parts[2].as_string())) << name << ": " << golden.dump();
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000U);
}

TEST(TokenizerComponents, DirectoriesWithTheFilesOfOlderCheckpoints) {
  for (const auto& [name, golden] : must(must(read_golden("components.json").at("directories")).members())) {
    const testing::TemporaryDirectory directory;
    for (const auto& [file, content] : must(must(golden.at("files")).members())) {
      directory.write(file, must(content.as_string()));
    }
    const auto tokenizer = Tokenizer::load(directory.path());
    ASSERT_TRUE(tokenizer.has_value()) << name << ": " << tokenizer.error().to_string();
    EXPECT_EQ(tokenizer->vocabulary_size(), static_cast<std::size_t>(must(golden.integer("size")))) << name;
    EXPECT_EQ(tokenizer->truncation_side() == TruncationSide::kLeft, must(golden.string("side")) == "left") << name;
    for (const Json& one : must(must(golden.at("cases")).items())) {
      const auto parts = must(one.items());
      const Encoding encoding = must(tokenizer->encode(must(parts[0].as_string())));
      EXPECT_EQ(encoding.ids, integers(parts[1])) << name << ": " << one.dump();
      EXPECT_EQ(must(tokenizer->decode(encoding.ids)), must(parts[2].as_string())) << name << ": " << one.dump();
    }
  }
}

/// The two hashes of one data set: pairs of neighbours, and every text decoded again.
std::pair<std::string, std::string> hashes_of(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                              std::size_t length) {
  Hash pairs;
  Hash decoded;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i + 1 < texts.size()) {
      const Encoding pair =
          must(tokenizer.encode_pair(texts[i], texts[i + 1], {.max_length = length, .with_offsets = false}));
      pairs.update(static_cast<std::uint32_t>(pair.ids.size()));
      for (const std::int32_t id : pair.ids) pairs.update(static_cast<std::uint32_t>(id));
      for (const std::int32_t type_id : pair.type_ids) pairs.update(static_cast<std::uint32_t>(type_id));
    }
    const std::string text = must(tokenizer.decode(must(tokenizer.encode(texts[i], {.with_offsets = false})).ids));
    decoded.update(static_cast<std::uint32_t>(text.size()));
    for (const char byte : text) decoded.update(static_cast<unsigned char>(byte));
  }
  return {pairs.hex(), decoded.hex()};
}

TEST(TokenizerComponents, PairsAndDecodedTextsOfTheDataSetsWithSharedVocabularies) {
  if (!fs::exists(kShared / "tokenizers") || !fs::exists(kShared / "data")) {
    GTEST_SKIP() << "no vocabularies or data sets at " << kShared << ": set VALENCE_SHARED_DIR";
  }
  const Json goldens = read_golden("pairs.json");
  const auto length = static_cast<std::size_t>(must(goldens.integer("length")));
  std::vector<std::pair<Tokenizer, Json>> sets;
  for (const auto& [name, golden] : must(must(goldens.at("sets")).members())) {
    auto tokenizer = shared_tokenizer(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    sets.emplace_back(*std::move(tokenizer), golden);
  }
  for (const auto& [path, unused] : must(sets.front().second.members())) {
    const auto texts = testing::texts_of_data_set(kShared / path);
    for (const auto& [tokenizer, golden] : sets) {
      const auto expected = must(must(golden.at(path)).items());
      const auto [pairs, decoded] = hashes_of(tokenizer, texts, length);
      EXPECT_EQ(texts.size(), static_cast<std::size_t>(must(expected[0].as_integer()))) << path;
      EXPECT_EQ(pairs, must(expected[1].as_string())) << golden.where() << ": " << path;
      EXPECT_EQ(decoded, must(expected[2].as_string())) << golden.where() << ": " << path;
    }
  }
}

}  // namespace
}  // namespace valence
