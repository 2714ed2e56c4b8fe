#include "valence/tokenizer/vocabulary_file_checks.h"

#include <gtest/gtest.h>

#include <string>

namespace valence::tokenizer {
namespace {

/// As read_file shows a file that comes in pieces of `piece_bytes`.
std::string refusal(const PieceCheck& check, std::string_view file, std::size_t piece_bytes) {
  for (std::size_t checked = 0; checked < file.size(); checked += piece_bytes) {
    const Status within = check(file.substr(0, checked + piece_bytes), checked);
    if (!within) return within.error().to_string();
  }
  return "within";
}

TEST(TokenLines, LongLineIsRefusedWithItsNumber) {
  const std::string longest(kMaxTokenLineBytes, 'a');
  for (const std::size_t piece_bytes : {std::size_t{1000}, kMaxTokenLineBytes + 1, std::size_t{1} << 20}) {
    EXPECT_EQ(refusal(check_token_lines("vocab.txt"), "a\n" + longest + "\nb\n" + longest, piece_bytes), "within");
    EXPECT_EQ(refusal(check_token_lines("vocab.txt"), "a\nb\n" + longest + "a\nb\n", piece_bytes),
              "vocab.txt:3: has more than 65536 bytes, expected one token or merge a line.");
  }
}

TEST(TokenLines, LineThatNeverEndsIsRefusedWithoutItsEnd) {
  EXPECT_EQ(refusal(check_token_lines("merges.txt"), std::string(kMaxTokenLineBytes + 1, '\0'), 1000),
            "merges.txt:1: has more than 65536 bytes, expected one token or merge a line.");
}

TEST(VocabJson, TokenIsNoLongerThanALine) {
  EXPECT_EQ(refusal(check_vocab_json("vocab.json"), R"({"a": 0})", 3), "within");
  EXPECT_EQ(refusal(check_vocab_json("vocab.json"), "{\"" + std::string(kMaxTokenLineBytes, 'a') + "\": 0}", 1000),
            "within");
  EXPECT_EQ(refusal(check_vocab_json("vocab.json"), "{\"" + std::string(kMaxTokenLineBytes + 1, 'a'), 1000),
            "vocab.json: a string, number or white space of more than 65536 bytes, up to byte 65538.");
}

/// A field of bytes: its key, its size in two bytes of seven bits, and as many zeros.
std::string field(char number, std::size_t size) {
  return {static_cast<char>(number << 3 | 2), static_cast<char>(0x80 | (size & 0x7F)), static_cast<char>(size >> 7)};
}

TEST(SentencePieceFields, HeadersAreFollowedOverPieces) {
  const std::string file = field(1, 300) + std::string(300, '\0') + field(2, 5) + "abcde" + std::string(40, '\x08');
  for (const std::size_t piece_bytes : {1U, 7U, 64U, 1000U}) {
    EXPECT_EQ(refusal(check_sentencepiece_fields("a.model"), file, piece_bytes), "within");
  }
}

TEST(SentencePieceFields, WhatIsNoModelIsRefusedAtItsByte) {
  EXPECT_EQ(refusal(check_sentencepiece_fields("a.model"), std::string(100, '\0'), 50),
            "a.model: byte 0: there is no field 0.");
  const std::string after_a_piece = field(1, 30) + std::string(30, 'x') + '\x0b' + std::string(40, 'x');
  EXPECT_EQ(refusal(check_sentencepiece_fields("a.model"), after_a_piece, 10),
            "a.model: byte 33: field 1 is of wire type 3: expected 0, 1, 2 or 5.");
}

TEST(SentencePieceFields, HugePartsAreRefusedBeforeTheyAreRead) {
  const std::string piece = std::string("\x0a\xff\xff\xff\x0f") + std::string(20, 'x');  // 2^25 - 1 bytes
  EXPECT_EQ(refusal(check_sentencepiece_fields("a.model"), piece, 25),
            "a.model: byte 0: field 1 has 33554431 bytes, more than the 65536 allowed here.");
  const std::string settings = std::string("\x12\xff\xff\xff\x0f") + std::string(20, 'x');
  EXPECT_EQ(refusal(check_sentencepiece_fields("a.model"), settings, 25),
            "a.model: byte 0: field 2 has 33554431 bytes, more than the 16777216 allowed here.");
}

}  // namespace
}  // namespace valence::tokenizer
