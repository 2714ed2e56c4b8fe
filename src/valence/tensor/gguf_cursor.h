/// \file
/// Reads the fields of a GGUF file in order, none beyond its end, and knows the place for errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

/// The little-endian number at the beginning of `bytes`, which must be as long.
template <class T>
[[nodiscard]] T gguf_number(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);  // every machine that valence runs on is little-endian
  return value;
}

[[nodiscard]] inline std::string_view gguf_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> image, const std::string& source) : image_(image), source_(source) {}

  /// What is read from here on, for errors: "metadata key" or "tensor" number `index`, which has no name yet.
  void enter(std::string_view kind, std::uint64_t index);
  /// Its name, once it has been read; it must be UTF-8 and outlive the cursor's use.
  void name(std::string_view text) { name_ = text; }

  /// The next `size` bytes. `what` says what they are: "its value".
  Result<std::span<const std::byte>> take(std::uint64_t size, std::string_view what);
  template <class T>
  Result<T> number(std::string_view what) {
    VALENCE_TRY(const auto bytes, take(sizeof(T), what));
    return gguf_number<T>(bytes);
  }
  /// A string with its length before it, of at most `max_bytes`.
  Result<std::string_view> string(std::uint64_t max_bytes, std::string_view what);
  /// The same for names: not empty, UTF-8 without NUL.
  Result<std::string_view> name_string(std::uint64_t max_bytes, std::string_view what);

  /// A refusal placed at what is being read.
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what, ErrorCode code = ErrorCode::kInvalidData,
                                             std::string hint = {}) const;

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t remaining() const { return image_.size() - at_; }

 private:
  std::span<const std::byte> image_;
  const std::string& source_;
  std::size_t at_ = 0;
  std::string_view kind_;
  std::string_view name_;
  std::uint64_t index_ = 0;
};

}  // namespace valence
