#include "valence/tokenizer/score_text.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

double value_of(std::string_view text) { return read_score(text).value().value; }

TEST(ReadScore, ReadsWhatJsonCallsANumber) {
  EXPECT_EQ(value_of("0"), 0);
  EXPECT_EQ(value_of("-12"), -12);
  EXPECT_EQ(value_of("8.41"), 8.41);
  EXPECT_EQ(value_of("1E2"), 100);
  EXPECT_EQ(value_of("-3.0517578125e-05"), -0x1p-15);
  EXPECT_EQ(value_of("5e-324"), 5e-324);
  EXPECT_EQ(value_of("1e-400"), 0);
  EXPECT_EQ(read_score("-1.5]")->size, 4U);
}

// As tokenizers 0.23.3 reads them, told by Tokenizer.from_str(...).to_str(). The nearest f64 is another one each time.
TEST(ReadScore, RoundsTwiceAsTheReferenceDoes) {
  EXPECT_EQ(value_of("-3.0123284804704786"), -3.012328480470478);
  EXPECT_EQ(value_of("-14.825037124029805"), -14.825037124029803);
  EXPECT_EQ(value_of("-15.164604925736347"), -15.164604925736349);
  EXPECT_EQ(value_of("123456789012345678901234"), 1.2345678901234567e+23);
  EXPECT_EQ(value_of("-17.123456789012345678901234567890"), -17.123456789012344);
}

TEST(ReadScore, EverythingElseIsNoNumber) {
  for (const char* text : {"", "-", "+1", ".5", "1.", "1e", "1e+", "01", "-01", "NaN", "Infinity", "1e999", "\"1\""}) {
    EXPECT_FALSE(read_score(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace valence::tokenizer
