#include "valence/tokenizer/post_processor.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

TEST(PostProcessor, BertAddsTwoTokensToATextAndThreeToAPair) {
  const auto bert = PostProcessor::bert(101, 102);
  EXPECT_EQ(PostProcessor::special_tokens_in(bert.single), 2U);
  EXPECT_EQ(PostProcessor::special_tokens_in(bert.pair), 3U);
}

TEST(PostProcessor, RobertaHasTwoSeparatorsBetweenTheTextsOfAPairAndOneType) {
  const auto roberta = PostProcessor::roberta(0, 2);
  EXPECT_EQ(PostProcessor::special_tokens_in(roberta.single), 2U);
  EXPECT_EQ(PostProcessor::special_tokens_in(roberta.pair), 4U);
  for (const auto& piece : roberta.pair) EXPECT_EQ(piece.type_id, 0);
}

TEST(PostProcessor, PlainAddsNothing) { EXPECT_EQ(PostProcessor::special_tokens_in(PostProcessor::plain().pair), 0U); }

}  // namespace
}  // namespace valence::tokenizer
