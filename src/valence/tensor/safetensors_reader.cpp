#include "valence/tensor/safetensors_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/json.h"
#include "valence/tensor/safetensors_header.h"

namespace valence {

const char* const kPickleConversionHint =
    "convert it once, in an environment you trust, with python -c \"from transformers import "
    "AutoModelForSequenceClassification as M; "
    "M.from_pretrained('DIR').save_pretrained('DIR', safe_serialization=True)\"";

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kLengthBytes = 8;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What else people name *.safetensors, by its first bytes.
struct ForeignFormat {
  std::string_view magic;
  ErrorCode code;
  const char* what;
  const char* hint;
};

constexpr auto kIsPickle = "is a Python pickle, which can run code and is never opened";

const auto& foreign_formats() {
  static const std::array formats = {
      ForeignFormat{"PK\x03\x04"sv, ErrorCode::kInvalidData,
                    "is a zip archive, as torch.save writes: pickled weights can run code and are never opened",
                    kPickleConversionHint},
      ForeignFormat{"\x80\x02"sv, ErrorCode::kInvalidData, kIsPickle, kPickleConversionHint},
      ForeignFormat{"\x80\x03"sv, ErrorCode::kInvalidData, kIsPickle, kPickleConversionHint},
      ForeignFormat{"\x80\x04"sv, ErrorCode::kInvalidData, kIsPickle, kPickleConversionHint},
      ForeignFormat{"\x80\x05"sv, ErrorCode::kInvalidData, kIsPickle, kPickleConversionHint},
      ForeignFormat{"GGUF"sv, ErrorCode::kUnsupported, "is a GGUF file, expected safetensors",
                    "give it the ending .gguf, and its path as the model"},
      ForeignFormat{"\x89HDF\r\n"sv, ErrorCode::kInvalidData, "is an HDF5 file, as TensorFlow writes",
                    "use the model's safetensors form"},
      ForeignFormat{"version https://git-lfs"sv, ErrorCode::kInvalidData,
                    "is a Git LFS pointer, not the weights themselves", "run git lfs pull in the model's directory"},
  };
  return formats;
}

/// A refusal of an image that cannot be safetensors; says what it is instead where the first bytes tell.
tl::unexpected<Error> not_safetensors(std::span<const std::byte> image, const std::string& source, std::string what) {
  for (const auto& format : foreign_formats()) {
    if (as_text(image).starts_with(format.magic)) return fail(format.code, source, format.what, format.hint);
  }
  return fail(ErrorCode::kInvalidData, source, std::move(what));
}

Result<std::string_view> find_header(std::span<const std::byte> image, const std::string& source) {
  if (image.empty()) return fail(ErrorCode::kInvalidData, source, "is empty, expected a safetensors file");
  if (image.size() < kLengthBytes) {
    return not_safetensors(image, source, fmt::format("has {} bytes, too few for a safetensors file", image.size()));
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | std::to_integer<std::uint64_t>(image[i]);
  const std::uint64_t follows = image.size() - kLengthBytes;
  if (length > follows) {
    return not_safetensors(image, source,
                           fmt::format("announces a header of {} bytes, but {} follow: truncated, or not a safetensors "
                                       "file",
                                       length, follows));
  }
  if (length > kMaxSafetensorsHeaderBytes) {
    return not_safetensors(
        image, source,
        fmt::format("announces a header of {} bytes, more than the {} allowed", length, kMaxSafetensorsHeaderBytes));
  }
  const std::string_view header = as_text(image.subspan(kLengthBytes, length));
  if (!header.starts_with('{')) {
    return not_safetensors(image, source, "the header does not start with '{': not a safetensors file");
  }
  return header;
}

std::optional<std::uint64_t> bytes_of(const SafetensorsEntry& entry) {
  // In this order the reference multiplies too, so a product that overflows before it meets a zero is refused by both.
  std::int64_t elements = 1;
  for (const auto extent : entry.shape) {
    if (__builtin_mul_overflow(elements, extent, &elements)) return std::nullopt;
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(elements, static_cast<std::int64_t>(size_bytes(entry.dtype)), &bytes)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

/// What is wrong with one entry by itself; empty when nothing is.
std::string entry_fault(const SafetensorsEntry& entry, std::uint64_t data_bytes) {
  if (entry.begin > entry.end) return fmt::format("data_offsets [{}, {}] run backwards", entry.begin, entry.end);
  if (entry.end > data_bytes) {
    return fmt::format("data_offsets [{}, {}] reach beyond the {} bytes of data: the file is truncated", entry.begin,
                       entry.end, data_bytes);
  }
  const auto expected = bytes_of(entry);
  if (!expected) return fmt::format("shape {} of {} overflows 64 bits", to_string(entry.shape), name(entry.dtype));
  if (*expected != entry.end - entry.begin) {
    return fmt::format("shape {} of {} takes {} bytes, but data_offsets [{}, {}] hold {}", to_string(entry.shape),
                       name(entry.dtype), *expected, entry.begin, entry.end, entry.end - entry.begin);
  }
  return {};
}

/// Checks that the entries, sorted by offset, cover the data exactly.
Status check_coverage(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes,
                      const std::string& source) {
  std::uint64_t covered = 0;
  const SafetensorsEntry* previous = nullptr;
  for (const auto& entry : entries) {
    if (entry.begin < covered) {
      return fail(ErrorCode::kInvalidData, source,
                  fmt::format("tensor {}: data_offsets [{}, {}] overlap those of {}, [{}, {}]", in_quotes(entry.name),
                              entry.begin, entry.end, in_quotes(previous->name), previous->begin, previous->end));
    }
    if (entry.begin > covered) {
      return fail(ErrorCode::kInvalidData, source,
                  fmt::format("tensor {}: begins at byte {} of the data, but the tensors before it end at {}: a hole",
                              in_quotes(entry.name), entry.begin, covered));
    }
    covered = entry.end;
    previous = &entry;
  }
  if (covered != data_bytes) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("{} trailing bytes after the last tensor", data_bytes - covered));
  }
  return {};
}

}  // namespace

Result<TensorTable> parse_safetensors(std::span<const std::byte> image, const std::string& source) {
  VALENCE_TRY(const std::string_view header, find_header(image, source));
  VALENCE_TRY(std::vector<SafetensorsEntry> entries, parse_safetensors_header(header, source));
  const auto data = image.subspan(kLengthBytes + header.size());
  for (const auto& entry : entries) {
    if (auto fault = entry_fault(entry, data.size()); !fault.empty()) {
      return fail(ErrorCode::kInvalidData, source, fmt::format("tensor {}: {}", in_quotes(entry.name), fault));
    }
  }
  std::ranges::sort(entries, {}, [](const SafetensorsEntry& entry) { return std::pair(entry.begin, entry.end); });
  VALENCE_TRY_STATUS(check_coverage(entries, data.size(), source));
  TensorTable tensors;
  for (auto& entry : entries) {
    TensorView view{entry.dtype, std::move(entry.shape), data.subspan(entry.begin, entry.end - entry.begin)};
    tensors.try_emplace(std::move(entry.name), std::move(view));
  }
  return tensors;
}

}  // namespace valence
