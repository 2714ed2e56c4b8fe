// Any bytes as config.json: refused with words, or a specification whose sizes are sane.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "valence/model/config.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = valence::Json::parse(text, "config.json");
  if (!config) return 0;
  const auto spec = valence::parse_config(*config);
  if (!spec) {
    require(!spec.error().what().empty() && spec.error().what().size() < 1000);
    return 0;
  }
  const valence::EncoderSpec& encoder = spec->encoder;
  require(encoder.vocab_size > 0 && encoder.hidden_size > 0 && encoder.intermediate_size > 0);
  require(encoder.num_hidden_layers > 0 && encoder.num_hidden_layers <= 1024);
  require(encoder.hidden_size % encoder.num_attention_heads == 0);
  require(encoder.max_position_embeddings > 0 && encoder.type_vocab_size >= 0);
  require(encoder.layer_norm_eps >= 0 && encoder.layer_norm_eps <= 1);
  require(!spec->head.labels.empty());
  return 0;
}
