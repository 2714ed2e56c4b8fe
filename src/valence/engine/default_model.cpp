#include "valence/engine/default_model.h"

// Each pair marks a file's first byte and the byte behind its last.
extern "C" {
extern const char valence_default_config_begin[], valence_default_config_end[];
extern const char valence_default_tokenizer_begin[], valence_default_tokenizer_end[];
extern const char valence_default_calibration_begin[], valence_default_calibration_end[];
extern const char valence_default_card_begin[], valence_default_card_end[];
extern const char valence_default_weights_begin[], valence_default_weights_end[];
}

namespace valence {
namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

}  // namespace

const EmbeddedModel& default_model() {
  static const EmbeddedModel model{
      .config_json = between(valence_default_config_begin, valence_default_config_end),
      .tokenizer_json = between(valence_default_tokenizer_begin, valence_default_tokenizer_end),
      .calibration_json = between(valence_default_calibration_begin, valence_default_calibration_end),
      .model_card = between(valence_default_card_begin, valence_default_card_end),
      .weights = std::as_bytes(std::span(valence_default_weights_begin, valence_default_weights_end)),
  };
  return model;
}

}  // namespace valence
