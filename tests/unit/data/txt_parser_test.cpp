#include "valence/data/txt_parser.h"

#include <gtest/gtest.h>

#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using namespace std::string_literals;
using testing::carried_of;
using testing::read_all;
using testing::texts_of;
using Texts = std::vector<std::string>;

TEST(Txt, EveryLineIsATextAndEmptyOnesKeepTheirPlace) {
  const auto input = read_all("a\n\nb\r\n\r\nc", "r.txt");
  EXPECT_EQ(texts_of(input), (Texts{"a", "", "b", "", "c"}));
  EXPECT_EQ(input.rows[2]->row, 3U);
  EXPECT_EQ(input.rows[2]->line, 3U);
  EXPECT_EQ(carried_of(input.rows[0]), "text=a");
}

TEST(Txt, EmptyFileHasNoRows) { EXPECT_TRUE(read_all("", "r.txt").rows.empty()); }

TEST(Txt, LineIsTakenAsItIs) {
  EXPECT_EQ(texts_of(read_all("\"a\", b \t\n{}\n", "r.txt")), (Texts{"\"a\", b \t", "{}"}));
}

TEST(Txt, BadBytesAreRefusedAlone) {
  EXPECT_EQ(texts_of(read_all("a\nb\xE9\nc\0\nd\n"s, "r.txt")),
            (Texts{"a", "line 2: the line has invalid UTF-8 at byte 1 (0xE9)",
                   "line 3: the line contains a NUL byte at byte 1", "d"}));
}

TEST(Txt, LineOverTheLimitIsRefusedAloneInAnyChunks) {
  const std::string bytes = "a\n" + std::string(kMaxFieldBytes + 1, 'x') + "\nb\n" + std::string(kMaxFieldBytes, 'y');
  for (const std::size_t chunk : {std::size_t{1000}, bytes.size()}) {
    const auto input = read_all(bytes, "r.txt", {}, chunk);
    ASSERT_EQ(input.rows.size(), 4U);
    EXPECT_EQ(input.rows[1].error().error.to_string(), "r.txt:2: the line is longer than 16 MB.");
    EXPECT_EQ(input.rows[2]->text, "b");
    EXPECT_EQ(input.rows[3]->text.size(), kMaxFieldBytes);
  }
}

TEST(Txt, OtherTextColumnIsAnError) {
  EXPECT_EQ(read_all("a\n", "r.txt", {.text_column = "body"}).error->to_string(),
            "r.txt: no column \"body\"; the columns are: text.");
  EXPECT_FALSE(read_all("a\n", "r.txt", {.text_column = "text"}).error.has_value());
}

}  // namespace
}  // namespace valence::data
