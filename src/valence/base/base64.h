/// \file
/// Base64 as in RFC 4648, section 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace valence {

/// The bytes that `text` spells. Nothing if it is not canonical: a foreign character, missing or surplus padding, bits
/// that stand for no byte.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace valence
