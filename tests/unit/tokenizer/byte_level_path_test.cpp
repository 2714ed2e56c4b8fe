// The byte-level path and the stages it stands for agree, tokens and offsets. A Sequence of one step has no path.
#include "valence/tokenizer/byte_level_path.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/tokenizer/text_support.h"
#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

/// All byte characters, a few merges, and two added tokens of which one is looked for in the normalized text.
Tokenizer make(std::string_view pre_tokenizer, std::string_view normalizer) {
  std::string vocabulary;
  int id = 0;
  const auto add = [&](std::string_view token) {
    if (id > 0) vocabulary += ',';
    append_json_string(vocabulary, token);
    vocabulary += fmt::format(":{}", id++);
  };
  for (const char32_t c : tokenizer::byte_characters()) {
    std::string character;
    append_utf8(character, c);
    add(character);
  }
  for (const auto* token : {"Ġa", "ab", "aa", "Ã©", "12", "<m>", "<n>"}) add(token);
  const std::string json = fmt::format(
      R"({{"added_tokens":[{{"id":261,"content":"<m>","lstrip":true}},{{"id":262,"content":"<n>","special":true}}],)"
      R"("normalizer":{},"pre_tokenizer":{},)"
      R"("post_processor":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}},)"
      R"("model":{{"type":"BPE","vocab":{{{}}},"merges":["a a","Ġ a","a b","Ã ©","1 2"]}}}})",
      normalizer, pre_tokenizer, vocabulary);
  auto tokenizer = Tokenizer::from_tokenizer_json(json, "test");
  if (!tokenizer) throw std::runtime_error(tokenizer.error().to_string());
  return *std::move(tokenizer);
}

std::string random_text(std::mt19937& random) {
  constexpr std::string_view kParts[] = {"a",
                                         "ab",
                                         " ",
                                         "  ",
                                         "\n",
                                         "é",
                                         "中",
                                         "e\u0301",
                                         "12",
                                         "345",
                                         "'s",
                                         "'",
                                         "!",
                                         "\t",
                                         "<m>",
                                         "<n>",
                                         "😀",
                                         "\u00A0",
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  std::string text;
  for (std::size_t i = random() % 12; i > 0; --i) text += kParts[random() % std::size(kParts)];
  return text;
}

void expect_alike(std::string_view fast_json, std::string_view staged_json, std::string_view normalizer = "null") {
  const Tokenizer fast = make(fast_json, normalizer);
  const Tokenizer staged = make(staged_json, normalizer);
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = random_text(random);
    EncodeOptions options;
    options.max_length = i % 3 == 0 ? 4 : 0;
    const auto one = fast.encode(text, options);
    const auto other = staged.encode(text, options);
    ASSERT_EQ(one->ids, other->ids) << ::testing::PrintToString(text);
    ASSERT_EQ(one->offsets, other->offsets) << ::testing::PrintToString(text);
  }
}

std::string sequence(std::string_view steps) {
  return fmt::format(R"({{"type":"Sequence","pretokenizers":[{}]}})", steps);
}

TEST(ByteLevelPath, AgreesWithTheStages) {
  constexpr std::string_view kPlain =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  constexpr std::string_view kPrefixed = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true})";
  constexpr std::string_view kUncut =
      R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false})";
  for (const auto options : {kPlain, kPrefixed, kUncut}) expect_alike(options, sequence(options));
}

TEST(ByteLevelPath, UnicodeFormsTakeItForAsciiOnly) {
  constexpr std::string_view kPlain = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true})";
  expect_alike(kPlain, sequence(kPlain), R"({"type":"NFC"})");
}

TEST(ByteLevelPath, SplitBeforeByteLevelHasItToo) {
  constexpr std::string_view kBytes =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})";
  constexpr std::string_view kSplit =
      R"({"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|)"
      R"( ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false})";
  const std::string both = fmt::format("{},{}", kSplit, kBytes);
  expect_alike(sequence(both), sequence(sequence(both)));
}

}  // namespace
}  // namespace valence
