/// \file
/// The typed keys and values of a GGUF file. Every error names the file and the key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence {

/// The file's tags of value types.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

constexpr std::uint32_t kGgufTypes = 13;

/// Bytes of a value of this type; 0 for strings and arrays, whose length stands in the file.
[[nodiscard]] std::size_t size_bytes(GgufType type);
/// "u32", "array", ...
[[nodiscard]] std::string_view name(GgufType type);

/// A value where it lies in the file: a number's bytes, a string's text, or an array's elements, checked to lie inside
/// the file. (Strings in arrays have their lengths before them.)
struct GgufValue {
  GgufType type = GgufType::kU8;
  GgufType element = GgufType::kU8;  ///< of an array
  std::uint64_t count = 0;           ///< of an array
  std::span<const std::byte> bytes;
};

/// Keys and values are views into the file, which must outlive them. Each `find_` gives nothing for an absent key and
/// an error for a value of another type; nothing is copied before its type and size were looked at.
class GgufMetadata {
 public:
  using Values = std::map<std::string_view, GgufValue>;

  GgufMetadata() = default;
  /// `source` is how errors name the file.
  GgufMetadata(Values values, std::string source) : values_(std::move(values)), source_(std::move(source)) {}

  [[nodiscard]] const Values& values() const { return values_; }
  [[nodiscard]] const GgufValue* find(std::string_view key) const;

  /// UTF-8 is checked.
  [[nodiscard]] Result<std::optional<std::string_view>> find_string(std::string_view key) const;
  /// Of any integer type; a u64 beyond the range of i64 is an error.
  [[nodiscard]] Result<std::optional<std::int64_t>> find_integer(std::string_view key) const;
  /// An f32 or f64; finite.
  [[nodiscard]] Result<std::optional<double>> find_number(std::string_view key) const;
  [[nodiscard]] Result<std::optional<bool>> find_boolean(std::string_view key) const;
  /// Arrays of at most `max_count` elements; their UTF-8 is checked.
  [[nodiscard]] Result<std::optional<std::vector<std::string_view>>> find_strings(std::string_view key,
                                                                                  std::uint64_t max_count) const;
  [[nodiscard]] Result<std::optional<std::vector<std::int64_t>>> find_integers(std::string_view key,
                                                                               std::uint64_t max_count) const;
  [[nodiscard]] Result<std::optional<std::vector<bool>>> find_booleans(std::string_view key,
                                                                       std::uint64_t max_count) const;
  [[nodiscard]] Result<std::optional<std::vector<double>>> find_numbers(std::string_view key,
                                                                        std::uint64_t max_count) const;
  /// The bytes of an array of u8 or i8, as a view.
  [[nodiscard]] Result<std::optional<std::string_view>> find_bytes(std::string_view key) const;

  /// The value of a `find_`, or the error that the key is missing.
  template <class T>
  [[nodiscard]] Result<T> required(Result<std::optional<T>> found, std::string_view key) const {
    if (!found) return fail(std::move(found).error());
    if (!*found) return fail(ErrorCode::kInvalidData, source_, missing(key));
    return std::move(**found);
  }

  /// An invalid-data error placed at a key.
  [[nodiscard]] tl::unexpected<Error> invalid(std::string_view key, std::string what, std::string hint = {}) const;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  [[nodiscard]] static std::string missing(std::string_view key);
  [[nodiscard]] tl::unexpected<Error> wrong_type(std::string_view key, std::string_view expected,
                                                 const GgufValue& value) const;
  [[nodiscard]] Result<const GgufValue*> find_array(std::string_view key, std::string_view expected,
                                                    std::uint64_t max_count) const;

  Values values_;
  std::string source_;
};

}  // namespace valence
