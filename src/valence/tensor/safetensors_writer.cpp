#include "valence/tensor/safetensors_writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "valence/base/check.h"
#include "valence/base/json.h"

namespace valence {
namespace {

constexpr std::size_t kLengthBytes = 8;
// The reference pads the header so that tensors begin at a multiple of the widest element.
constexpr std::size_t kAlignment = 8;

void append_metadata(std::string& header, const SafetensorsMetadata& metadata) {
  header += "\"__metadata__\":{";
  const char* separator = "";
  for (const auto& [key, value] : metadata) {
    header += std::exchange(separator, ",");
    append_json_string(header, key);
    header += ':';
    append_json_string(header, value);
  }
  header += '}';
}

}  // namespace

SafetensorsLayout lay_out_safetensors(const TensorTable& tensors, const SafetensorsMetadata& metadata) {
  std::vector<const TensorTable::value_type*> order;
  for (const auto& entry : tensors) order.push_back(&entry);
  std::ranges::stable_sort(order, [](const auto* a, const auto* b) {  // stable: the table is sorted by name
    const auto width = [](const auto* entry) { return size_bytes(entry->second.dtype); };
    return width(a) != width(b) ? width(a) > width(b) : a->second.dtype < b->second.dtype;
  });

  SafetensorsLayout layout;
  std::string json = "{";
  const char* separator = "";
  if (!metadata.empty()) {
    append_metadata(json, metadata);
    separator = ",";
  }
  std::uint64_t begin = 0;
  for (const auto* entry : order) {
    const auto& [name, view] = *entry;
    VALENCE_ASSERT(!has_blocks(view.dtype), "safetensors has no block types: whoever writes a file converts them");
    VALENCE_ASSERT(view.bytes.size() == size_bytes(view.dtype, static_cast<std::size_t>(view.elements())),
                   "whoever makes a view gives it the bytes of its shape");
    const std::uint64_t end = begin + view.bytes.size();
    json += std::exchange(separator, ",");
    append_json_string(json, name);
    fmt::format_to(std::back_inserter(json), R"(:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                   valence::name(view.dtype), fmt::join(view.shape, ","), begin, end);
    layout.tensors.push_back(view.bytes);
    begin = end;
  }
  json += '}';
  json.append((kAlignment - json.size() % kAlignment) % kAlignment, ' ');
  layout.header.resize(kLengthBytes);
  for (std::size_t i = 0; i < kLengthBytes; ++i) layout.header[i] = static_cast<char>(json.size() >> 8 * i & 0xFFU);
  layout.header += json;
  return layout;
}

std::uint64_t SafetensorsLayout::size_bytes() const {
  std::uint64_t size = header.size();
  for (const auto& tensor : tensors) size += tensor.size();
  return size;
}

}  // namespace valence
