// Any bytes as a segment of the spool: frames that hold together, and records that come back as they were.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "valence/store/record_codec.h"
#include "valence/store/spool_segment.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_record(std::string_view payload) {
  using namespace valence::store;
  const auto record = parse_record(payload);
  if (!record) return;
  std::string again;
  append_record(again, *record);
  require(again == payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace valence::store;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_record(bytes);  // without the CRC in the way
  SegmentReader reader(bytes);
  std::size_t before = reader.offset();
  while (const auto payload = reader.next()) {
    require(reader.offset() == before + kFrameHeaderBytes + payload->size() && reader.offset() <= size);
    before = reader.offset();
    check_record(*payload);
  }
  require(reader.end() != SegmentReader::End::kNone);
  return 0;
}
