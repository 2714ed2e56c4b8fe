/// \file
/// The merges of byte-pair encoding as files list them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::tokenizer {

constexpr std::size_t kMaxMerges = 4'000'000;

/// Merges as they are read, by ascending rank, before they are checked. The bytes of all stand in one string.
struct MergeRules {
  struct Rule {
    std::uint32_t offset;  // of the left token; the right one follows it
    std::uint32_t left_size;
    std::uint32_t right_size;
  };
  std::string arena;
  std::vector<Rule> rules;

  void add(std::string_view left, std::string_view right) {
    rules.push_back({static_cast<std::uint32_t>(arena.size()), static_cast<std::uint32_t>(left.size()),
                     static_cast<std::uint32_t>(right.size())});
    arena += left;
    arena += right;
  }
};

/// Adds "left right", one rule of a file; `where` is how errors name it.
Status add_merge_line(std::string_view line, const std::string& where, MergeRules& merges);

/// merges.txt: a rule a line, lines that begin with #version apart.
Result<MergeRules> read_merges_txt(std::string_view text, const std::string& source_name);

}  // namespace valence::tokenizer
