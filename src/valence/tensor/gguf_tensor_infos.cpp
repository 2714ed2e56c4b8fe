#include "valence/tensor/gguf_tensor_infos.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/json.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxNameBytes = 1024;
constexpr std::uint32_t kMaxDimensions = 4;

struct TypeTag {
  std::uint32_t tag;
  DType dtype;
};

constexpr std::array kTypeTags = {
    TypeTag{0, DType::kF32},   TypeTag{1, DType::kF16},   TypeTag{2, DType::kQ4_0},  TypeTag{3, DType::kQ4_1},
    TypeTag{6, DType::kQ5_0},  TypeTag{7, DType::kQ5_1},  TypeTag{8, DType::kQ8_0},  TypeTag{10, DType::kQ2_K},
    TypeTag{11, DType::kQ3_K}, TypeTag{12, DType::kQ4_K}, TypeTag{13, DType::kQ5_K}, TypeTag{14, DType::kQ6_K},
    TypeTag{24, DType::kI8},   TypeTag{25, DType::kI16},  TypeTag{26, DType::kI32},  TypeTag{27, DType::kI64},
    TypeTag{28, DType::kF64},  TypeTag{30, DType::kBF16},
};

struct OtherType {
  std::uint32_t tag;
  std::string_view name;
};

/// Types that exist and are not read here.
constexpr std::array kOtherTypes = {
    OtherType{9, "Q8_1"},     OtherType{15, "Q8_K"},   OtherType{16, "IQ2_XXS"}, OtherType{17, "IQ2_XS"},
    OtherType{18, "IQ3_XXS"}, OtherType{19, "IQ1_S"},  OtherType{20, "IQ4_NL"},  OtherType{21, "IQ3_S"},
    OtherType{22, "IQ2_S"},   OtherType{23, "IQ4_XS"}, OtherType{29, "IQ1_M"},   OtherType{34, "TQ1_0"},
    OtherType{35, "TQ2_0"},   OtherType{39, "MXFP4"},  OtherType{40, "NVFP4"},   OtherType{41, "Q1_0"},
};

constexpr auto kConvertHint = "convert the model to F32, F16, BF16, Q8_0, Q4_0 to Q5_1 or Q2_K to Q6_K";

Result<DType> dtype_of(std::uint32_t tag, const GgufCursor& cursor) {
  for (const auto& known : kTypeTags) {
    if (known.tag == tag) return known.dtype;
  }
  for (const auto& other : kOtherTypes) {
    if (other.tag == tag) {
      return cursor.refuse(fmt::format("type {} is not supported", other.name), ErrorCode::kUnsupported, kConvertHint);
    }
  }
  return cursor.refuse(fmt::format("type {} is none that GGUF knows", tag));
}

struct TensorInfo {
  std::string_view name;
  TensorView view;
  std::uint64_t begin = 0;  ///< counted from the beginning of the data
  std::uint64_t size = 0;
};

Result<Shape> read_shape(GgufCursor& cursor) {
  VALENCE_TRY(const auto dimensions, cursor.number<std::uint32_t>("the number of dimensions"));
  if (dimensions > kMaxDimensions) {
    return cursor.refuse(fmt::format("has {} dimensions, more than {}", dimensions, kMaxDimensions));
  }
  Shape shape(dimensions);
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    VALENCE_TRY(const auto extent, cursor.number<std::uint64_t>("an extent"));
    if (extent > static_cast<std::uint64_t>(INT64_MAX)) {
      return cursor.refuse(fmt::format("the extent {} overflows 64 bits", extent));
    }
    shape[dimensions - 1 - i] = static_cast<std::int64_t>(extent);  // the file has the fastest first
  }
  return shape;
}

Result<std::uint64_t> size_of(const TensorView& view, const GgufCursor& cursor) {
  const BlockLayout block = block_layout(view.dtype);
  const auto row = static_cast<std::uint64_t>(view.shape.empty() ? 1 : view.shape.back());
  if (row % block.elements != 0) {
    return cursor.refuse(fmt::format("rows of {} elements are no whole blocks of {}, which have {}", row,
                                     name(view.dtype), block.elements));
  }
  // In the order in which TensorView::elements() multiplies, so that no product overflows before it meets a zero.
  std::int64_t elements = 1;
  bool overflows = false;
  for (const auto extent : view.shape) overflows = overflows || __builtin_mul_overflow(elements, extent, &elements);
  std::uint64_t bytes = 0;
  overflows =
      overflows || __builtin_mul_overflow(static_cast<std::uint64_t>(elements) / block.elements, block.bytes, &bytes);
  if (overflows) {
    return cursor.refuse(fmt::format("shape {} of {} overflows 64 bits", to_string(view.shape), name(view.dtype)));
  }
  return bytes;
}

Result<TensorInfo> read_info(GgufCursor& cursor) {
  TensorInfo info;
  VALENCE_TRY(info.name, cursor.name_string(kMaxNameBytes, "its name"));
  cursor.name(info.name);
  VALENCE_TRY(info.view.shape, read_shape(cursor));
  VALENCE_TRY(const auto tag, cursor.number<std::uint32_t>("its type"));
  VALENCE_TRY(info.view.dtype, dtype_of(tag, cursor));
  VALENCE_TRY(info.begin, cursor.number<std::uint64_t>("its offset"));
  VALENCE_TRY(info.size, size_of(info.view, cursor));
  return info;
}

/// Gives every tensor its bytes of `data`.
Status place_tensors(std::vector<TensorInfo>& infos, std::uint64_t alignment, std::span<const std::byte> data,
                     GgufCursor& cursor) {
  for (auto& info : infos) {
    cursor.name(info.name);
    if (info.begin % alignment != 0) {
      return cursor.refuse(
          fmt::format("begins at byte {} of the data, no multiple of the alignment {}", info.begin, alignment));
    }
    if (info.begin > data.size() || info.size > data.size() - info.begin) {
      return cursor.refuse(fmt::format("takes {} bytes from byte {} of the data, which has {}: the file is truncated",
                                       info.size, info.begin, data.size()));
    }
    info.view.bytes = data.subspan(info.begin, info.size);
  }
  return {};
}

Status check_no_overlap(std::vector<TensorInfo>& infos, GgufCursor& cursor) {
  std::ranges::sort(infos, {}, [](const TensorInfo& info) { return std::pair(info.begin, info.size); });
  std::uint64_t end = 0;
  const TensorInfo* previous = nullptr;
  for (const auto& info : infos) {
    if (info.size == 0) continue;
    if (info.begin < end) {
      cursor.name(info.name);
      return cursor.refuse(fmt::format("begins at byte {} of the data, inside tensor {}, which ends at {}", info.begin,
                                       in_quotes(previous->name), end));
    }
    end = info.begin + info.size;
    previous = &info;
  }
  return {};
}

}  // namespace

Result<TensorTable> read_gguf_tensors(GgufCursor& cursor, std::uint64_t count, std::uint64_t alignment,
                                      std::span<const std::byte> image) {
  std::vector<TensorInfo> infos;
  infos.reserve(std::min(count, cursor.remaining() / kLeastGgufTensorInfoBytes));
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.enter("tensor", i);
    VALENCE_TRY(infos.emplace_back(), read_info(cursor));
  }
  // A last tensor's padding may be missing; where there is no data at all there is nothing to align.
  const std::uint64_t padding = (alignment - cursor.at() % alignment) % alignment;
  const auto data = image.subspan(cursor.at() + std::min<std::uint64_t>(padding, cursor.remaining()));
  VALENCE_TRY_STATUS(place_tensors(infos, alignment, data, cursor));
  VALENCE_TRY_STATUS(check_no_overlap(infos, cursor));
  TensorTable tensors;
  for (auto& info : infos) {
    const auto [place, inserted] = tensors.try_emplace(std::string(info.name), std::move(info.view));
    if (inserted) continue;
    cursor.name(info.name);
    return cursor.refuse("stands twice in the list of tensors");
  }
  return tensors;
}

}  // namespace valence
