/// \file
/// Reads the fields of a Protocol Buffers message in order, none beyond its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

/// How a field is written; 3 and 4, groups, are not read.
enum class ProtobufType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct ProtobufField {
  std::uint32_t number;
  ProtobufType type;
  std::uint64_t value;     ///< of kVarint, or the bits of the fixed ones
  std::string_view bytes;  ///< of kBytes: a string, or a message within the message; of the fixed ones, as they stand
  std::size_t at;          ///< its first byte, counted from the file's
};

/// How many fields and listed numbers a whole document may still have, messages within messages included: what bounds
/// the time that hostile files take.
struct ProtobufBudget {
  std::uint64_t fields = 0;
};

/// Takes no memory and never descends by itself. Not checked is what the sender's schema asks of the fields: that is
/// the caller's to do. Source: the encoding guide of Protocol Buffers.
class ProtobufCursor {
 public:
  /// `source` is how errors name the file, and must outlive the cursor.
  ProtobufCursor(std::string_view file, const std::string& source) : ProtobufCursor(file, 0, source, nullptr) {}
  /// The same for a message that begins at byte `begin` of the file.
  ProtobufCursor(std::string_view message, std::size_t begin, const std::string& source)
      : ProtobufCursor(message, begin, source, nullptr) {}
  /// Every field is charged to `budget`, which must outlive the cursor and those of the messages within.
  ProtobufCursor(std::string_view file, const std::string& source, ProtobufBudget& budget)
      : ProtobufCursor(file, 0, source, &budget) {}

  /// The next field; nothing at the end of the message.
  Result<std::optional<ProtobufField>> next();
  /// The same, but for the bytes of kBytes: their number is the field's value, and they follow, there or not.
  Result<std::optional<ProtobufField>> next_header();
  /// How many bytes of the message have been read.
  [[nodiscard]] std::size_t position() const { return at_; }

  /// The message that a field holds. The typed readers refuse a field that is written otherwise.
  Result<ProtobufCursor> message(const ProtobufField& field) const;
  Result<std::string_view> bytes(const ProtobufField& field) const;
  /// The same, in UTF-8.
  Result<std::string_view> text(const ProtobufField& field) const;
  /// Integers, enumerators and booleans; negative ones are written as 64 bits.
  Result<std::int64_t> integer(const ProtobufField& field) const;
  Result<float> number(const ProtobufField& field) const;
  /// take(value) for the number of a field, or for each of a packed list; `take` returns a Status.
  template <class Take>
  Status each_varint(const ProtobufField& field, Take take) const {
    if (field.type == ProtobufType::kVarint) return take(field.value);
    VALENCE_TRY(ProtobufCursor list, message(field));
    while (list.at_ < list.message_.size()) {
      VALENCE_TRY(const std::uint64_t value, list.varint());
      VALENCE_TRY_STATUS(take(value));
    }
    return {};
  }

  /// A refusal placed at a byte of the file.
  [[nodiscard]] tl::unexpected<Error> refuse(std::size_t at, std::string_view what) const;

 private:
  ProtobufCursor(std::string_view message, std::size_t begin, const std::string& source, ProtobufBudget* budget)
      : message_(message), begin_(begin), source_(&source), budget_(budget) {}
  Result<std::uint64_t> varint();
  Result<std::uint64_t> fixed(std::size_t size);
  Status expect(const ProtobufField& field, ProtobufType type) const;

  std::string_view message_;
  std::size_t begin_;  // of the message in the file
  std::size_t at_ = 0;
  const std::string* source_;
  ProtobufBudget* budget_;  // null: as much as there is
};

/// read(field) for every field of a message; `read` returns a Status.
template <class Read>
Status for_each_field(ProtobufCursor message, Read read) {
  while (true) {
    VALENCE_TRY(const auto field, message.next());
    if (!field) return {};
    VALENCE_TRY_STATUS(read(*field));
  }
}

}  // namespace valence
