/// \file
/// A specification as config.json: the way back from config.h, for models that came without one (GGUF).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/model/head_spec.h"

namespace valence {

/// What transformers needs to build the same sequence classifier, and it alone: read again, it gives `spec`.
/// `padding`: the id of the padding token, if there is one.
/// Errors: kUnsupported, told as `source`'s, for what transformers has no setting for.
Result<std::string> config_json_of(const ModelSpec& spec, std::optional<std::int64_t> padding,
                                   const std::string& source);

}  // namespace valence
