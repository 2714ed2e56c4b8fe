#include "support/safetensors_image.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace valence::testing {

std::string image_of(std::string_view header, std::string_view data) {
  std::string image;
  for (int byte = 0; byte < 8; ++byte) {
    image += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * byte) & 0xFFU);
  }
  image += header;
  image += data;
  return image;
}

std::string image_of(const std::vector<ImageTensor>& tensors) {
  std::string header = "{";
  std::string data;
  for (const auto& tensor : tensors) {
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          header.size() > 1 ? "," : "", tensor.name, tensor.dtype, fmt::join(tensor.shape, ","),
                          data.size(), data.size() + tensor.bytes.size());
    data += tensor.bytes;
  }
  return image_of(header + "}", data);
}

}  // namespace valence::testing
