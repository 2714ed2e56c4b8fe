#include "valence/tokenizer/precompiled.h"

#include <gtest/gtest.h>

#include <cstring>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

constexpr std::uint32_t kLeaf = 0x100;
constexpr std::uint32_t kValue = 0x80000000;

/// Units of a trie whose root has offset 0: the child for byte b is unit b.
std::vector<std::uint32_t> root_only() { return std::vector<std::uint32_t>(1024); }

/// Byte `label` ends a rule: its unit's offset is 1, which leads to the value.
void add_rule(std::vector<std::uint32_t>& units, unsigned char label, std::uint32_t replacement) {
  units[label] = label | kLeaf | (1U << 10);
  units[label ^ 1U] = kValue | replacement;
}

std::string charsmap(const std::vector<std::uint32_t>& units, std::string_view replacements) {
  const auto bytes = static_cast<std::uint32_t>(units.size() * sizeof units[0]);
  std::string map(sizeof bytes + bytes, '\0');
  std::memcpy(map.data(), &bytes, sizeof bytes);
  if (bytes > 0) std::memcpy(map.data() + sizeof bytes, units.data(), bytes);
  return map += replacements;
}

constexpr std::string_view kReplacements("xy\0\0z", 5);

Precompiled small() {
  auto units = root_only();
  add_rule(units, 'a', 0);  // xy
  add_rule(units, 'c', 3);  // nothing
  add_rule(units, 'e', 4);  // z
  return Precompiled(CharacterMap::parse(charsmap(units, kReplacements), "map").value());
}

TEST(Precompiled, ReplacesGrowsAndRemoves) {
  EXPECT_EQ(normalized_utf8(small(), "Babce"), "Bxybz");
  EXPECT_EQ(sources_of(normalized(small(), "Bae")), (std::vector<ByteSpan>{{0, 1}, {1, 2}, {1, 2}, {2, 3}}));
}

TEST(Precompiled, ShortGraphemeIsReplacedAsAWholeByTheRuleOfItsBeginning) {
  EXPECT_EQ(normalized_utf8(small(), "e\u0301!"), "z!") << "the mark goes with it";
  EXPECT_EQ(normalized_utf8(small(), "e\u0301\u0301\u0301!"), "z\u0301\u0301\u0301!")
      << "7 bytes are looked at one by one";
}

// As PyPI tokenizers 0.23.3 has it; utf8proc 2.8 knows the marks of Unicode 15.
TEST(Precompiled, MarksOfUnicode16And17GoWithTheirLetterToo) {
  EXPECT_EQ(normalized_utf8(small(), "e\u0897!"), "z!");
  EXPECT_EQ(normalized_utf8(small(), "e\u1AEB!"), "z!");
  EXPECT_EQ(normalized_utf8(small(), "e\U0001E6F5!"), "z!");
  EXPECT_EQ(normalized_utf8(small(), "e\u1AEC!"), "z\u1AEC!") << "not assigned";
}

// The reference keeps no account of what is removed before the first character that stays.
TEST(Precompiled, RemovalAtTheStartShiftsTheSources) {
  EXPECT_EQ(sources_of(normalized(small(), "cbb")), (std::vector<ByteSpan>{{0, 1}, {1, 2}}));
  EXPECT_EQ(sources_of(normalized(small(), "bcb")), (std::vector<ByteSpan>{{0, 1}, {2, 3}}));
}

TEST(CharacterMap, WhatCannotBeReadIsRefused) {
  const auto error_of = [](const std::string& bytes) {
    const auto map = CharacterMap::parse(bytes, "map");
    return map ? "accepted" : map.error().to_string();
  };
  EXPECT_EQ(error_of("abc"), "map: has 3 bytes, too few for the size of its trie.");
  EXPECT_EQ(error_of(charsmap({}, "x")), "map: its trie of 0 bytes: expected 4 to the 1 bytes that follow.");
  EXPECT_EQ(error_of("\xFF\xFF\xFF\xFFmore"),
            "map: its trie of 4294967295 bytes: expected 4 to the 4 bytes that follow.");
  EXPECT_EQ(error_of(charsmap(root_only(), "a\xFF")), "map: its replacements: invalid UTF-8 at byte 1.");
}

TEST(CharacterMap, SearchStaysInsideOfAnyTrie) {
  auto outside = root_only();
  outside['a'] = 'a' | kLeaf | (0x3FFFFFU << 10);
  auto cyclic = root_only();
  for (std::uint32_t i = 0; i < 256; ++i) cyclic[i] = i;  // every byte leads back to the root
  auto bad_values = root_only();
  add_rule(bad_values, 'a', 0x7FFFFFFF);
  add_rule(bad_values, 'e', 1);  // inside of a character
  for (const auto& units : {outside, cyclic, bad_values}) {
    const Precompiled normalizer(CharacterMap::parse(charsmap(units, "é"), "map").value());
    EXPECT_EQ(normalized_utf8(normalizer, "aebaé\u0301"), "aebaé\u0301");
  }
}

}  // namespace
}  // namespace valence::tokenizer
