#include "valence/model/arch/registry.h"

namespace valence {

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture* architecture : architectures()) {
    if (architecture->model_type == model_type) return architecture;
  }
  return nullptr;
}

}  // namespace valence
