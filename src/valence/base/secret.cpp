#include "valence/base/secret.h"

#include <string.h>  // explicit_bzero is no part of <cstring>

#include <cstddef>

namespace valence {

bool Secret::matches(std::string_view given) const {
  std::size_t differences = text_.size() ^ given.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char own = text_.empty() ? '\0' : text_[i % text_.size()];
    differences |= static_cast<unsigned char>(own ^ given[i]);
  }
  return differences == 0 && !text_.empty();
}

void Secret::clear() {
  ::explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

}  // namespace valence
