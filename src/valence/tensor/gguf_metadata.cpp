#include "valence/tensor/gguf_metadata.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tensor/gguf_cursor.h"

namespace valence {
namespace {

struct TypeInfo {
  std::string_view name;
  std::size_t bytes;
};

/// By tag.
constexpr std::array<TypeInfo, kGgufTypes> kTypes = {{{"u8", 1},
                                                      {"i8", 1},
                                                      {"u16", 2},
                                                      {"i16", 2},
                                                      {"u32", 4},
                                                      {"i32", 4},
                                                      {"f32", 4},
                                                      {"bool", 1},
                                                      {"string", 0},
                                                      {"array", 0},
                                                      {"u64", 8},
                                                      {"i64", 8},
                                                      {"f64", 8}}};

/// An integer of type `type`; nothing for other types, and for a u64 that i64 does not hold.
std::optional<std::int64_t> integer_at(GgufType type, std::span<const std::byte> bytes) {
  switch (type) {
    case GgufType::kU8:
      return gguf_number<std::uint8_t>(bytes);
    case GgufType::kI8:
      return gguf_number<std::int8_t>(bytes);
    case GgufType::kU16:
      return gguf_number<std::uint16_t>(bytes);
    case GgufType::kI16:
      return gguf_number<std::int16_t>(bytes);
    case GgufType::kU32:
      return gguf_number<std::uint32_t>(bytes);
    case GgufType::kI32:
      return gguf_number<std::int32_t>(bytes);
    case GgufType::kI64:
      return gguf_number<std::int64_t>(bytes);
    case GgufType::kU64: {
      const auto value = gguf_number<std::uint64_t>(bytes);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    case GgufType::kF32:
    case GgufType::kF64:
    case GgufType::kBool:
    case GgufType::kString:
    case GgufType::kArray:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string described(const GgufValue& value) {
  if (value.type != GgufType::kArray) return std::string(name(value.type));
  return fmt::format("array of {}", name(value.element));
}

}  // namespace

std::size_t size_bytes(GgufType type) { return kTypes[static_cast<std::uint32_t>(type)].bytes; }
std::string_view name(GgufType type) { return kTypes[static_cast<std::uint32_t>(type)].name; }

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::string GgufMetadata::missing(std::string_view key) {
  return fmt::format("the metadata has no key {}", in_quotes(key));
}

tl::unexpected<Error> GgufMetadata::invalid(std::string_view key, std::string what, std::string hint) const {
  return fail(ErrorCode::kInvalidData, fmt::format("{}: {}", source_, key), std::move(what), std::move(hint));
}

tl::unexpected<Error> GgufMetadata::wrong_type(std::string_view key, std::string_view expected,
                                               const GgufValue& value) const {
  return invalid(key, fmt::format("expected {}, found a value of type {}", expected, described(value)));
}

Result<std::optional<std::string_view>> GgufMetadata::find_string(std::string_view key) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kString) return wrong_type(key, "a string", *value);
  const std::string_view text = gguf_text(value->bytes);
  if (find_invalid_utf8(text)) return invalid(key, "is not UTF-8 text");
  return text;
}

Result<std::optional<std::int64_t>> GgufMetadata::find_integer(std::string_view key) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto integer = integer_at(value->type, value->bytes);
  if (!integer && value->type == GgufType::kU64) return invalid(key, "is an integer beyond every sensible size");
  if (!integer) return wrong_type(key, "an integer", *value);
  return integer;
}

Result<std::optional<double>> GgufMetadata::find_number(std::string_view key) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kF32 && value->type != GgufType::kF64) return wrong_type(key, "f32 or f64", *value);
  const double number =
      value->type == GgufType::kF32 ? gguf_number<float>(value->bytes) : gguf_number<double>(value->bytes);
  if (!std::isfinite(number)) return invalid(key, "is infinite or no number");
  return number;
}

Result<std::optional<bool>> GgufMetadata::find_boolean(std::string_view key) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kBool) return wrong_type(key, "a bool", *value);
  const auto byte = gguf_number<std::uint8_t>(value->bytes);
  if (byte > 1) return invalid(key, fmt::format("is the byte {}, a bool is 0 or 1", byte));
  return byte == 1;
}

Result<std::optional<std::vector<bool>>> GgufMetadata::find_booleans(std::string_view key,
                                                                     std::uint64_t max_count) const {
  constexpr std::string_view kExpected = "an array of bools";
  VALENCE_TRY(const GgufValue* const value, find_array(key, kExpected, max_count));
  if (value == nullptr) return std::nullopt;
  if (value->element != GgufType::kBool) return wrong_type(key, kExpected, *value);
  std::vector<bool> booleans;
  for (const std::byte byte : value->bytes) booleans.push_back(byte != std::byte{0});
  return booleans;
}

Result<std::optional<std::vector<double>>> GgufMetadata::find_numbers(std::string_view key,
                                                                      std::uint64_t max_count) const {
  constexpr std::string_view kExpected = "an array of f32";
  VALENCE_TRY(const GgufValue* const value, find_array(key, kExpected, max_count));
  if (value == nullptr) return std::nullopt;
  if (value->element != GgufType::kF32) return wrong_type(key, kExpected, *value);
  std::vector<double> numbers;
  numbers.reserve(value->count);
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto number = gguf_number<float>(value->bytes.subspan(i * sizeof(float), sizeof(float)));
    if (!std::isfinite(number)) return invalid(key, fmt::format("element {} is infinite or no number", i));
    numbers.push_back(number);
  }
  return numbers;
}

/// Null when the key is absent.
Result<const GgufValue*> GgufMetadata::find_array(std::string_view key, std::string_view expected,
                                                  std::uint64_t max_count) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return nullptr;
  if (value->type != GgufType::kArray) return wrong_type(key, expected, *value);
  if (value->count > max_count) {
    return invalid(key, fmt::format("has {} elements, more than the {} allowed", value->count, max_count));
  }
  return value;
}

Result<std::optional<std::vector<std::string_view>>> GgufMetadata::find_strings(std::string_view key,
                                                                                std::uint64_t max_count) const {
  constexpr std::string_view kExpected = "an array of strings";
  VALENCE_TRY(const GgufValue* const value, find_array(key, kExpected, max_count));
  if (value == nullptr) return std::nullopt;
  if (value->element != GgufType::kString) return wrong_type(key, kExpected, *value);
  std::vector<std::string_view> strings;
  strings.reserve(value->count);
  auto rest = value->bytes;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto size = gguf_number<std::uint64_t>(rest);
    strings.push_back(gguf_text(rest.subspan(sizeof size, size)));
    if (find_invalid_utf8(strings.back())) return invalid(key, fmt::format("element {} is not UTF-8 text", i));
    rest = rest.subspan(sizeof size + size);
  }
  return strings;
}

Result<std::optional<std::vector<std::int64_t>>> GgufMetadata::find_integers(std::string_view key,
                                                                             std::uint64_t max_count) const {
  constexpr std::string_view kExpected = "an array of integers";
  VALENCE_TRY(const GgufValue* const value, find_array(key, kExpected, max_count));
  if (value == nullptr) return std::nullopt;
  std::vector<std::int64_t> integers;
  integers.reserve(value->count);
  const std::size_t width = size_bytes(value->element);
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto integer = width == 0 ? std::nullopt : integer_at(value->element, value->bytes.subspan(i * width, width));
    if (!integer) return wrong_type(key, kExpected, *value);
    integers.push_back(*integer);
  }
  return integers;
}

Result<std::optional<std::string_view>> GgufMetadata::find_bytes(std::string_view key) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool bytes =
      value->type == GgufType::kArray && (value->element == GgufType::kU8 || value->element == GgufType::kI8);
  if (!bytes) return wrong_type(key, "an array of u8", *value);
  return gguf_text(value->bytes);
}

}  // namespace valence
