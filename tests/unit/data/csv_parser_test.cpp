#include "valence/data/csv_parser.h"

#include <gtest/gtest.h>

#include <chrono>

#include "unit/data/chunked_source.h"
#include "valence/data/row_parser.h"

namespace valence::data {
namespace {

using namespace std::string_literals;
using testing::carried_of;
using testing::described;
using testing::read_all;
using testing::texts_of;
using Texts = std::vector<std::string>;

TEST(Csv, CellsAreCarriedInOrderByteForByte) {
  const auto input = read_all("id,text,note\n007,good, a b \n", "r.csv");
  ASSERT_EQ(input.rows.size(), 1U);
  EXPECT_EQ(input.columns, (Texts{"id", "text", "note"}));
  EXPECT_EQ(input.text_column, "text");
  EXPECT_EQ(input.rows[0]->text, "good");
  EXPECT_EQ(carried_of(input.rows[0]), "id=007|text=good|note= a b ");
}

TEST(Csv, QuotedCellsHoldDelimitersQuotesAndLineEnds) {
  const auto input = read_all("text,n\n\"a, \"\"b\"\"\r\nc\",1\n\"\",2\n\"\"\"\",3\n", "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"a, \"b\"\r\nc", "", "\""}));
}

TEST(Csv, QuoteInsideAnUnquotedCellIsACharacter) {
  EXPECT_EQ(texts_of(read_all("text,n\n5\" screen \"nice\",1\n", "r.csv")), (Texts{"5\" screen \"nice\""}));
}

TEST(Csv, LinesMayEndInCrlfLfAndCrMixed) {
  EXPECT_EQ(texts_of(read_all("text,n\r\na,1\nb,2\rc,3\r\nd,4", "r.csv")), (Texts{"a", "b", "c", "d"}));
}

TEST(Csv, LastRowNeedsNoLineEnd) {
  EXPECT_EQ(texts_of(read_all("text\na", "r.csv")), (Texts{"a"}));
  EXPECT_EQ(texts_of(read_all("text\n\"a\"", "r.csv")), (Texts{"a"}));
  EXPECT_EQ(carried_of(read_all("text,n\na,", "r.csv").rows[0]), "text=a|n=");
}

TEST(Csv, BlankLinesAreSkippedAndRowsCountedWithoutThem) {
  const auto input = read_all("\n\ntext\r\n\r\na\n\n\nb\n\n", "r.csv");
  ASSERT_EQ(texts_of(input), (Texts{"a", "b"}));
  EXPECT_EQ(input.rows[0]->row, 1U);
  EXPECT_EQ(input.rows[0]->line, 5U);
  EXPECT_EQ(input.rows[1]->row, 2U);
  EXPECT_EQ(input.rows[1]->line, 8U);
}

TEST(Csv, LineNumbersCountTheLinesInsideQuotes) {
  const auto input = read_all("text\n\"a\nb\r\nc\rd\"\ne\n", "r.csv");
  ASSERT_EQ(input.rows.size(), 2U);
  EXPECT_EQ(input.rows[0]->line, 2U);
  EXPECT_EQ(input.rows[1]->line, 6U);
}

TEST(Csv, TabSeparatedFilesFollowTheSameQuoting) {
  const auto input = read_all("id\ttext\n1\ta, b\n2\t\"a\tb\"\n", "r.tsv");
  EXPECT_EQ(texts_of(input), (Texts{"a, b", "a\tb"}));
}

TEST(Csv, TextColumnIsTheOneNamed) {
  EXPECT_EQ(texts_of(read_all("text,note\na,b\n", "r.csv", {.text_column = "note"})), (Texts{"b"}));
}

TEST(Csv, MissingTextColumnNamesTheColumns) {
  const auto input = read_all("id,note\n1,a\n", "r.csv", {.text_column = "text"});
  ASSERT_TRUE(input.error.has_value());
  EXPECT_EQ(input.error->code(), ErrorCode::kNotFound);
  EXPECT_EQ(input.error->to_string(), "r.csv:1: no column \"text\"; the columns are: id, note.");
}

TEST(Csv, HeaderNameTwiceIsAnErrorThatNamesBothPlaces) {
  const auto input = read_all("id,text,id\n1,a,2\n", "r.csv");
  ASSERT_TRUE(input.error.has_value());
  EXPECT_EQ(input.error->to_string(), "r.csv:1: the header names \"id\" twice: columns 1 and 3.");
}

TEST(Csv, EmptyFileIsAnErrorAndAHeaderAloneIsNot) {
  EXPECT_EQ(read_all("", "r.csv").error->to_string(), "r.csv: is empty, expected a header with the columns' names.");
  EXPECT_TRUE(read_all("\n\r\n", "r.csv").error.has_value());
  const auto input = read_all("text,n\n", "r.csv");
  EXPECT_FALSE(input.error.has_value());
  EXPECT_TRUE(input.rows.empty());
}

TEST(Csv, RaggedRowsAreRefusedAloneWithBothCounts) {
  const auto input = read_all("text,n\na,1\nb\nc,1,2\nd,4\n", "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"a", "line 3: expected 2 cells as in the header, found 1",
                                    "line 4: expected 2 cells as in the header, found 3", "d"}));
  EXPECT_EQ(input.rows[1].error().error.where(), "r.csv:3");
  EXPECT_EQ(input.rows[1].error().row, 2U);
  EXPECT_EQ(carried_of(input.rows[1]), "text=b");
  EXPECT_EQ(carried_of(input.rows[2]), "text=c|n=1");
}

TEST(Csv, InvalidUtf8IsRefusedAloneWithColumnByteAndRemedy) {
  const auto input = read_all("id,text\n1,what a great f\x92lm\n2,fine\n", "r.csv");
  ASSERT_EQ(input.rows.size(), 2U);
  EXPECT_EQ(input.rows[0].error().error.to_string(),
            "r.csv:2: column \"text\" has invalid UTF-8 at byte 14 (0x92). Hint: re-encode with --encoding "
            "windows-1252, or use --on-error skip.");
  EXPECT_EQ(carried_of(input.rows[0]), "id=1|text=what a great f\x92lm");
  EXPECT_EQ(input.rows[1]->text, "fine");
}

TEST(Csv, InvalidUtf8InAnotherColumnIsFoundToo) {
  EXPECT_EQ(texts_of(read_all("who,text\nJos\xE9,good\n", "r.csv")),
            (Texts{"line 2: column \"who\" has invalid UTF-8 at byte 3 (0xE9)"}));
}

TEST(Csv, InvalidUtf8InTheHeaderIsAnErrorOfTheFile) {
  EXPECT_EQ(read_all("text,caf\xE9\na,b\n", "r.csv").error->to_string(),
            "r.csv:1: the name of column 2 has invalid UTF-8 at byte 3 (0xE9). Hint: re-encode with --encoding "
            "windows-1252, or use --on-error skip.");
}

TEST(Csv, NulByteIsRefusedAlone) {
  const auto input = read_all("text,n\na\0b,1\nc,2\n"s, "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"line 2: column \"text\" contains a NUL byte at byte 1", "c"}));
}

TEST(Csv, Utf16WithoutAMarkIsHintedAt) {
  EXPECT_EQ(read_all("t\0e\0x\0t\0\n\0a\0\n\0"s, "r.csv").error->hint(), "if this is UTF-16, use --encoding utf-16");
}

TEST(Csv, Utf16IsReadAndHalfAPairRefusedAlone) {
  // "text\na<D83D>\nb\n"
  const std::string bytes = "\xFF\xFEt\0e\0x\0t\0\n\0a\0\x3D\xD8\n\0b\0\n\0"s;
  EXPECT_EQ(texts_of(read_all(bytes, "r.csv", {.encoding = Encoding::kUtf16})),
            (Texts{"line 2: column \"text\" has half a UTF-16 surrogate pair", "b"}));
}

TEST(Csv, StrayQuoteCostsItsRowAndReadingGoesOnBehindItsLine) {
  const auto input = read_all("text,n\na,1\n\"oops,2\n\"b\",3\nc,4\n", "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"a",
                                    "line 3: the quoted cell that opens on line 3 has text behind its closing quote on "
                                    "line 4; a quote inside a quoted cell is written twice",
                                    "b", "c"}));
  EXPECT_EQ(input.rows[2]->line, 4U);
  EXPECT_EQ(input.rows[3]->row, 4U);
}

TEST(Csv, UnescapedQuotesInsideACellCostTheirRow) {
  EXPECT_EQ(texts_of(read_all("text,n\n\"he said \"hi\" to me\",1\nb,2\n", "r.csv")),
            (Texts{"line 2: the quoted cell that opens on line 2 has text behind its closing quote on line 2; a quote "
                   "inside a quoted cell is written twice",
                   "b"}));
}

TEST(Csv, UnterminatedQuoteCostsItsRowOnly) {
  const auto input = read_all("text,n\na,1\n\"bad,2\nc,3\nd,4\n", "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"a", "line 3: the quote that opens on line 3 is never closed", "c", "d"}));
}

TEST(Csv, UnterminatedQuoteNamesItsOwnLineWhenTheRowBeganBefore) {
  const auto input = read_all("text,n\n\"a\nb\",\"c\nd,4\n", "r.csv");
  EXPECT_EQ(texts_of(input), (Texts{"line 2: the quote that opens on line 3 is never closed", "d"}));
}

TEST(Csv, UnterminatedQuoteInTheLastLineEndsTheFile) {
  EXPECT_EQ(texts_of(read_all("text\na\n\"b", "r.csv")),
            (Texts{"a", "line 3: the quote that opens on line 3 is never closed"}));
}

TEST(Csv, QuoteLeftOpenForMoreThanTheLimitIsBoundedAndCostsItsRow) {
  std::string bytes = "text,n\n\"stray,1\n";
  std::size_t lines = 0;
  for (; bytes.size() < 2 * kMaxFieldBytes; ++lines) bytes += "some plain text without quotes,2\n";
  const auto input = read_all(bytes, "r.csv");
  ASSERT_EQ(input.rows.size(), lines + 1);
  EXPECT_EQ(input.rows[0].error().error.to_string(),
            "r.csv:2: the quoted cell that opens on line 2 is longer than 16 MB: is its closing quote missing?");
  EXPECT_EQ(input.rows[1]->text, "some plain text without quotes");
  EXPECT_EQ(input.rows.back()->line, lines + 2);
}

TEST(Csv, UnquotedCellOverTheLimitIsRefusedAlone) {
  const std::string bytes = "text,n\n" + std::string(kMaxFieldBytes + 1, 'x') + ",1\nb,2\n";
  EXPECT_EQ(texts_of(read_all(bytes, "r.csv")), (Texts{"line 2: a cell is longer than 16 MB", "b"}));
}

TEST(Csv, TextOfExactlyTheLimitIsRead) {
  const auto input = read_all("text,n\n" + std::string(kMaxFieldBytes, 'x') + ",1\n", "r.csv");
  EXPECT_EQ(input.rows[0]->text.size(), kMaxFieldBytes);
}

TEST(Csv, RowOverTheLimitIsRefusedAlone) {
  std::string bytes = "text,a,b,c,d,e\n";
  for (int i = 0; i < 6; ++i) bytes += std::string(kMaxFieldBytes - 1, 'x') + (i < 5 ? "," : "\n");
  EXPECT_EQ(texts_of(read_all(bytes + "b,1,2,3,4,5\n", "r.csv")), (Texts{"line 2: the row is longer than 64 MB", "b"}));
}

TEST(Csv, TenThousandColumnsWork) {
  std::string header = "text";
  std::string row = "good";
  for (int i = 1; i < 10'000; ++i) {
    header += ",c" + std::to_string(i);
    row += "," + std::to_string(i);
  }
  const auto input = read_all(header + "\n" + row + "\n", "r.csv");
  ASSERT_EQ(input.rows.size(), 1U);
  ASSERT_EQ(input.rows[0]->carried.size(), 10'000U);
  EXPECT_EQ(input.rows[0]->carried.name(9'999), "c9999");
  EXPECT_EQ(input.rows[0]->carried.value(9'999), "9999");
}

TEST(Csv, MoreThanAMillionColumnsAreRefused) {
  EXPECT_EQ(read_all(std::string(kMaxColumns, ',') + "\n", "r.csv").error->what(),
            "the header cannot be read: the row has more than 1000000 cells");
  EXPECT_EQ(texts_of(read_all("text\n" + std::string(kMaxColumns, ',') + "\nb\n", "r.csv")),
            (Texts{"line 2: the row has more than 1000000 cells", "b"}));
}

TEST(Csv, MarkOfUtf8IsNoPartOfTheFirstName) {
  EXPECT_EQ(read_all("\xEF\xBB\xBFtext\na\n", "r.csv").columns, (Texts{"text"}));
}

// Each piece exercises a rule; together with every chunk size this is where a scanner forgets its state.
TEST(Csv, AnyChunksGiveTheSameRows) {
  const std::string bytes =
      "\xEF\xBB\xBFid,text\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\r\n2,d\r3,\"e\"\n4\n5,\"\"\n\"6\"x,f\n7,\"g\n8,\xFF\n9,h";
  const auto whole = read_all(bytes, "r.csv");
  ASSERT_EQ(whole.rows.size(), 9U);
  for (std::size_t chunk = 1; chunk < bytes.size(); ++chunk) {
    const auto chunked = read_all(bytes, "r.csv", {}, chunk);
    ASSERT_EQ(chunked.rows.size(), whole.rows.size()) << "chunks of " << chunk;
    for (std::size_t i = 0; i < whole.rows.size(); ++i) {
      EXPECT_EQ(described(chunked.rows[i]), described(whole.rows[i])) << "chunks of " << chunk;
    }
  }
}

// Lines chosen so that reading them from inside quotes and from outside both reach the next line inside quotes: a
// parser that starts over behind each bad line from the row's beginning would take quadratic time on them.
TEST(Csv, QuotesThatNeverSettleTakeLinearTime) {
  std::string bytes = "text\n";
  while (bytes.size() < (std::size_t{4} << 20)) bytes += "\",x\",\"\n";
  const auto begin = std::chrono::steady_clock::now();
  const auto input = read_all(bytes, "r.csv");
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_FALSE(input.rows.empty());
  // Quadratic would be 10^12 steps; ten seconds leave room for a sanitizer on a busy machine.
  EXPECT_LT(elapsed, std::chrono::seconds(10));
}

}  // namespace
}  // namespace valence::data
