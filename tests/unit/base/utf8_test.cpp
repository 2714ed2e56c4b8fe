#include "valence/base/utf8.h"

#include <gtest/gtest.h>

namespace valence {
namespace {

TEST(Utf8, ValidTextOfEveryLengthHasNoInvalidByte) {
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("plain ascii, longer than eight bytes"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("caf\u00e9 \u4e2d \U0001F600 \uFFFF \U0010FFFF"), std::nullopt);
}

// The boundary cases of Unicode 15, table 3-7.
TEST(Utf8, FirstByteThatStartsNoSequenceIsNamed) {
  EXPECT_EQ(find_invalid_utf8("ab\x92"), 2U);            // a lone continuation byte
  EXPECT_EQ(find_invalid_utf8("abcdefgh\xff"), 8U);      // behind the eight-byte step
  EXPECT_EQ(find_invalid_utf8("\xC0\x80"), 0U);          // overlong NUL
  EXPECT_EQ(find_invalid_utf8("\xC1\xBF"), 0U);          // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0U);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);      // a surrogate
  EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U);  // overlong
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("x\xE4\xB8"), 1U);         // cut short
}

TEST(Utf8, EveryScalarValueSurvivesWritingAndReading) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(find_invalid_utf8(text), std::nullopt) << static_cast<std::uint32_t>(c);
    ASSERT_EQ(text.size(), utf8_size(c));
    const auto decoded = decode_utf8(text, 0);
    ASSERT_EQ(decoded.value, c);
    ASSERT_EQ(decoded.size_bytes, text.size());
  }
}

}  // namespace
}  // namespace valence
