/// \file
/// UTF-8: validation and code-point iteration. Strict as Unicode 15 section 3.9, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace valence {

struct DecodedCodePoint {
  char32_t value;
  std::uint32_t size_bytes;  ///< 1 to 4
};

/// Byte offset of the first byte that starts no well-formed sequence; nullopt when all of `text` is valid.
/// Linear, no allocation.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// The code point that starts at `offset`. `text` must be valid UTF-8 and `offset` a boundary below its size.
[[nodiscard]] DecodedCodePoint decode_utf8(std::string_view text, std::size_t offset);

/// Appends the UTF-8 form of `code_point`, which must be a Unicode scalar value.
void append_utf8(std::string& out, char32_t code_point);

/// The code points of `text`, which must be valid UTF-8.
[[nodiscard]] std::u32string to_code_points(std::string_view text);

/// `bytes` with U+FFFD for every beginning of a character that is not completed, and for every byte that begins none
/// (Unicode 15 section 3.9, "substitution of maximal subparts"; what Rust's from_utf8_lossy does).
[[nodiscard]] std::string to_valid_utf8(std::string_view bytes);

/// Number of bytes that append_utf8 would write.
[[nodiscard]] std::size_t utf8_size(char32_t code_point);

}  // namespace valence
