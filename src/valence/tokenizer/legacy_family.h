/// \file
/// Which tokenizer a checkpoint without tokenizer.json has, by the names that its settings give it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/json.h"

namespace valence::tokenizer {

template <class Family>
struct NamedFamily {
  std::string_view name;
  Family family;
};

/// The family that `known` has under the string `name`, with or without `suffix` at its end; nothing where none has.
template <class Family>
Result<std::optional<Family>> family_of(const Json& name, std::span<const NamedFamily<Family>> known,
                                        std::string_view suffix = {}) {
  VALENCE_TRY(const std::string written, name.as_string());
  std::string_view wanted = written;
  if (!suffix.empty() && wanted.ends_with(suffix)) wanted.remove_suffix(suffix.size());
  for (const NamedFamily<Family>& candidate : known) {
    if (candidate.name == wanted) return candidate.family;
  }
  return std::nullopt;
}

}  // namespace valence::tokenizer
