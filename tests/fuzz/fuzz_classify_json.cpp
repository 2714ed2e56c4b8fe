// Bodies of POST /v1/classify: accepted ones keep the limits, refused ones say why.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "valence/base/utf8.h"
#include "valence/server/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const valence::server::WireLimits limits{.max_texts = 8, .max_text_bytes = 64};
  const auto request = valence::server::parse_native(body, limits);
  if (!request) {
    const int status = valence::server::status_of(request.error().kind);
    if (request.error().message.empty() || (status != 400 && status != 413 && status != 422)) std::abort();
    return 0;
  }
  if (request->texts.empty() || request->texts.size() > limits.max_texts) std::abort();
  for (const auto& text : request->texts) {
    if (text.text.size() > limits.max_text_bytes || valence::find_invalid_utf8(text.text)) std::abort();
  }
  return 0;
}
