// What the parity test cannot hold: limits, and tokens on which the reference ends in a panic.
#include "valence/tokenizer/decoders.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

using Tokens = std::vector<std::string>;

Tokens decoded(const Decoder& decoder, Tokens tokens) {
  EXPECT_TRUE(decoder.apply(tokens).has_value());
  return tokens;
}

TEST(StripDecoder, TokensShorterThanWhatIsCutBecomeEmpty) {
  EXPECT_EQ(decoded(StripDecoder(U'a', 2, 2), {"aaa", "a", "", "aba"}), (Tokens{"", "", "", "b"}));
}

TEST(ByteLevelDecoder, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(decoded(ByteLevelDecoder(), {"Ã", "©", "Ã", "a"}), (Tokens{"é\uFFFDa"}));
}

TEST(DecoderSequence, ReplacementsThatMultiplyAreStopped) {
  std::vector<std::unique_ptr<const Decoder>> steps;
  for (int i = 0; i < 64; ++i) steps.push_back(std::make_unique<const ReplaceDecoder>("a", "aaaaaaaa"));
  Tokens tokens{"a"};
  const Status outcome = DecoderSequence(std::move(steps)).apply(tokens);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace valence::tokenizer
