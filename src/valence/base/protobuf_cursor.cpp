#include "valence/base/protobuf_cursor.h"

#include <fmt/format.h>

#include <bit>

#include "valence/base/utf8.h"

namespace valence {

tl::unexpected<Error> ProtobufCursor::refuse(std::size_t at, std::string_view what) const {
  return fail(ErrorCode::kInvalidData, *source_, fmt::format("byte {}: {}", at, what));
}

Result<std::uint64_t> ProtobufCursor::varint() {
  const std::size_t first = begin_ + at_;
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == message_.size()) return refuse(first, "a number runs over the end of its message");
    const auto byte = static_cast<unsigned char>(message_[at_++]);
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return refuse(first, "a number of more than 64 bits");
}

Result<std::uint64_t> ProtobufCursor::fixed(std::size_t size) {
  if (message_.size() - at_ < size) {
    return refuse(begin_ + at_, fmt::format("a number of {} bytes runs over the end of its message", size));
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(message_[at_ + i])} << (8 * i);
  }
  at_ += size;
  return value;
}

Result<std::optional<ProtobufField>> ProtobufCursor::next_header() {
  if (at_ == message_.size()) return std::nullopt;
  if (budget_ != nullptr && budget_->fields-- == 0)
    return refuse(begin_ + at_, "the file has more fields than any model");
  ProtobufField field{.number = 0, .type = ProtobufType::kVarint, .value = 0, .bytes = {}, .at = begin_ + at_};
  VALENCE_TRY(const std::uint64_t key, varint());
  constexpr std::uint64_t kMaxNumber = (1U << 29) - 1;
  const std::uint64_t number = key >> 3;
  if (number == 0 || number > kMaxNumber) return refuse(field.at, fmt::format("there is no field {}", number));
  field.number = static_cast<std::uint32_t>(number);
  field.type = static_cast<ProtobufType>(key & 7U);
  switch (field.type) {
    case ProtobufType::kVarint: {
      VALENCE_TRY(field.value, varint());
      return field;
    }
    case ProtobufType::kFixed64: {
      VALENCE_TRY(field.value, fixed(8));
      field.bytes = message_.substr(at_ - 8, 8);
      return field;
    }
    case ProtobufType::kFixed32: {
      VALENCE_TRY(field.value, fixed(4));
      field.bytes = message_.substr(at_ - 4, 4);
      return field;
    }
    case ProtobufType::kBytes: {
      VALENCE_TRY(field.value, varint());
      return field;
    }
  }
  return refuse(field.at, fmt::format("field {} is of wire type {}: expected 0, 1, 2 or 5", field.number, key & 7U));
}

Result<std::optional<ProtobufField>> ProtobufCursor::next() {
  VALENCE_TRY(auto field, next_header());
  if (!field || field->type != ProtobufType::kBytes) return field;
  if (field->value > message_.size() - at_) {
    return refuse(field->at, fmt::format("field {} has {} bytes, but its message only {} more", field->number,
                                         field->value, message_.size() - at_));
  }
  field->bytes = message_.substr(at_, static_cast<std::size_t>(field->value));
  at_ += field->bytes.size();
  return field;
}

Status ProtobufCursor::expect(const ProtobufField& field, ProtobufType type) const {
  if (field.type == type) return {};
  return refuse(field.at, fmt::format("field {} is of wire type {}: expected {}", field.number,
                                      static_cast<int>(field.type), static_cast<int>(type)));
}

Result<ProtobufCursor> ProtobufCursor::message(const ProtobufField& field) const {
  VALENCE_TRY_STATUS(expect(field, ProtobufType::kBytes));
  const auto begin = static_cast<std::size_t>(field.bytes.data() - message_.data());
  return ProtobufCursor(field.bytes, begin_ + begin, *source_, budget_);
}

Result<std::string_view> ProtobufCursor::bytes(const ProtobufField& field) const {
  VALENCE_TRY_STATUS(expect(field, ProtobufType::kBytes));
  return field.bytes;
}

Result<std::string_view> ProtobufCursor::text(const ProtobufField& field) const {
  VALENCE_TRY(const std::string_view text, bytes(field));
  if (find_invalid_utf8(text)) return refuse(field.at, fmt::format("field {} is not UTF-8", field.number));
  return text;
}

Result<std::int64_t> ProtobufCursor::integer(const ProtobufField& field) const {
  VALENCE_TRY_STATUS(expect(field, ProtobufType::kVarint));
  return static_cast<std::int64_t>(field.value);
}

Result<float> ProtobufCursor::number(const ProtobufField& field) const {
  VALENCE_TRY_STATUS(expect(field, ProtobufType::kFixed32));
  return std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
}

}  // namespace valence
