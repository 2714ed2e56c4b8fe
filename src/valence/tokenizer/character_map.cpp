#include "valence/tokenizer/character_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

// A unit of a darts-clone array, as its darts.h lays it out.
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1U) != 0; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFU; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFU; }
std::size_t offset_of(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & 0x200U) >> 6); }

}  // namespace

Result<CharacterMap> CharacterMap::parse(std::string_view bytes, const std::string& where) {
  std::uint32_t trie_bytes = 0;
  if (bytes.size() < sizeof trie_bytes) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("has {} bytes, too few for the size of its trie", bytes.size()));
  }
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);  // every machine that valence runs on is little-endian
  bytes.remove_prefix(sizeof trie_bytes);
  const std::size_t units = trie_bytes / sizeof(std::uint32_t);
  if (units == 0 || units * sizeof(std::uint32_t) > bytes.size()) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("its trie of {} bytes: expected 4 to the {} bytes that follow", trie_bytes, bytes.size()));
  }
  CharacterMap map;
  map.units_.resize(units);
  std::memcpy(map.units_.data(), bytes.data(), units * sizeof(std::uint32_t));
  map.replacements_ = bytes.substr(units * sizeof(std::uint32_t));
  if (const auto invalid = find_invalid_utf8(map.replacements_)) {
    return fail(ErrorCode::kInvalidData, where, fmt::format("its replacements: invalid UTF-8 at byte {}", *invalid));
  }
  for (std::size_t c = 0; c < map.has_ascii_rule_.size(); ++c) {
    map.has_ascii_rule_[c] = map.find(std::string_view(&kAscii[c], 1)).has_value();
  }
  return map;
}

std::optional<std::string_view> CharacterMap::find(std::string_view text) const {
  std::size_t node = offset_of(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    node ^= byte;
    if (node >= units_.size()) return std::nullopt;
    const std::uint32_t unit = units_[node];
    if (label_of(unit) != byte) return std::nullopt;
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    return node < units_.size() ? replacement_at(value_of(units_[node])) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string_view> CharacterMap::replacement_at(std::size_t offset) const {
  const std::string_view all = replacements_;
  const bool inside_character = offset < all.size() && (static_cast<unsigned char>(all[offset]) & 0xC0U) == 0x80U;
  if (offset > all.size() || inside_character) return std::nullopt;
  return all.substr(offset, all.find('\0', offset) - offset);
}

}  // namespace valence::tokenizer
