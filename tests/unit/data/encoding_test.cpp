#include "valence/data/encoding.h"

#include <gtest/gtest.h>

#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::ChunkedSource;
using namespace std::string_literals;

Result<std::string> decode(const std::string& bytes, Encoding encoding, std::size_t chunk_bytes = 1 << 20) {
  auto source = decode_to_utf8(std::make_unique<ChunkedSource>(bytes, chunk_bytes), encoding, "f.txt");
  if (!source) return fail(source.error());
  std::string text;
  std::string buffer(100, '\0');
  while (true) {
    VALENCE_TRY(const ReadOutcome outcome, (*source)->read(buffer, Wait::kYes));
    if (outcome.state == ReadState::kEnd) return text;
    text.append(buffer, 0, outcome.size_bytes);
  }
}

TEST(Encoding, NamesAreTakenInTheirUsualSpellings) {
  EXPECT_EQ(parse_encoding("UTF8"), Encoding::kUtf8);
  EXPECT_EQ(parse_encoding("cp1252"), Encoding::kWindows1252);
  EXPECT_EQ(parse_encoding("ISO_8859-1"), Encoding::kIso8859_1);
  EXPECT_EQ(parse_encoding("latin-1"), Encoding::kIso8859_1);
  EXPECT_EQ(parse_encoding("utf-16"), Encoding::kUtf16);
  EXPECT_EQ(parse_encoding("latin-7"), std::nullopt);
  for (const auto encoding : {Encoding::kUtf8, Encoding::kWindows1252, Encoding::kIso8859_1, Encoding::kUtf16}) {
    EXPECT_EQ(parse_encoding(name_of(encoding)), encoding);
  }
}

TEST(Encoding, Utf8PassesWithoutItsMark) {
  EXPECT_EQ(decode("\xEF\xBB\xBFgr\xC3\xBC\xC3\x9F", Encoding::kUtf8), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(decode("plain", Encoding::kUtf8, 1), "plain");
  EXPECT_EQ(decode("\xEF\xBC\xA1", Encoding::kUtf8, 1), "\xEF\xBC\xA1") << "begins like the mark";
}

TEST(Encoding, Windows1252HasTypographyWhereLatin1HasControls) {
  // it's <em dash> EUR 5 <e acute>
  EXPECT_EQ(decode("it\x92s \x97 \x80"s + "5 \xE9", Encoding::kWindows1252), "it’s — €5 é");
  EXPECT_EQ(decode("\x92\xE9", Encoding::kIso8859_1), "\xC2\x92\xC3\xA9");
  EXPECT_EQ(decode("\x81", Encoding::kWindows1252), "\xC2\x81") << "undefined: as browsers read it";
}

TEST(Encoding, EveryByteOfTheSingleByteEncodingsBecomesOneCharacter) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const auto encoding : {Encoding::kWindows1252, Encoding::kIso8859_1}) {
    const auto text = decode("x" + all, encoding);
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(std::count_if(text->begin(), text->end(), [](char c) { return (c & 0xC0) != 0x80; }), 257);
  }
}

TEST(Encoding, Utf16FollowsItsMarkAndIsLittleEndianWithout) {
  EXPECT_EQ(decode("\xFF\xFEh\0i\0"s, Encoding::kUtf16), "hi");
  EXPECT_EQ(decode("\xFE\xFF\0h\0i"s, Encoding::kUtf16), "hi");
  EXPECT_EQ(decode("h\0i\0"s, Encoding::kUtf16), "hi");
}

TEST(Encoding, Utf16PairsSurviveAnyChunks) {
  // U+1F600 is D83D DE00; U+20AC is 20AC.
  const std::string bytes = "\xFF\xFE\x3D\xD8\x00\xDE\xAC\x20"s;
  for (const std::size_t chunk : {1U, 2U, 3U, 5U}) EXPECT_EQ(decode(bytes, Encoding::kUtf16, chunk), "😀€");
}

TEST(Encoding, UnpairedSurrogatesAndHalfUnitsBecomeInvalidUtf8) {
  EXPECT_EQ(decode("\x3D\xD8h\0"s, Encoding::kUtf16), "\xED\xA0\xBDh");
  EXPECT_EQ(decode("\x00\xDEh\0"s, Encoding::kUtf16), "\xED\xB8\x80h");
  EXPECT_EQ(decode("h\0i"s, Encoding::kUtf16), "h\xFF");
  EXPECT_EQ(decode("h\0\x3D\xD8"s, Encoding::kUtf16), "h\xED\xA0\xBD");
}

TEST(Encoding, Utf16ReadAsAnotherEncodingIsAnErrorWithTheRemedy) {
  for (const std::string& bytes : {"\xFF\xFEh\0"s, "\xFE\xFF\0h"s}) {
    const auto text = decode(bytes, Encoding::kUtf8);
    ASSERT_FALSE(text.has_value());
    EXPECT_EQ(text.error().to_string(),
              "f.txt: begins with a UTF-16 byte order mark, but is read as utf-8. Hint: --encoding utf-16.");
  }
}

TEST(Encoding, MarkedUtf8ReadAsAnotherEncodingIsAnErrorWithTheRemedy) {
  EXPECT_EQ(decode("\xEF\xBB\xBFh", Encoding::kWindows1252).error().hint(), "--encoding utf-8");
  EXPECT_EQ(decode("\xEF\xBB\xBFh", Encoding::kUtf16).error().hint(), "--encoding utf-8");
}

}  // namespace
}  // namespace valence::data
