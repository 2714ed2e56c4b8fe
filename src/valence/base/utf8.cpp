#include "valence/base/utf8.h"

#include <cstring>

#include "valence/base/check.h"

namespace valence {
namespace {

bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

/// Length of the well-formed sequence at `bytes`, 0 if there is none within `available` bytes.
std::size_t sequence_length(const unsigned char* bytes, std::size_t available) {
  const unsigned char lead = bytes[0];
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) {
    return available >= 2 && is_continuation(bytes[1]) ? 2 : 0;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (available < 3 || !is_continuation(bytes[1]) || !is_continuation(bytes[2])) return 0;
    if (lead == 0xE0 && bytes[1] < 0xA0) return 0;  // overlong
    if (lead == 0xED && bytes[1] > 0x9F) return 0;  // surrogates
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (available < 4 || !is_continuation(bytes[1]) || !is_continuation(bytes[2]) || !is_continuation(bytes[3])) {
      return 0;
    }
    if (lead == 0xF0 && bytes[1] < 0x90) return 0;  // overlong
    if (lead == 0xF4 && bytes[1] > 0x8F) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

/// How many bytes at `bytes`, where no well-formed sequence is, begin one that could have been completed; at least 1.
std::size_t maximal_subpart(const unsigned char* bytes, std::size_t available) {
  // The completions to try are the lowest and highest of each place: if one makes it well-formed, so far it was.
  constexpr unsigned char kSecond[] = {0x80, 0x90, 0xA0, 0xBF};
  unsigned char tried[4];
  std::size_t longest = 1;
  for (std::size_t kept = 2; kept <= 3 && kept <= available; ++kept) {
    std::memcpy(tried, bytes, kept);
    bool completes = false;
    for (const unsigned char next : kSecond) {
      std::memset(tried + kept, next, sizeof tried - kept);
      completes = completes || sequence_length(tried, sizeof tried) > kept;
    }
    if (!completes) break;
    longest = kept;
  }
  return longest;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  std::size_t i = 0;
  while (i < size) {
    // Most text is ASCII: eight bytes at a time while no high bit is set.
    if (i + 8 <= size) {
      std::uint64_t chunk;
      std::memcpy(&chunk, bytes + i, 8);
      if ((chunk & 0x8080808080808080ULL) == 0) {
        i += 8;
        continue;
      }
    }
    const std::size_t length = sequence_length(bytes + i, size - i);
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

DecodedCodePoint decode_utf8(std::string_view text, std::size_t offset) {
  VALENCE_ASSERT(offset < text.size(), "callers iterate inside the text");
  const auto* b = reinterpret_cast<const unsigned char*>(text.data()) + offset;
  const char32_t lead = b[0];
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1FU) << 6) | (b[1] & 0x3FU), 2};
  if (lead < 0xF0) return {((lead & 0x0FU) << 12) | ((b[1] & 0x3FU) << 6) | (b[2] & 0x3FU), 3};
  return {((lead & 0x07U) << 18) | ((b[1] & 0x3FU) << 12) | ((b[2] & 0x3FU) << 6) | (b[3] & 0x3FU), 4};
}

std::u32string to_code_points(std::string_view text) {
  std::u32string code_points;
  for (std::size_t i = 0; i < text.size();) {
    const auto [code_point, size_bytes] = decode_utf8(text, i);
    code_points += code_point;
    i += size_bytes;
  }
  return code_points;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string valid;
  valid.reserve(bytes.size());
  while (const auto invalid = find_invalid_utf8(bytes)) {
    valid += bytes.substr(0, *invalid);
    append_utf8(valid, 0xFFFD);
    bytes.remove_prefix(*invalid);
    bytes.remove_prefix(maximal_subpart(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  }
  valid += bytes;
  return valid;
}

std::size_t utf8_size(char32_t code_point) {
  if (code_point < 0x80) return 1;
  if (code_point < 0x800) return 2;
  return code_point < 0x10000 ? 3 : 4;
}

void append_utf8(std::string& out, char32_t c) {
  const auto tail = [&out, c](int shift) { out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
  switch (utf8_size(c)) {
    case 1:
      out += static_cast<char>(c);
      return;
    case 2:
      out += static_cast<char>(0xC0U | (c >> 6));
      tail(0);
      return;
    case 3:
      out += static_cast<char>(0xE0U | (c >> 12));
      tail(6);
      tail(0);
      return;
    default:
      out += static_cast<char>(0xF0U | (c >> 18));
      tail(12);
      tail(6);
      tail(0);
  }
}

}  // namespace valence
