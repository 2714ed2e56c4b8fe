/// \file
/// What the recorded tokens of a reference are compared with: of tools/make_tokenizer_goldens.py,
/// make_tokenizer_component_goldens.py and make_sentencepiece_goldens.py.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parity/tokenizer_data_sets.h"
#include "support/temporary_directory.h"
#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer.h"

namespace valence::testing::goldens {

namespace fs = std::filesystem;

inline const fs::path kGoldens = fs::path(VALENCE_TESTS_DIR) / "parity/data/tokenizer";
inline const fs::path kShared = VALENCE_SHARED_DIR;
constexpr char32_t kBlock = 4096;  // code points of one hash of the sweep

/// The hash that the goldens' maker defines.
class Hash {
 public:
  void update(std::uint32_t word) { value_ = value_ * 0x100000001b3ULL + word; }
  void update(const Encoding& encoding) {
    update(static_cast<std::uint32_t>(encoding.ids.size()));
    for (const std::int32_t id : encoding.ids) update(static_cast<std::uint32_t>(id));
    for (const ByteSpan& span : encoding.offsets) {
      update(span.begin);
      update(span.end);
    }
  }
  [[nodiscard]] std::string hex() const { return fmt::format("{:016x}", value_); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(result).value();
}

inline Json read_json(const fs::path& path) {
  const auto text = must(read_file(path, 64U << 20));
  // Of our own making, and larger than what comes from outside may be.
  return must(Json::parse(text, path.filename().string(), {.max_values = 10'000'000}));
}

inline Json read_golden(const std::string& name) { return read_json(kGoldens / name); }

inline std::vector<std::int32_t> integers(const Json& list) {
  std::vector<std::int32_t> values;
  for (const Json& item : must(list.items())) values.push_back(static_cast<std::int32_t>(must(item.as_integer())));
  return values;
}

/// A pipeline of cases.json, over the committed vocabulary if it brings none.
inline Tokenizer small_tokenizer(const Json& pipeline) {
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
inline std::optional<Tokenizer> shared_tokenizer(const std::string& name) {
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

/// begin, end, begin, end, ...
inline std::vector<std::int32_t> flat_offsets(const Encoding& encoding) {
  std::vector<std::int32_t> offsets;
  for (const ByteSpan& span : encoding.offsets) {
    offsets.push_back(static_cast<std::int32_t>(span.begin));
    offsets.push_back(static_cast<std::int32_t>(span.end));
  }
  return offsets;
}

/// The hash of the scalars of one block, each between `prefix` and `suffix`. Throws on what cannot be encoded.
inline std::string hash_of_block(const Tokenizer& tokenizer, char32_t block, std::string_view prefix,
                                 std::string_view suffix) {
  Hash hash;
  Encoding encoding;
  for (char32_t c = block * kBlock; c < (block + 1) * kBlock; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;  // surrogates are no scalars
    std::string text(prefix);
    append_utf8(text, c);
    text += suffix;
    if (const Status encoded = tokenizer.encode_into(text, {}, encoding); !encoded) {
      throw std::runtime_error(encoded.error().to_string());
    }
    hash.update(encoding);
  }
  return hash.hex();
}

/// The hashes of all scalars, each by itself between `prefix` and `suffix`.
inline void compare_sweep(const Tokenizer& tokenizer, const Json& golden, std::string_view prefix,
                          std::string_view suffix) {
  const auto blocks = must(golden.items());
  ASSERT_EQ(blocks.size(), 0x110000 / kBlock);
  for (char32_t block = 0; block < blocks.size(); ++block) {
    EXPECT_EQ(hash_of_block(tokenizer, block, prefix, suffix), must(blocks[block].as_string()))
        << fmt::format("{}: U+{:04X} to U+{:04X}", golden.where(), std::uint32_t{block * kBlock},
                       std::uint32_t{(block + 1) * kBlock - 1});
  }
}

/// The hashes of every text of the shared data sets, a set for each vocabulary that `open` finds by its name.
template <class Open>
void compare_data_sets(const Json& golden_sets, Open open) {
  std::vector<std::pair<std::string, Tokenizer>> tokenizers;
  const auto sets = must(golden_sets.members());
  for (const auto& [name, golden] : sets) {
    auto tokenizer = open(name);
    ASSERT_TRUE(tokenizer.has_value()) << name;
    tokenizers.emplace_back(name, *std::move(tokenizer));
  }
  Encoding encoding;
  for (const auto& [path, unused] : must(sets.front().second.members())) {
    if (path == "hard texts") continue;  // cases.json holds them
    const auto texts = texts_of_data_set(kShared / path);
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

}  // namespace valence::testing::goldens
