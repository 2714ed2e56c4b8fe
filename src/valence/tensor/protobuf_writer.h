/// \file
/// Writes messages in the wire format of Protocol Buffers, field by field.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace valence {

class ProtobufWriter {
 public:
  ProtobufWriter& integer(std::uint32_t field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3U);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  ProtobufWriter& number(std::uint32_t field, float value) {
    varint(static_cast<std::uint64_t>(field) << 3U | 5U);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(bits >> shift & 255U);
    return *this;
  }
  /// A string, bytes, or a message within.
  ProtobufWriter& bytes(std::uint32_t field, std::string_view content) {
    varint(static_cast<std::uint64_t>(field) << 3U | 2U);
    varint(content.size());
    bytes_ += content;
    return *this;
  }
  [[nodiscard]] const std::string& message() const { return bytes_; }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7U) bytes_ += static_cast<char>((value & 127U) | 128U);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

}  // namespace valence
