#include "valence/tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "unit/tokenizer/small_tokenizer.h"
#include "unit/tokenizer/text_support.h"

namespace valence {
namespace {

using tokenizer::SmallTokenizer;
using Ids = std::vector<std::int32_t>;
using Spans = std::vector<ByteSpan>;

Tokenizer small(const SmallTokenizer& parts = {}) {
  auto loaded = Tokenizer::from_tokenizer_json(parts.json(), "tokenizer.json");
  EXPECT_TRUE(loaded.has_value()) << loaded.error().to_string();
  return std::move(loaded).value();
}

TEST(Tokenizer, PutsSpecialTokensAroundTheText) {
  const auto encoding = small().encode("Not badly!");
  ASSERT_TRUE(encoding.has_value());
  EXPECT_EQ(encoding->ids, (Ids{2, 7, 6, 8, 9, 3}));
  EXPECT_EQ(encoding->type_ids, (Ids{0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(encoding->special_tokens_mask, (std::vector<std::uint8_t>{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(encoding->offsets, (Spans{{0, 0}, {0, 3}, {4, 7}, {7, 9}, {9, 10}, {0, 0}}));
  EXPECT_FALSE(encoding->truncated);
}

TEST(Tokenizer, LeavesSpecialTokensAndOffsetsOutWhenAsked) {
  const auto encoding = small().encode("good", {.add_special_tokens = false, .with_offsets = false});
  ASSERT_TRUE(encoding.has_value());
  EXPECT_EQ(encoding->ids, (Ids{5}));
  EXPECT_TRUE(encoding->offsets.empty());
}

TEST(Tokenizer, OffsetsAreBytesOfTheOriginal) {
  const auto encoding = small().encode("A\u0301b 中É");
  ASSERT_TRUE(encoding.has_value());
  EXPECT_EQ(encoding->ids, (Ids{2, 10, 11, 12, 1, 3}));
  EXPECT_EQ(encoding->offsets, (Spans{{0, 0}, {0, 1}, {3, 4}, {5, 8}, {8, 10}, {0, 0}}));
}

TEST(Tokenizer, EmptyTextHasOnlySpecialTokens) {
  EXPECT_EQ(small().encode("")->ids, (Ids{2, 3}));
  EXPECT_EQ(small().encode(" \t\u200B")->ids, (Ids{2, 3}));
}

TEST(Tokenizer, MaskInTheTextIsOneToken) {
  const auto encoding = small().encode("good[MASK]");
  EXPECT_EQ(encoding->ids, (Ids{2, 5, 4, 3}));
  EXPECT_EQ(encoding->special_tokens_mask, (std::vector<std::uint8_t>{1, 0, 0, 1}));
}

TEST(Tokenizer, TruncatesOnEitherSide) {
  const auto tokenizer = small();
  const auto right = tokenizer.encode("good bad not a", {.max_length = 4});
  EXPECT_EQ(right->ids, (Ids{2, 5, 6, 3}));
  EXPECT_EQ(right->offsets, (Spans{{0, 0}, {0, 4}, {5, 8}, {0, 0}}));
  EXPECT_TRUE(right->truncated);
  const auto left = tokenizer.encode("good bad not a", {.max_length = 4, .truncation_side = TruncationSide::kLeft});
  EXPECT_EQ(left->ids, (Ids{2, 7, 10, 3}));
  EXPECT_EQ(left->offsets, (Spans{{0, 0}, {9, 12}, {13, 14}, {0, 0}}));
  EXPECT_TRUE(left->truncated);
}

TEST(Tokenizer, TextThatJustFitsIsNotTruncated) {
  EXPECT_FALSE(small().encode("good bad", {.max_length = 4})->truncated);
  EXPECT_FALSE(small().encode("good bad   ", {.max_length = 4})->truncated);
  EXPECT_TRUE(small().encode("good badly", {.max_length = 4})->truncated);
}

TEST(Tokenizer, SpecialTokensAloneMayFillTheLength) {
  EXPECT_EQ(small().encode("good", {.max_length = 2})->ids, (Ids{2, 3}));
  const auto refused = small().encode("good", {.max_length = 1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().what(), "max_length 1 leaves no room for 2 special tokens");
}

TEST(Tokenizer, PairHasTypesAndOffsetsOfItsOwnTexts) {
  const auto pair = small().encode_pair("good", "bad a");
  ASSERT_TRUE(pair.has_value());
  EXPECT_EQ(pair->ids, (Ids{2, 5, 3, 6, 10, 3}));
  EXPECT_EQ(pair->type_ids, (Ids{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(pair->offsets, (Spans{{0, 0}, {0, 4}, {0, 0}, {0, 3}, {4, 5}, {0, 0}}));
  EXPECT_EQ(pair->special_tokens_mask, (std::vector<std::uint8_t>{1, 0, 1, 0, 0, 1}));
}

std::string kept(std::size_t first, std::size_t second, std::size_t room) {
  std::string a;
  std::string b;
  for (std::size_t i = 0; i < first; ++i) a += "a ";
  for (std::size_t i = 0; i < second; ++i) b += "b ";
  const auto pair = small().encode_pair(a, b, {.max_length = room + 3});
  return std::to_string(std::count(pair->ids.begin(), pair->ids.end(), 10)) + "+" +
         std::to_string(std::count(pair->ids.begin(), pair->ids.end(), 16)) + (pair->truncated ? " cut" : "");
}

// Recorded from tokenizers 0.23.3 with enable_truncation.
TEST(Tokenizer, PairLosesTokensOfTheLongerTextFirst) {
  EXPECT_EQ(kept(3, 2, 5), "3+2");
  EXPECT_EQ(kept(3, 20, 9), "3+6 cut");
  EXPECT_EQ(kept(20, 3, 9), "6+3 cut");
  EXPECT_EQ(kept(20, 12, 7), "4+3 cut");
  EXPECT_EQ(kept(12, 20, 7), "3+4 cut");
  EXPECT_EQ(kept(12, 20, 8), "4+4 cut");
}

TEST(Tokenizer, InvalidUtf8IsRefusedWithItsPlace) {
  const auto refused = small().encode("good \xFF");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidData);
  EXPECT_EQ(refused.error().what(), "invalid UTF-8 at byte 5 (0xff)");
  EXPECT_EQ(small().encode_pair("good", "\xC0").error().to_string(), "second text: invalid UTF-8 at byte 0 (0xc0).");
}

TEST(Tokenizer, EncodeIntoReusesAnEncoding) {
  const auto tokenizer = small();
  Encoding encoding;
  ASSERT_TRUE(tokenizer.encode_into("good bad not", {.max_length = 3}, encoding).has_value());
  ASSERT_TRUE(tokenizer.encode_into("a", {}, encoding).has_value());
  EXPECT_EQ(encoding.ids, (Ids{2, 10, 3}));
  EXPECT_EQ(encoding.offsets.size(), 3U);
  EXPECT_FALSE(encoding.truncated);
}

TEST(Tokenizer, KnowsItsVocabulary) {
  const auto tokenizer = small();
  EXPECT_EQ(tokenizer.vocabulary_size(), 19U);
  EXPECT_EQ(tokenizer.token_to_id("##ly"), 8);
  EXPECT_EQ(tokenizer.id_to_token(8), "##ly");
  EXPECT_EQ(tokenizer.token_to_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.num_special_tokens_to_add(false), 2U);
  EXPECT_EQ(tokenizer.model_max_length(), std::nullopt);
}

TEST(Tokenizer, NormalizedAddedTokenIsFoundInAnyCase) {
  SmallTokenizer parts;
  parts.added_tokens = R"([{"id":19,"content":"Wow","single_word":false,"lstrip":false,"rstrip":false,)"
                       R"("normalized":true,"special":false}])";
  const auto encoding = small(parts).encode("aWOWé");
  EXPECT_EQ(encoding->ids, (Ids{2, 10, 19, 1, 3}));
  EXPECT_EQ(encoding->offsets[2], (ByteSpan{1, 4}));
  EXPECT_EQ(small(parts).vocabulary_size(), 20U);
}

// Each of 33 steps doubles the text: 2^33 characters of one.
TEST(Tokenizer, RulesThatMultiplyATextWithoutEndAreAnErrorOfTheText) {
  const auto thirty_three = [](std::string_view step) {
    std::string steps(step);
    for (int i = 1; i < 33; ++i) steps += fmt::format(",{}", step);
    return steps;
  };
  SmallTokenizer by_normalizer;
  by_normalizer.normalizer = fmt::format(R"({{"type":"Sequence","normalizers":[{}]}})",
                                         thirty_three(R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})"));
  SmallTokenizer by_regex;
  by_regex.normalizer = fmt::format(R"({{"type":"Sequence","normalizers":[{}]}})",
                                    thirty_three(R"({"type":"Replace","pattern":{"Regex":"a"},"content":"aa"})"));
  SmallTokenizer by_pre_tokenizer;
  by_pre_tokenizer.normalizer = "null";
  by_pre_tokenizer.pre_tokenizer =
      fmt::format(R"({{"type":"Sequence","pretokenizers":[{}]}})",
                  thirty_three(R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false})"));
  for (const SmallTokenizer& parts : {by_normalizer, by_regex, by_pre_tokenizer}) {
    const auto encoding = small(parts).encode("aé");
    ASSERT_FALSE(encoding.has_value());
    EXPECT_EQ(encoding.error().code(), ErrorCode::kInvalidData);
    EXPECT_TRUE(small(parts).encode("b").has_value()) << "no rule multiplies it";
  }
  by_normalizer.added_tokens = R"([{"id":19,"content":"a!","normalized":true,"special":false}])";
  EXPECT_FALSE(Tokenizer::from_tokenizer_json(by_normalizer.json(), "here").has_value());
}

TEST(Tokenizer, CopiesAreSharedAcrossThreads) {
  const auto tokenizer = small();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = tokenizer] {
      for (int n = 0; n < 200; ++n) EXPECT_EQ(copy.encode("Not badly!")->ids.size(), 6U);
    });
  }
  for (auto& thread : threads) thread.join();
}

// Each text is 4 MB; one that took quadratic time would take hours, so the bound is loose.
TEST(Tokenizer, LongTextsTakeLinearTime) {
  const auto tokenizer = small();
  const auto repeat = [](std::string_view unit) {
    std::string text;
    while (text.size() < (4U << 20)) text += unit;
    return text;
  };
  for (const std::string_view unit : {"a", " ", "ab ", "\u0301", "\u302E", "[MASK]", "[MASK", "中", "!", "İ"}) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(tokenizer.encode(repeat(unit)).has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60)) << unit;
  }
}

}  // namespace
}  // namespace valence
