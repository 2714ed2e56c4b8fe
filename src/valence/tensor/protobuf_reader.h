/// \file
/// The wire format of Protocol Buffers: one message's fields in order, none beyond its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// A field as it stands in the file. `bytes` are those of kBytes, kFixed32 and kFixed64; `varint` the value of kVarint.
struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t varint = 0;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

/// How many fields a whole document may still have, messages within messages included: what bounds the time.
struct ProtobufBudget {
  std::uint64_t fields = 0;
};

/// Reads one message. Takes no memory and never descends by itself: a message within is the bytes of its field.
/// Source: https://protobuf.dev/programming-guides/encoding/. Groups, long deprecated, are refused.
class ProtobufReader {
 public:
  /// `what` is how errors call the message ("graph"); it and `source` must outlive the reader.
  ProtobufReader(std::span<const std::byte> message, std::string_view what, const std::string& source,
                 ProtobufBudget& budget)
      : message_(message), what_(what), source_(source), budget_(budget) {}

  [[nodiscard]] bool at_end() const { return at_ == message_.size(); }
  /// The next field; not at the end.
  Result<WireField> next();
  /// A varint that stands by itself, as in a packed field; not at the end.
  Result<std::uint64_t> varint();

  [[nodiscard]] tl::unexpected<Error> refuse(std::string what) const;
  /// That `field` has another wire type than the format gives it.
  [[nodiscard]] tl::unexpected<Error> wrong_type(const WireField& field) const;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  Result<std::span<const std::byte>> take(std::uint64_t size);

  std::span<const std::byte> message_;
  std::size_t at_ = 0;
  std::string_view what_;
  const std::string& source_;
  ProtobufBudget& budget_;
};

}  // namespace valence
