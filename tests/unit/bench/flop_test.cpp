#include "valence/bench/flop.h"

#include <gtest/gtest.h>

#include <vector>

namespace valence::bench {
namespace {

EncoderSpec distilbert() {
  EncoderSpec spec;
  spec.hidden_size = 768;
  spec.num_hidden_layers = 6;
  spec.num_attention_heads = 12;
  spec.intermediate_size = 3072;
  return spec;
}

TEST(Flop, OfDistilbertIsWhatIsPublished) {
  // A layer: 4 products of 768 x 768 and 2 of 768 x 3072, 2 flop each: 14,155,776; six layers: 84.9 M. Attention:
  // scores and values, 2 x 2 x 768 a pair of tokens, six layers: 18,432.
  EXPECT_EQ(linear_flop_per_token(distilbert()), 84'934'656);
  EXPECT_EQ(attention_flop_per_square(distilbert()), 18'432);
  const std::vector<std::uint32_t> lengths = {16, 128};
  EXPECT_EQ(nominal_flop(distilbert(), lengths), 84'934'656.0 * 144 + 18'432.0 * (256 + 16'384));
}

TEST(Flop, DoneLeavesOutTheLastLayersRowsThatNobodyReads) {
  // By hand for one text of 2 tokens, a single layer of width 4 and feed-forward 8: keys and values 2 x 2 x 2 x 4 x 4
  // = 128; query, output (2 x 2 x 4 x 4 = 64) and feed-forward (2 x 2 x 4 x 8 = 128) of one token; its attention over
  // 2 tokens 2 x 2 x 4 x 2 = 32.
  EncoderSpec spec;
  spec.hidden_size = 4;
  spec.intermediate_size = 8;
  spec.num_hidden_layers = 1;
  spec.num_attention_heads = 1;
  const std::vector<std::uint32_t> lengths = {2};
  EXPECT_EQ(done_flop(spec, lengths), 128 + 64 + 128 + 32);
  EXPECT_EQ(nominal_flop(spec, lengths), 2 * (64 + 64 + 128) + 4 * 4 * 4);
  spec.num_hidden_layers = 2;
  EXPECT_EQ(done_flop(spec, lengths), 2 * (64 + 64 + 128) + 4 * 4 * 4 + 128 + 64 + 128 + 32);
}

TEST(Flop, AttentionCountsThePairsThatSeeEachOther) {
  // 5 tokens: those at most 1 apart are 5 + 2 x 4 = 13 pairs; causal ones 5 + 4 = 9; causal without a window 15. Of a
  // head of width 4, 2 x 2 x 4 flop each.
  EncoderSpec spec;
  spec.hidden_size = 4;
  spec.intermediate_size = 8;
  spec.num_hidden_layers = 1;
  spec.num_attention_heads = 1;
  const std::vector<std::uint32_t> lengths = {5};
  const double linear = linear_flop_per_token(spec) * 5;
  EXPECT_EQ(nominal_flop(spec, lengths), linear + 16 * 25);
  spec.causal = true;
  EXPECT_EQ(nominal_flop(spec, lengths), linear + 16 * 15);
  spec.layer_attention = {{.window = 1, .rotary = {}}};
  EXPECT_EQ(nominal_flop(spec, lengths), linear + 16 * 9);
  spec.causal = false;
  EXPECT_EQ(nominal_flop(spec, lengths), linear + 16 * 13);
}

}  // namespace
}  // namespace valence::bench
