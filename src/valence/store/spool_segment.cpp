#include "valence/store/spool_segment.h"

#include <zlib.h>

#include "valence/base/check.h"

namespace valence::store {
namespace {

void append_u32(std::string& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

/// Over the length too: a length that was hit must not pass with the CRC of what it now spans.
std::uint32_t crc_of(std::uint32_t length, std::string_view payload) {
  std::string prefix;
  append_u32(prefix, length);
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(prefix.data()), prefix.size());
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(payload.data()), payload.size());
  return static_cast<std::uint32_t>(crc);
}

}  // namespace

void append_frame(std::string& out, std::string_view payload) {
  VALENCE_ASSERT(payload.size() <= kMaxFrameBytes, "callers refuse larger records");
  const auto length = static_cast<std::uint32_t>(payload.size());
  append_u32(out, length);
  append_u32(out, crc_of(length, payload));
  out += payload;
}

Frame first_frame(std::string_view bytes) {
  using End = SegmentReader::End;
  if (bytes.empty()) return {End::kClean, {}};
  if (bytes.size() < kFrameHeaderBytes) return {End::kTorn, {}};
  const std::uint32_t length = read_u32(bytes);
  if (length > kMaxFrameBytes) return {End::kDamaged, {}};
  if (bytes.size() - kFrameHeaderBytes < length) return {End::kTorn, {}};
  const std::string_view payload = bytes.substr(kFrameHeaderBytes, length);
  if (crc_of(length, payload) != read_u32(bytes.substr(4))) return {End::kDamaged, {}};
  return {End::kNone, payload};
}

SegmentReader::SegmentReader(std::string_view bytes) : bytes_(bytes) {
  if (bytes.starts_with(kSegmentMagic)) {
    offset_ = kSegmentMagic.size();
  } else {
    end_ = kSegmentMagic.starts_with(bytes) ? End::kTorn : End::kDamaged;
  }
}

std::optional<std::string_view> SegmentReader::next() {
  if (end_ != End::kNone) return std::nullopt;
  const Frame frame = first_frame(bytes_.substr(offset_));
  end_ = frame.end;
  if (end_ != End::kNone) return std::nullopt;
  offset_ += kFrameHeaderBytes + frame.payload.size();
  return frame.payload;
}

}  // namespace valence::store
