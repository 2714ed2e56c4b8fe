#include "valence/tokenizer/run_pattern.h"

#include <gtest/gtest.h>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

NormalizedText replaced(std::string_view regex, std::string_view content, std::string_view text) {
  return normalized(ReplaceRuns(RunPattern::parse(regex).value(), content), text);
}

TEST(ReplaceRuns, RunsOfAtLeastTwoSpacesBecomeOne) {
  EXPECT_EQ(utf8_of(replaced(" {2,}", " ", "a  b   c d")), "a b c d");
  EXPECT_EQ(sources_of(replaced(" {2,}", "-", "a   b")), (std::vector<ByteSpan>{{0, 1}, {3, 4}, {4, 5}}))
      << "the source of the last one replaced";
}

TEST(ReplaceRuns, FirstAlternativeThatMatchesIsTaken) {
  EXPECT_EQ(utf8_of(replaced(R"(\s{2,}|[\n\r\t])", " ", "a\n\nb\tc\u3000 d\u3000e")), "a b c d\u3000e");
}

TEST(ReplaceRuns, CountsAreGreedyAndBounded) {
  EXPECT_EQ(utf8_of(replaced("a{2,3}", "x", "aaaaaaa")), "xxa");
  EXPECT_EQ(utf8_of(replaced("a{2}", "x", "aaaaa")), "xxa");
  EXPECT_EQ(utf8_of(replaced("[ab]+", "", "xabbay")), "xy");
  EXPECT_EQ(utf8_of(replaced(R"(\.)", "!", "a.b")), "a!b");
}

TEST(RunPattern, OtherExpressionsAreNotUnderstood) {
  for (const char* regex :
       {"",      "a*",  "a?",  "ab",  "(a)", "a|", "|a", "[^a]", "[a-z]", "[a",          "]",      "a{0,}", "a{2,1}",
        "a{65}", "a{2", "a+?", "a++", "^a",  "a$", ".",  "\\d",  "\\",    "[[:space:]]", "[a&&b]", "{2,}",  "+"}) {
    EXPECT_FALSE(RunPattern::parse(regex).has_value()) << regex;
  }
}

}  // namespace
}  // namespace valence::tokenizer
