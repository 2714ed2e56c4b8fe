// Ids and offsets against PyPI tokenizers, as tools/make_tokenizer_goldens.py recorded them: hard texts through several
// pipelines, every Unicode scalar, and every text of the data sets beside the checkout with well-known vocabularies.
#include "valence/tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "parity/tokenizer_data_sets.h"
#include "parity/tokenizer_goldens.h"
#include "support/temporary_directory.h"
#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence {
namespace {

namespace fs = std::filesystem;
using testing::compare_sweep;
using testing::flat_offsets;
using testing::Hash;
using testing::integers;
using testing::must;

const fs::path kGoldens = fs::path(VALENCE_TESTS_DIR) / "parity/data/tokenizer";
const fs::path kShared = VALENCE_SHARED_DIR;

Json read_golden(const std::string& name) { return testing::read_json(kGoldens / name); }

/// A pipeline of cases.json, over the committed vocabulary if it brings none.
Tokenizer small_tokenizer(const Json& pipeline) {
  std::string json = must(pipeline.at("tokenizer")).dump();
  constexpr std::string_view kEmpty = R"("vocab":{})";
  if (json.find(kEmpty) == std::string::npos) return must(Tokenizer::from_tokenizer_json(json, "cases.json"));
  std::ifstream lines(kGoldens / "vocab.txt");
  std::string vocabulary = "{";
  int id = 0;
  for (std::string token; std::getline(lines, token); ++id) {
    if (id > 0) vocabulary += ',';
    append_json_string(vocabulary, token);
    vocabulary += fmt::format(":{}", id);
  }
  vocabulary += '}';
  json.replace(json.find(kEmpty), kEmpty.size(), R"("vocab":)" + vocabulary);
  return must(Tokenizer::from_tokenizer_json(json, "cases.json"));
}

/// "bert-base-cased/vocab.txt" among the shared tokenizers; nothing where they are absent.
std::optional<Tokenizer> shared_tokenizer(const std::string& name) {
  const fs::path file = kShared / "tokenizers" / name;
  if (!fs::exists(file)) return std::nullopt;
  if (file.filename() == "tokenizer.json") return must(Tokenizer::load(file.parent_path()));
  const testing::TemporaryDirectory directory;
  fs::copy_file(file, directory.path() / file.filename());
  if (file.filename() == "vocab.json") {
    fs::copy_file(file.parent_path() / "merges.txt", directory.path() / "merges.txt");
    const bool gpt2 = file.parent_path().filename() == "gpt2";
    directory.write("tokenizer_config.json",
                    gpt2 ? R"({"tokenizer_class":"GPT2Tokenizer"})" : R"({"tokenizer_class":"RobertaTokenizer"})");
    return must(Tokenizer::load(directory.path()));
  }
  const bool uncased = name.find("uncased") != std::string::npos;
  directory.write("tokenizer_config.json", uncased ? R"({"do_lower_case":true})" : R"({"do_lower_case":false})");
  return must(Tokenizer::load(directory.path()));
}

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
  std::vector<std::pair<std::string, Tokenizer>> tokenizers;
  const auto sets = must(must(read_golden("hashes.json").at("sets")).members());
  for (const auto& [name, golden] : sets) {
    auto tokenizer = shared_tokenizer(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    tokenizers.emplace_back(name, *std::move(tokenizer));
  }
  Encoding encoding;
  for (const auto& [path, unused] : must(sets.front().second.members())) {
    if (path == "hard texts") continue;  // cases.json holds them
    const auto texts = testing::texts_of_data_set(kShared / path);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const auto golden = must(must(sets[i].second.at(path)).items());
      Hash hash;
      for (const auto& text : texts) {
        ASSERT_TRUE(tokenizers[i].second.encode_into(text, {}, encoding).has_value()) << path;
        hash.update(encoding);
      }
      EXPECT_EQ(texts.size(), static_cast<std::size_t>(must(golden[0].as_integer()))) << path;
      EXPECT_EQ(hash.hex(), must(golden[1].as_string())) << path << " with " << tokenizers[i].first;
    }
  }
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
