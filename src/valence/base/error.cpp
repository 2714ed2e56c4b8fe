#include "valence/base/error.h"

#include <fmt/format.h>

#include <system_error>

namespace valence {

std::string Error::to_string() const {
  std::string text = where_.empty() ? what_ : fmt::format("{}: {}", where_, what_);
  if (!hint_.empty()) {
    text += fmt::format(". Hint: {}", hint_);
  }
  if (text.empty() || (text.back() != '.' && text.back() != '?')) {
    text += '.';
  }
  return text;
}

Error Error::in(std::string_view place) const {
  return {code_, where_.empty() ? std::string(place) : fmt::format("{}: {}", place, where_), what_, hint_};
}

std::string system_error_text(int errno_value) { return std::generic_category().message(errno_value); }

}  // namespace valence
