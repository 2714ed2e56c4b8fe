/// \file
/// One file of the spool: a header, then frames of a length, a CRC-32 and so many bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace valence::store {

/// What a segment begins with.
inline constexpr std::string_view kSegmentMagic = "VLNCSPL1";
/// Length and CRC before the bytes of a frame.
inline constexpr std::size_t kFrameHeaderBytes = 8;
/// A record is refused above this; a length above it in a file is damage.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{32} << 20;

/// Appends `payload` (at most kMaxFrameBytes) as a frame.
void append_frame(std::string& out, std::string_view payload);

/// Reads frames one after the other from the bytes of a segment, whatever is in them.
class SegmentReader {
 public:
  enum class End {
    kNone,     ///< there is more
    kClean,    ///< the bytes end behind a frame
    kTorn,     ///< they end within one: its writer was cut off
    kDamaged,  ///< a frame is not what its CRC says, or the file is no segment
  };

  /// The bytes of a whole segment file so far.
  explicit SegmentReader(std::string_view bytes);

  /// The next frame's payload, a view into the bytes; nothing at the end.
  std::optional<std::string_view> next();
  /// Where the last whole frame ends.
  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] End end() const { return end_; }

 private:
  std::string_view bytes_;
  std::size_t offset_ = 0;
  End end_ = End::kNone;
};

/// Of a file that is read piece by piece: the frame that `bytes` begins with.
struct Frame {
  SegmentReader::End end = SegmentReader::End::kNone;  ///< kNone: `payload` is a whole frame; kTorn: bytes are missing
  std::string_view payload;
};
[[nodiscard]] Frame first_frame(std::string_view bytes);

}  // namespace valence::store
