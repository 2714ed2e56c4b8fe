/// \file
/// Changes of a Protocol Buffers message that leave the lengths around the change right: bytes flipped anywhere mostly
/// break a length, and what is refused for that says nothing about the reader behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/protobuf_cursor.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace valence::testing {

class ProtobufMutator {
 public:
  explicit ProtobufMutator(unsigned seed) : random_(seed) {}

  /// `message` with one field of it, or of a message within it, changed, left out, repeated or moved; as it is where it
  /// is no message.
  std::string mutate(std::string_view message) { return mutate(message, 0); }

 private:
  static constexpr int kMaxDepth = 8;
  static constexpr std::size_t kRoom = 64;  // that a string or a list of numbers may grow by

  struct Field {
    std::string_view whole;  // with its tag
    std::string_view bytes;  // of a string or a message
    std::uint32_t tag;
  };

  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }

  /// Nothing where `message` is none.
  static std::vector<Field> fields_of(std::string_view message) {
    static const std::string kSource = "mutated";
    std::vector<Field> fields;
    ProtobufCursor in(message, kSource);
    std::size_t begin = 0;
    for (auto field = in.next(); field && *field; field = in.next()) {
      const bool has_bytes = (*field)->type == ProtobufType::kBytes;
      fields.push_back({.whole = message.substr(begin, in.position() - begin),
                        .bytes = has_bytes ? (*field)->bytes : std::string_view(),
                        .tag = (*field)->number << 3U | static_cast<std::uint32_t>((*field)->type)});
      begin = in.position();
    }
    if (begin != message.size()) fields.clear();
    return fields;
  }

  static void append_varint(std::string& out, std::uint64_t value) {
    for (; value > 0x7FU; value >>= 7U) out += static_cast<char>(value | 0x80U);
    out += static_cast<char>(value);
  }

  static std::string with_length(std::uint32_t tag, std::string_view bytes) {
    std::string field;
    append_varint(field, tag);
    append_varint(field, bytes.size());
    return field.append(bytes);
  }

  std::string changed_bytes(std::string_view bytes) {
    std::string room(bytes);
    room.resize(bytes.size() + kRoom);
    room.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(room.data()), bytes.size(), room.size()));
    return room;
  }

  std::string changed(const Field& field, int depth) {
    const auto type = static_cast<ProtobufType>(field.tag & 7U);
    if (type == ProtobufType::kBytes) {
      const bool descends = depth < kMaxDepth && below(8) != 0 && !fields_of(field.bytes).empty();
      return with_length(field.tag, descends ? mutate(field.bytes, depth + 1) : changed_bytes(field.bytes));
    }
    std::string bytes;
    append_varint(bytes, field.tag);
    if (type == ProtobufType::kVarint) {
      constexpr std::uint64_t kInteresting[] = {0,
                                                1,
                                                2,
                                                3,
                                                7,
                                                10,
                                                16,
                                                255,
                                                1U << 16U,
                                                1U << 31U,
                                                ~std::uint64_t{0},
                                                ~std::uint64_t{0} - 1,
                                                std::uint64_t{1} << 63U};
      append_varint(bytes, kInteresting[below(std::size(kInteresting))]);
      return bytes;
    }
    const std::string_view fixed = field.whole.substr(bytes.size());
    std::string value(fixed);
    if (!value.empty()) value[below(value.size())] = static_cast<char>(below(256));
    return bytes + value;
  }

  std::string mutate(std::string_view message, int depth) {
    const std::vector<Field> fields = fields_of(message);
    if (fields.empty()) return std::string(message);
    const std::size_t at = below(fields.size());
    const std::size_t other = below(fields.size());
    // A message is mostly changed within: to lose a whole graph is seldom of use.
    enum class Change { kWithin, kLeaveOut, kRepeat, kSwap };
    const std::size_t drawn = below(10);
    const Change change = drawn < 7 ? Change::kWithin : static_cast<Change>(drawn - 6);
    std::string made;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const bool is_swapped = change == Change::kSwap && (i == at || i == other);
      const Field& field = is_swapped ? fields[i == at ? other : at] : fields[i];
      if (i == at && change == Change::kWithin) {
        made += changed(field, depth);
        continue;
      }
      if (i == at && change == Change::kLeaveOut) continue;
      made += field.whole;
      if (i == at && change == Change::kRepeat) made += fields[other].whole;
    }
    return made;
  }

  std::minstd_rand random_;
};

/// For LLVMFuzzerCustomMutator: changes the message after the first `skipped` bytes, or, one time in three, any bytes.
inline std::size_t mutate_protobuf(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed,
                                   std::size_t skipped) {
  if (seed % 3 == 0 || size <= skipped) return LLVMFuzzerMutate(data, size, max_size);
  const std::string made =
      ProtobufMutator(seed).mutate({reinterpret_cast<const char*>(data) + skipped, size - skipped});
  if (skipped + made.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  made.copy(reinterpret_cast<char*>(data) + skipped, made.size());
  return skipped + made.size();
}

}  // namespace valence::testing
