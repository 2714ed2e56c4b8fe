#include "valence/tensor/onnx_tensor_reader.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "valence/base/json.h"

namespace valence {
namespace {

constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxExternalEntries = 16;
constexpr std::uint64_t kMaxDecoded = 1'000'000;  // integers of more than a byte that are stored number by number

/// Numbers of onnx.proto's TensorProto.
namespace tensor_field {
constexpr std::uint32_t kDims = 1, kType = 2, kSegment = 3, kFloats = 4, kInts32 = 5, kStrings = 6, kInts64 = 7,
                        kName = 8, kRaw = 9, kDoubles = 10, kUints64 = 11, kExternal = 13, kLocation = 14;
}

using Bytes = std::span<const std::byte>;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// What a tensor's values may stand in, in any order with its type and shape.
struct TensorFields {
  std::optional<Bytes> raw;
  std::vector<Bytes> packed_fixed;     // float_data, double_data: runs of little-endian numbers
  std::vector<ProtobufField> varints;  // int32_data, int64_data, uint64_data: numbers and lists
  std::size_t fixed_bytes = 0;
  std::size_t fixed_width = 0;
  bool is_external = false;
  OnnxExternalData external;
  std::size_t external_entries = 0;
  bool has_location = false;
};

class TensorReader {
 public:
  TensorReader(const ProtobufCursor& in, OnnxFile& file) : in_(in), file_(file) {}
  Result<OnnxTensor> read();

 private:
  Status field(const ProtobufField& field);
  Status external_entry(const ProtobufField& entry);
  Status values();
  Status decode_varints(std::size_t width);
  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& what, ErrorCode code = ErrorCode::kInvalidData) const {
    return fail(code, file_.source, fmt::format("tensor {} {}", in_quotes(tensor_.name), what));
  }

  const ProtobufCursor& in_;
  OnnxFile& file_;
  OnnxTensor tensor_;
  TensorFields fields_;
};

Status TensorReader::external_entry(const ProtobufField& entry) {
  std::string_view key;
  std::string_view value;
  VALENCE_TRY(const ProtobufCursor message, in_.message(entry));
  VALENCE_TRY_STATUS(for_each_field(message, [&](const ProtobufField& field) -> Status {
    if (field.number != 1 && field.number != 2) return {};
    VALENCE_TRY((field.number == 1 ? key : value), message.bytes(field));
    if (field.bytes.size() > kMaxNameBytes)
      return message.refuse(field.at, "an entry of external data that is too long");
    return {};
  }));
  if (key == "location") {
    fields_.external.location = std::string(value);
    fields_.has_location = true;
    return {};
  }
  if (key != "offset" && key != "length") return {};  // checksums
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || value.empty()) {
    return in_.refuse(entry.at, fmt::format("the {} of external data is no number", key));
  }
  if (key == "offset") {
    fields_.external.offset = number;
  } else {
    fields_.external.length = number;
  }
  return {};
}

Status TensorReader::field(const ProtobufField& field) {
  switch (field.number) {
    case tensor_field::kDims:
      return in_.each_varint(field, [&](std::uint64_t extent) -> Status {
        if (tensor_.dims.size() == kMaxOnnxRank) {
          return in_.refuse(field.at, fmt::format("a tensor of more than {} dimensions", kMaxOnnxRank));
        }
        tensor_.dims.push_back(static_cast<std::int64_t>(extent));
        return {};
      });
    case tensor_field::kType: {
      VALENCE_TRY(const std::int64_t type, in_.integer(field));
      tensor_.type = static_cast<OnnxType>(static_cast<std::int32_t>(type));
      return {};
    }
    case tensor_field::kName: {
      VALENCE_TRY(tensor_.name, onnx_text(in_, field));
      return {};
    }
    case tensor_field::kRaw: {
      VALENCE_TRY(const std::string_view raw, in_.bytes(field));
      if (fields_.raw) return in_.refuse(field.at, "a tensor with raw_data twice");
      fields_.raw = bytes_of(raw);
      return {};
    }
    case tensor_field::kFloats:
    case tensor_field::kDoubles:
      if (field.type == ProtobufType::kVarint) return in_.refuse(field.at, "floats that are written as integers");
      fields_.packed_fixed.push_back(bytes_of(field.bytes));
      fields_.fixed_bytes += field.bytes.size();
      fields_.fixed_width = field.number == tensor_field::kFloats ? sizeof(float) : sizeof(double);
      return {};
    case tensor_field::kInts32:
    case tensor_field::kInts64:
    case tensor_field::kUints64:
      fields_.varints.push_back(field);
      return {};
    case tensor_field::kExternal:
      if (++fields_.external_entries > kMaxExternalEntries) {
        return in_.refuse(field.at, "too many entries of external data");
      }
      return external_entry(field);
    case tensor_field::kLocation: {
      VALENCE_TRY(const std::int64_t location, in_.integer(field));
      fields_.is_external = location == 1;
      return {};
    }
    case tensor_field::kSegment:
      return fail(ErrorCode::kUnsupported, file_.source, "holds a tensor in segments, which are not supported");
    default:
      return {};
  }
}

Status TensorReader::values() {
  std::uint64_t elements = 1;
  for (const std::int64_t extent : tensor_.dims) {
    if (extent < 0) return refuse(fmt::format("has the negative extent {}", extent));
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements) || elements > INT64_MAX / 8) {
      return refuse("has more elements than 64 bits count");
    }
  }
  const auto width = element_bytes(tensor_.type);
  if (!width) {
    return refuse(fmt::format("is {}: expected a tensor of numbers", valence::name(tensor_.type)),
                  ErrorCode::kUnsupported);
  }
  const std::uint64_t size = elements * *width;
  if (fields_.is_external) {
    if (!fields_.has_location) return refuse("lies in another file, but does not say which");
    if (fields_.external.length && *fields_.external.length != size) {
      return refuse(fmt::format("takes {} bytes by its shape, but its external data are {} long", size,
                                *fields_.external.length));
    }
    tensor_.external = fields_.external;
    return {};
  }
  if (fields_.raw) {
    if (fields_.raw->size() != size) {
      return refuse(fmt::format("takes {} bytes by its shape, but has {}", size, fields_.raw->size()));
    }
    tensor_.bytes = *fields_.raw;
    return {};
  }
  if (!fields_.packed_fixed.empty()) {
    if (fields_.fixed_width != *width || fields_.fixed_bytes != size) {
      return refuse(fmt::format("takes {} bytes by its shape, but has {}", size, fields_.fixed_bytes));
    }
    if (fields_.packed_fixed.size() == 1) {
      tensor_.bytes = fields_.packed_fixed.front();
      return {};
    }
    auto& joined = *file_.decoded.emplace_back(std::make_unique<std::vector<std::byte>>());
    joined.reserve(size);
    for (const Bytes part : fields_.packed_fixed) joined.insert(joined.end(), part.begin(), part.end());
    tensor_.bytes = joined;
    return {};
  }
  if (size == 0) return {};
  return decode_varints(*width);
}

Status TensorReader::decode_varints(std::size_t width) {
  std::uint64_t available = 0;  // a number takes at least a byte
  for (const ProtobufField& part : fields_.varints) {
    available += part.type == ProtobufType::kVarint ? 1 : part.bytes.size();
  }
  const auto elements = static_cast<std::uint64_t>(tensor_.elements());
  if (available < elements) {
    return refuse(fmt::format("has {} elements by its shape, but at most {}", elements, available));
  }
  if (width > sizeof(std::uint16_t) && elements > kMaxDecoded) {
    return refuse("stores a table of integers number by number: expected raw data", ErrorCode::kUnsupported);
  }
  auto& decoded = *file_.decoded.emplace_back(std::make_unique<std::vector<std::byte>>());
  decoded.reserve(elements * width);
  const auto add = [&](std::uint64_t value) -> Status {
    if (decoded.size() == elements * width) {
      return refuse(fmt::format("has {} elements by its shape, but more values", elements));
    }
    std::array<std::byte, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    decoded.insert(decoded.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(width));
    return {};
  };
  for (const ProtobufField& part : fields_.varints) VALENCE_TRY_STATUS(in_.each_varint(part, add));
  if (decoded.size() != elements * width) {
    return refuse(fmt::format("has {} elements by its shape, but not as many values", elements));
  }
  tensor_.bytes = decoded;
  return {};
}

Result<OnnxTensor> TensorReader::read() {
  VALENCE_TRY_STATUS(for_each_field(in_, [&](const ProtobufField& each) { return field(each); }));
  VALENCE_TRY_STATUS(values());
  return std::move(tensor_);
}

}  // namespace

Result<std::string_view> onnx_text(const ProtobufCursor& in, const ProtobufField& field) {
  VALENCE_TRY(const std::string_view text, in.text(field));
  if (text.size() > kMaxNameBytes) return in.refuse(field.at, fmt::format("a name of {} bytes", text.size()));
  if (text.find('\0') != text.npos) return in.refuse(field.at, "a name that is not UTF-8 text");
  return text;
}

Result<std::int32_t> read_onnx_tensor(const ProtobufCursor& in, OnnxFile& file) {
  if (file.tensors.size() == kMaxOnnxTensors) {
    return fail(ErrorCode::kUnsupported, file.source, fmt::format("has more than {} tensors", kMaxOnnxTensors));
  }
  VALENCE_TRY(OnnxTensor tensor, TensorReader(in, file).read());
  file.tensors.push_back(std::move(tensor));
  return static_cast<std::int32_t>(file.tensors.size() - 1);
}

}  // namespace valence
