#include "valence/data/shown_text.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

std::string visible(std::string_view text, LineEnds line_ends = LineEnds::kVisible) {
  std::string out;
  append_visible(out, text, line_ends);
  return out;
}

TEST(ShownText, PlainTextStaysAsItIs) { EXPECT_EQ(visible("It's good — 5/5 😀"), "It's good — 5/5 😀"); }

TEST(ShownText, ControlCharactersBecomeTheirPictures) {
  EXPECT_EQ(visible("\x1B]52;c;x\x07"), "␛]52;c;x␇");
  EXPECT_EQ(visible("a\tb\r\n\x7F"), "a␉b␍␊␡");
  EXPECT_EQ(visible("a\tb\n\x1B", LineEnds::kKeep), "a\tb\n␛");
}

TEST(ShownText, WhatReordersOrIsNoTextBecomesAReplacement) {
  EXPECT_EQ(visible("\xC2\x9B[2J"), "\xEF\xBF\xBD[2J") << "C1 CSI drives terminals too";
  EXPECT_EQ(visible("a\xE2\x80\xAE"
                    "b"),
            "a\xEF\xBF\xBD"
            "b")
      << "right-to-left override";
  EXPECT_EQ(visible("a\xE9"
                    "b"),
            "a\xEF\xBF\xBD"
            "b")
      << "invalid UTF-8";
}

TEST(ShownText, WidthCountsTerminalColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U) << "a combining accent";
  EXPECT_EQ(display_width(""), 0U);
}

TEST(ShownText, LongTextIsCutToItsColumns) {
  EXPECT_EQ(shown("abcdef", 6), "abcdef");
  EXPECT_EQ(shown("abcdefg", 6), "abcde…");
  EXPECT_EQ(shown("abcdefg", 6, false), "abc...");
  EXPECT_EQ(shown("日本語です", 6), "日本…") << "half a wide character does not fit";
  EXPECT_EQ(shown("abc", 0), "");
  EXPECT_EQ(shown("abc", 2, false), "..");
}

TEST(ShownText, MarksPiledOnOneCharacterAreBounded) {
  std::string piled = "e";
  for (int i = 0; i < 100'000; ++i) piled += "\xCC\x81";
  EXPECT_LT(shown(piled, 10).size(), 400U);
}

TEST(ShownText, InvalidBytesAreReplacedOneByOne) {
  EXPECT_EQ(repaired_utf8("a\xE9 b\xC3"), "a\xEF\xBF\xBD b\xEF\xBF\xBD");
  EXPECT_EQ(repaired_utf8("é"), "é");
}

TEST(ShownText, JsonForATerminalKeepsItsMeaning) {
  std::string json =
      "\x1B{\"a\": \"\x7F"
      "é\xC2\x9B\"}\n";
  escape_for_terminal(json, 1);
  EXPECT_EQ(json, "\x1B{\"a\": \"\\u007fé\\u009b\"}\n") << "what stood before is left alone";
}

}  // namespace
}  // namespace valence::data
