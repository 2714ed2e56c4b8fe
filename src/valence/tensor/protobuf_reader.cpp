#include "valence/tensor/protobuf_reader.h"

#include <fmt/format.h>

namespace valence {

tl::unexpected<Error> ProtobufReader::refuse(std::string what) const {
  return fail(ErrorCode::kInvalidData, source_, fmt::format("{} (byte {} of its {})", what, at_, what_),
              "the file is truncated or damaged: download or export it again");
}

tl::unexpected<Error> ProtobufReader::wrong_type(const WireField& field) const {
  return refuse(fmt::format("field {} has wire type {}, which ONNX does not give it", field.number,
                            static_cast<int>(field.type)));
}

Result<std::uint64_t> ProtobufReader::varint() {
  constexpr int kLongest = 10;
  std::uint64_t value = 0;
  for (int i = 0; i < kLongest; ++i) {
    if (at_ == message_.size()) return refuse("a number is cut off");
    const auto byte = static_cast<std::uint64_t>(message_[at_++]);
    value |= (byte & 0x7F) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  return refuse("a number of more than 10 bytes");
}

Result<std::span<const std::byte>> ProtobufReader::take(std::uint64_t size) {
  const std::uint64_t left = message_.size() - at_;
  if (size > left) return refuse(fmt::format("a field takes {} bytes, but {} are left", size, left));
  const auto bytes = message_.subspan(at_, size);
  at_ += size;
  return bytes;
}

Result<WireField> ProtobufReader::next() {
  if (budget_.fields == 0) return refuse("has more fields than any model");
  --budget_.fields;
  VALENCE_TRY(const std::uint64_t tag, varint());
  const std::uint64_t number = tag >> 3;
  constexpr std::uint64_t kLargestNumber = (1U << 29U) - 1;
  if (number == 0 || number > kLargestNumber) return refuse(fmt::format("a field has the number {}", number));
  WireField field;
  field.number = static_cast<std::uint32_t>(number);
  switch (tag & 7) {
    case 0: {
      field.type = WireType::kVarint;
      VALENCE_TRY(field.varint, varint());
      return field;
    }
    case 1: {
      field.type = WireType::kFixed64;
      VALENCE_TRY(field.bytes, take(8));
      return field;
    }
    case 2: {
      field.type = WireType::kBytes;
      VALENCE_TRY(const std::uint64_t size, varint());
      VALENCE_TRY(field.bytes, take(size));
      return field;
    }
    case 5: {
      field.type = WireType::kFixed32;
      VALENCE_TRY(field.bytes, take(4));
      return field;
    }
    default:
      return refuse(fmt::format("field {} has wire type {}, which no ONNX file has", number, tag & 7));
  }
}

}  // namespace valence
