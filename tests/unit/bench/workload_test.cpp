#include "valence/bench/workload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/random_checkpoint.h"
#include "valence/bench/flop.h"
#include "valence/bench/model_bench.h"
#include "valence/engine/default_model.h"

namespace valence::bench {
namespace {

Tokenizer default_tokenizer() {
  return Tokenizer::from_tokenizer_json(default_model().tokenizer_json, "default").value();
}

TEST(SeededLengths, AreTheSameEachTimeAndWithinBounds) {
  const auto lengths = seeded_lengths(kShortTexts, 500, 512);
  EXPECT_EQ(lengths, seeded_lengths(kShortTexts, 500, 512));
  EXPECT_GE(*std::min_element(lengths.begin(), lengths.end()), kShortTexts.shortest);
  EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), kShortTexts.longest);
  auto sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_NEAR(sorted[250], kShortTexts.median, 2);
}

TEST(SeededLengths, GiveWayToAShortModel) {
  for (const std::uint32_t length : seeded_lengths(kLongTexts, 50, 16)) EXPECT_EQ(length, 16U);
}

TEST(TextMaker, MakesTextsOfExactlyTheTokensAskedFor) {
  const Tokenizer tokenizer = default_tokenizer();
  auto maker = TextMaker::make(tokenizer, "default");
  ASSERT_TRUE(maker.has_value());
  for (const std::uint32_t tokens : {3U, 16U, 128U, 512U}) {
    const std::string text = maker->text(tokens);
    EXPECT_EQ(tokenizer.encode(text).value().ids.size(), tokens);
    EXPECT_NE(text, maker->text(tokens));
  }
  EXPECT_EQ(tokenizer.encode(maker->text(1)).value().ids.size(), 3U) << "one word at least";
}

TEST(TextMaker, RefusesAVocabularyWithoutWords) {
  const auto tokenizer = Tokenizer::from_tokenizer_json(
      R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,)"
      R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,)"
      R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",)"
      R"("max_input_chars_per_word":100,"vocab":{"[UNK]":0,"1":1}}})",
      "digits");
  ASSERT_TRUE(tokenizer.has_value());
  const auto maker = TextMaker::make(*tokenizer, "digits");
  ASSERT_FALSE(maker.has_value());
  EXPECT_EQ(maker.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(maker.error().where(), "digits");
}

TEST(ModelBench, CountsWhatItRanAndSplitsTheTimeWithoutRemainder) {
  const Tokenizer tokenizer = default_tokenizer();
  auto maker = TextMaker::make(tokenizer, "default").value();
  const auto workloads = standard_workloads(maker, 64, 1);
  ASSERT_EQ(workloads.size(), 4U);
  EXPECT_EQ(workloads[0].name, "one text of 16 tokens");
  EXPECT_EQ(workloads[1].name, "one text of 64 tokens") << "no longer than the model reads";
  EXPECT_EQ(workloads[0].texts_per_call, 1U);

  ClassifierOptions options;
  options.threads = 1;
  const auto classifier = Classifier::load_default(options).value();
  auto model = load_model(default_model().config_json, default_model().weights, "default").value();
  const EncoderSpec spec = model.spec.encoder;
  const Budget moment{.seconds = 1e-6};
  const auto timing = time_calls(*classifier, spec, workloads[0], moment);
  ASSERT_TRUE(timing.has_value());
  EXPECT_EQ(timing->call_seconds.size(), 1U) << "the warm-up is not counted";
  EXPECT_EQ(timing->tokens, 16U);
  EXPECT_DOUBLE_EQ(timing->nominal_gflop, nominal_flop(spec, std::vector<std::uint32_t>{16}) / 1e9);
  EXPECT_GT(timing->seconds, 0);

  const auto runner = make_runner(std::move(model)).value();
  const auto stages = time_stages(tokenizer, *runner, workloads[2], moment);
  ASSERT_TRUE(stages.has_value());
  for (const double part : {stages->tokenize, stages->embed, stages->gemm, stages->attention, stages->rest}) {
    EXPECT_GT(part, 0);
  }
  EXPECT_NEAR(stages->tokenize + stages->embed + stages->gemm + stages->attention + stages->rest, stages->total, 1e-9);
}

}  // namespace
}  // namespace valence::bench
