// Any bytes as a model card: a table of what stands in front, and a body that is the end of the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "valence/hub/model_card.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const valence::hub::ModelCard card = valence::hub::parse_model_card(text);
  require(text.ends_with(card.body));
  std::size_t shown = card.body.size();
  for (const auto& [key, value] : card.front_matter) {
    require(!value.empty());
    shown += key.size();
  }
  require(shown <= text.size());
  return 0;
}
