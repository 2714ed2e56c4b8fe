#include "valence/data/text_repair.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

struct Repaired {
  std::string text;
  TextTraits traits;
};

Repaired repaired(std::string text, TextTraits wanted = TextTraits::all_repairable()) {
  const TextTraits traits = repair_text(text, wanted);
  return {std::move(text), traits};
}

TEST(TextRepair, PlainTextStaysAndHasNothing) {
  const Repaired plain = repaired("Great phone, 5\" screen & a \"fine\" price <3 C:\\new");
  EXPECT_EQ(plain.text, "Great phone, 5\" screen & a \"fine\" price <3 C:\\new");
  EXPECT_TRUE(plain.traits.empty());
}

TEST(TextRepair, Utf8ReadAsWindows1252IsDecoded) {
  EXPECT_EQ(repaired("donâ€™t â€œstopâ€\u009D cafÃ© ðŸ˜€").text, "don’t “stop” café 😀");
  EXPECT_EQ(repaired("Ã…ngstrÃ¶m, 5Â°").text, "Ångström, 5°");
  EXPECT_TRUE(repaired("cafÃ©").traits.has(TextTrait::kMojibake));
}

TEST(TextRepair, Utf8EncodedThreeTimesIsDecodedTwice) { EXPECT_EQ(repaired("cafÃƒÂ©").text, "café"); }

TEST(TextRepair, CyrillicMojibakeNeedsSeveralCharactersInARow) {
  EXPECT_EQ(repaired("ÐŸÑ€Ð¸Ð²ÐµÑ‚").text, "Привет");
  EXPECT_EQ(repaired("the Ð° letter").text, "the Ð° letter");
}

TEST(TextRepair, HonestLettersBeforePunctuationStay) {
  for (const char* const text : {"“CAFÉ”", "fiancé…”", "MANHÃ…", "naïve façade à Paris", "£5½ and 20 °C"}) {
    EXPECT_EQ(repaired(text).text, text);
    EXPECT_FALSE(repaired(text).traits.has(TextTrait::kMojibake)) << text;
  }
}

TEST(TextRepair, EscapesAreDecodedOutsidePaths) {
  EXPECT_EQ(repaired(R"(don\u2019t\nstop \ud83d\ude00 a\/b say \"hi\")").text, "don’t\nstop 😀 a/b say \"hi\"");
  EXPECT_EQ(repaired(R"(see C:\new\table and \\server\new)").text, R"(see C:\new\table and \\server\new)");
  EXPECT_EQ(repaired(R"(\ud83d alone)").text, R"(\ud83d alone)");
}

TEST(TextRepair, DoubledQuotesAreHalvedOnlyWhereAllAre) {
  EXPECT_EQ(repaired("He said \"\"no\"\".").text, "He said \"no\".");
  EXPECT_EQ(repaired("a \"\" and a \"").text, "a \"\" and a \"");
}

TEST(TextRepair, TagsGoAndReferencesAreDecodedOnce) {
  EXPECT_EQ(repaired("Good.<br /><br />Bad <b>very</b> &amp; long&nbsp;&#8217;s &lt;br&gt; &amp;lt;").text,
            "Good.\n\nBad very & long ’s <br> &lt;");
  EXPECT_EQ(repaired("<script>alert(1)</script>x<!-- note -->y").text, "xy");
  EXPECT_EQ(repaired("&#146;").text, "’");
  EXPECT_EQ(repaired("I <3 you, AT&T; 1 < 2 > 0 <sarcasm>").text, "I <3 you, AT&T; 1 < 2 > 0 <sarcasm>");
}

TEST(TextRepair, ControlAndInvisibleCharactersGo) {
  EXPECT_EQ(repaired("a\x01"
                     "b\x7F"
                     "c\u0091")
                .text,
            "abc");
  EXPECT_EQ(repaired("zero\u200Bwidth\uFEFF soft\u00ADhyphen\u202E").text, "zerowidth softhyphen");
  EXPECT_EQ(repaired("👨‍👩‍👧").text, "👨‍👩‍👧") << "joiners hold emoji together";
  EXPECT_EQ(repaired("a\u200Db").text, "ab");
}

TEST(TextRepair, TextIsComposed) {
  EXPECT_EQ(repaired("cafe\u0301").text, "café");
  EXPECT_TRUE(repaired("cafe\u0301").traits.has(TextTrait::kNotNfc));
  EXPECT_FALSE(repaired("Привет").traits.has(TextTrait::kNotNfc));
}

TEST(TextRepair, WhitespaceBecomesPlain) {
  EXPECT_EQ(repaired("  a \t b\u00A0c \r\n\r\n\r\n d\re ").text, "a b c\n\nd\ne");
  EXPECT_FALSE(repaired("a\n\nb").traits.has(TextTrait::kWhitespace));
}

TEST(TextRepair, WhatIsNotWantedStays) {
  TextTraits only_html;
  only_html.add(TextTrait::kHtml);
  const Repaired text = repaired("  a&amp;b  cafÃ©", only_html);
  EXPECT_EQ(text.text, "  a&b  cafÃ©");
  EXPECT_EQ(text.traits & TextTraits::all_repairable(), only_html);
}

TEST(TextRepair, TraitsThatAreOnlyTold) {
  const TextTraits traits = repaired("one\ntwo 😀 \uFFFD").traits;
  EXPECT_TRUE(traits.has(TextTrait::kLineBreak));
  EXPECT_TRUE(traits.has(TextTrait::kEmoji));
  EXPECT_TRUE(traits.has(TextTrait::kReplacement));
  EXPECT_FALSE(repaired("☺ ✈").traits.has(TextTrait::kEmoji)) << "symbols of the basic plane";
}

TEST(TextRepair, NamesReadBack) {
  for (std::size_t i = 0; i < kTextTraits; ++i) {
    const auto trait = static_cast<TextTrait>(i);
    EXPECT_EQ(parse_text_trait(name_of(trait)), trait);
  }
  EXPECT_EQ(parse_text_trait("nonsense"), std::nullopt);
}

}  // namespace
}  // namespace valence::data
