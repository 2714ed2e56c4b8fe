/// \file
/// HMAC with SHA-256: who holds the key said this. Source: RFC 2104, FIPS 180-4.
#pragma once

#include <string>
#include <string_view>

namespace valence::net {

/// In lower-case hexadecimal. Thread-safe.
[[nodiscard]] std::string hmac_sha256_hex(std::string_view key, std::string_view message);

}  // namespace valence::net
