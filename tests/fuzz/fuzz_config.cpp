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
  require(encoder.head_size() > 0 && encoder.query_size() <= 65536);
  require(encoder.num_attention_heads % encoder.key_value_heads() == 0);
  require(encoder.layer_attention.empty() ||
          static_cast<std::int64_t>(encoder.layer_attention.size()) == encoder.num_hidden_layers);
  require(encoder.max_sequence_length() > 0 && encoder.type_vocab_size >= 0);
  require(encoder.layer_norm_eps >= 0 && encoder.layer_norm_eps <= 1);
  require(!spec->head.labels.empty());
  return 0;
}
