/// \file
/// The metadata of a GGUF classifier -> what valence has to build.
#pragma once

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {

/// The keys that `architecture` names, checked as those of config.json are; gguf_model.h says what else is read.
Result<ModelSpec> gguf_spec(const GgufFile& file, const Architecture& architecture);

}  // namespace valence
