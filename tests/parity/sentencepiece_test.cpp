// Ids and offsets of SentencePiece vocabularies against PyPI tokenizers and transformers, as
// tools/make_sentencepiece_goldens.py recorded them: hard texts through every kind of file and pipeline, every Unicode
// scalar, and every text of the data sets beside the checkout with well-known vocabularies.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "parity/tokenizer_data_sets.h"
#include "parity/tokenizer_goldens.h"
#include "support/temporary_directory.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

namespace fs = std::filesystem;
using testing::goldens::Hash;
using testing::goldens::kShared;
using testing::goldens::must;

const fs::path kGoldens = fs::path(VALENCE_TESTS_DIR) / "parity/data/sentencepiece";

Json read_golden(const std::string& name) { return testing::goldens::read_json(kGoldens / name); }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// A tokenizer.json of cases.json, with the pieces and rules that it leaves out.
Tokenizer json_tokenizer(const Json& cases, const Json& pipeline) {
  std::string json = must(pipeline.at("tokenizer")).dump();
  const std::string pieces = must(cases.at("pieces")).dump();
  replace_all(json, "\"PIECES\"", std::string_view(pieces).substr(1, pieces.size() - 2));
  replace_all(json, "\"RULES\"", must(cases.at("rules")).dump());
  return must(Tokenizer::from_tokenizer_json(json, "cases.json"));
}

/// A directory with unigram.model under the name that the pipeline's class has for it.
Tokenizer legacy_tokenizer(const Json& pipeline) {
  const testing::TemporaryDirectory directory;
  fs::copy_file(kGoldens / "unigram.model", directory.path() / must(pipeline.string("file")));
  directory.write("tokenizer_config.json", must(pipeline.at("config")).dump());
  for (const auto& [name, content] : must(must(pipeline.at("others")).members())) {
    directory.write(name, content.dump());
  }
  return must(Tokenizer::load(directory.path()));
}

/// "albert-base-v2/spiece.model" among the shared tokenizers, "small llama" among the goldens; nothing where they are
/// absent.
std::optional<Tokenizer> named_tokenizer(const std::string& name) {
  if (name == "small llama") {
    return must(Tokenizer::from_tokenizer_json(must(read_file(kGoldens / "bpe.json", 1U << 20)), "bpe.json"));
  }
  const Json cases = read_golden("cases.json");
  if (name == "small byte_fallback") {
    return json_tokenizer(cases, must(must(cases.at("json")).at("byte_fallback")));
  }
  if (name == "small xlm_roberta") return legacy_tokenizer(must(must(cases.at("legacy")).at("xlm_roberta")));
  const fs::path file = kShared / "tokenizers" / name;
  if (!fs::exists(file)) return std::nullopt;
  if (file.filename() != "spm.model") return must(Tokenizer::load(file.parent_path()));
  const testing::TemporaryDirectory directory;
  fs::copy_file(file, directory.path() / file.filename());
  directory.write("tokenizer_config.json", R"({"tokenizer_class":"DebertaV2Tokenizer","do_lower_case":false})");
  return must(Tokenizer::load(directory.path()));
}

std::size_t compare_cases(const std::string& name, const Tokenizer& tokenizer, const Json& cases) {
  const auto goldens = must(cases.items());
  for (const Json& golden : goldens) {
    const auto parts = must(golden.items());
    const std::string text = must(parts[0].as_string());
    const Encoding encoding = must(tokenizer.encode(text));
    EXPECT_EQ(encoding.ids, testing::goldens::integers(parts[1])) << name << ": " << ::testing::PrintToString(text);
    EXPECT_EQ(testing::goldens::flat_offsets(encoding), testing::goldens::integers(parts[2]))
        << name << ": " << ::testing::PrintToString(text);
  }
  return goldens.size();
}

TEST(SentencePieceParity, HardTextsThroughEveryPipeline) {
  const Json cases = read_golden("cases.json");
  std::size_t compared = 0;
  for (const auto& [name, pipeline] : must(must(cases.at("legacy")).members())) {
    compared += compare_cases(name, legacy_tokenizer(pipeline), must(pipeline.at("cases")));
  }
  for (const auto& [name, pipeline] : must(must(cases.at("json")).members())) {
    compared += compare_cases(name, json_tokenizer(cases, pipeline), must(pipeline.at("cases")));
  }
  compared += compare_cases("llama", *named_tokenizer("small llama"), must(cases.at("llama")));
  EXPECT_GT(compared, 2900U);
}

TEST(SentencePieceParity, EveryUnicodeScalar) {
  std::size_t skipped = 0;
  for (const auto& [name, golden] : must(must(read_golden("hashes.json").at("sweeps")).members())) {
    const auto tokenizer = named_tokenizer(name);
    if (!tokenizer) {
      ++skipped;
      continue;
    }
    testing::goldens::compare_sweep(*tokenizer, must(golden.at("between")), "a", "b");
    if (const auto alone = golden.find("alone")) testing::goldens::compare_sweep(*tokenizer, *alone, "", "");
    if (const auto after = golden.find("after a mapped character")) {
      testing::goldens::compare_sweep(*tokenizer, *after, "\u00aa", "");
    }
  }
  if (skipped > 0) GTEST_SKIP() << "no vocabularies at " << kShared << ": set VALENCE_SHARED_DIR";
}

TEST(SentencePieceParity, EveryTextOfTheDataSets) {
  if (!fs::exists(kShared / "tokenizers") || !fs::exists(kShared / "data")) {
    GTEST_SKIP() << "no vocabularies or data sets at " << kShared << ": set VALENCE_SHARED_DIR";
  }
  testing::goldens::compare_data_sets(must(read_golden("hashes.json").at("sets")), named_tokenizer);
}

TEST(SentencePieceParity, HardTextsWithSharedVocabularies) {
  if (!fs::exists(kShared / "tokenizers")) {
    GTEST_SKIP() << "no vocabularies at " << kShared << ": set VALENCE_SHARED_DIR";
  }
  const auto cases = must(must(read_golden("cases.json").at("llama")).items());
  for (const auto& [name, golden] : must(must(read_golden("hashes.json").at("sets")).members())) {
    const auto tokenizer = named_tokenizer(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    Hash hash;
    for (const Json& one : cases) hash.update(must(tokenizer->encode(must(must(one.items())[0].as_string()))));
    EXPECT_EQ(hash.hex(), must(must(must(golden.at("hard texts")).items())[1].as_string())) << name;
  }
}

}  // namespace
}  // namespace valence
