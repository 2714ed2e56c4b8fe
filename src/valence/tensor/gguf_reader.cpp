#include "valence/tensor/gguf_reader.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "valence/tensor/gguf_cursor.h"
#include "valence/tensor/gguf_tensor_infos.h"

namespace valence {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kOldestVersion = 2;
constexpr std::uint32_t kNewestVersion = 3;
constexpr std::uint64_t kMaxKeyBytes = 65'535;
constexpr std::uint64_t kLeastPairBytes = 8 + 4 + 1;  // an empty key's length, a type, a byte
constexpr auto kAlignmentKey = "general.alignment";
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr auto kConvertAgainHint = "convert the model again with a current converter";

Status read_magic(GgufCursor& cursor) {
  if (cursor.remaining() == 0) return cursor.refuse("is empty, expected a GGUF file");
  if (cursor.remaining() < kMagic.size()) return cursor.refuse("is too short for a GGUF file");
  VALENCE_TRY(const auto magic, cursor.take(kMagic.size(), "the magic number"));
  if (gguf_text(magic) != kMagic) return cursor.refuse("does not begin with \"GGUF\": not a GGUF file");
  return {};
}

Status read_version(GgufCursor& cursor) {
  VALENCE_TRY(const auto version, cursor.number<std::uint32_t>("the version"));
  if (version >= kOldestVersion && version <= kNewestVersion) return {};
  constexpr auto kCode = ErrorCode::kUnsupported;
  if (version == 1) return cursor.refuse("is GGUF version 1, which is no longer read", kCode, kConvertAgainHint);
  constexpr std::uint32_t kUpperHalf = 0xFFFF0000U;
  if (version != 0 && (version & ~kUpperHalf) == 0) {
    return cursor.refuse("is a big-endian GGUF file: only little-endian ones are read", kCode,
                         "convert the model again for a little-endian machine");
  }
  return cursor.refuse(fmt::format("is GGUF version {}: expected {} or {}", version, kOldestVersion, kNewestVersion),
                       kCode);
}

/// A count of entries that take at least `least_bytes` each.
Result<std::uint64_t> read_count(GgufCursor& cursor, std::string_view what, std::uint64_t largest,
                                 std::uint64_t least_bytes) {
  VALENCE_TRY(const auto count, cursor.number<std::uint64_t>(what));
  if (count > largest) {
    return cursor.refuse(fmt::format("{} is {}, more than the {} allowed", what, count, largest));
  }
  if (count * least_bytes > cursor.remaining()) {
    return cursor.refuse(
        fmt::format("{} is {}, but only {} bytes follow: the file is truncated", what, count, cursor.remaining()));
  }
  return count;
}

Result<GgufType> read_type(GgufCursor& cursor, std::string_view what) {
  VALENCE_TRY(const auto tag, cursor.number<std::uint32_t>(what));
  if (tag >= kGgufTypes) {
    return cursor.refuse(fmt::format("{} is {}: expected 0 to {}", what, tag, kGgufTypes - 1));
  }
  return static_cast<GgufType>(tag);
}

/// Moves past an array of strings.
Status skip_strings(GgufCursor& cursor, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    VALENCE_TRY_STATUS(cursor.string(kMaxGgufStringBytes, "a string of its array").map([](std::string_view) {}));
  }
  return {};
}

Result<GgufValue> read_array(GgufCursor& cursor, std::span<const std::byte> image) {
  GgufValue value{.type = GgufType::kArray, .bytes = {}};
  VALENCE_TRY(value.element, read_type(cursor, "the type of its elements"));
  VALENCE_TRY(value.count, cursor.number<std::uint64_t>("the number of its elements"));
  if (value.element == GgufType::kArray) {
    return cursor.refuse("is an array of arrays, which no model has", ErrorCode::kUnsupported);
  }
  const std::uint64_t least = value.element == GgufType::kString ? sizeof(std::uint64_t) : size_bytes(value.element);
  if (value.count > cursor.remaining() / least) {
    return cursor.refuse(
        fmt::format("announces {} elements, but only {} bytes are left: the file is truncated or "
                    "damaged",
                    value.count, cursor.remaining()));
  }
  if (value.element == GgufType::kString) {
    const std::size_t begin = cursor.at();
    VALENCE_TRY_STATUS(skip_strings(cursor, value.count));
    value.bytes = image.subspan(begin, cursor.at() - begin);
  } else {
    VALENCE_TRY(value.bytes, cursor.take(value.count * least, "its array"));
  }
  return value;
}

Result<GgufValue> read_value(GgufCursor& cursor, std::span<const std::byte> image) {
  VALENCE_TRY(const GgufType type, read_type(cursor, "the type of its value"));
  if (type == GgufType::kArray) return read_array(cursor, image);
  GgufValue value{.type = type, .bytes = {}};
  if (type == GgufType::kString) {
    VALENCE_TRY(const std::string_view text, cursor.string(kMaxGgufStringBytes, "its text"));
    value.bytes = std::as_bytes(std::span(text.data(), text.size()));
  } else {
    VALENCE_TRY(value.bytes, cursor.take(size_bytes(type), "its value"));
  }
  return value;
}

Result<GgufMetadata> read_metadata(GgufCursor& cursor, std::uint64_t count, std::span<const std::byte> image,
                                   const std::string& source) {
  GgufMetadata::Values values;
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.enter("metadata key", i);
    VALENCE_TRY(const std::string_view key, cursor.name_string(kMaxKeyBytes, "its name"));
    cursor.name(key);
    VALENCE_TRY(GgufValue value, read_value(cursor, image));
    if (!values.try_emplace(key, value).second) return cursor.refuse("stands twice in the metadata");
  }
  return GgufMetadata(std::move(values), source);
}

Result<std::uint64_t> alignment_of(const GgufMetadata& metadata) {
  const GgufValue* const value = metadata.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  if (value->type != GgufType::kU32) {
    return metadata.invalid(kAlignmentKey, fmt::format("expected u32, found a value of type {}", name(value->type)));
  }
  const auto alignment = gguf_number<std::uint32_t>(value->bytes);
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return metadata.invalid(kAlignmentKey, fmt::format("{} is no power of two", alignment));
  }
  return alignment;
}

}  // namespace

Result<GgufFile> parse_gguf(std::span<const std::byte> image, const std::string& source) {
  GgufCursor cursor(image, source);
  VALENCE_TRY_STATUS(read_magic(cursor));
  VALENCE_TRY_STATUS(read_version(cursor));
  VALENCE_TRY(const auto tensors,
              read_count(cursor, "the number of tensors", kMaxGgufTensors, kLeastGgufTensorInfoBytes));
  VALENCE_TRY(const auto keys, read_count(cursor, "the number of metadata keys", kMaxGgufKeys, kLeastPairBytes));
  GgufFile file;
  VALENCE_TRY(file.metadata, read_metadata(cursor, keys, image, source));
  VALENCE_TRY(const auto alignment, alignment_of(file.metadata));
  VALENCE_TRY(file.tensors, read_gguf_tensors(cursor, tensors, alignment, image));
  return file;
}

}  // namespace valence
