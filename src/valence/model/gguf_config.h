/// \file
/// The metadata of a GGUF classifier -> what valence has to build.
#pragma once

#include "valence/base/error.h"
#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {

/// The keys that `architecture`, one of `files`, names, checked as those of config.json are; gguf_model.h says what
/// else is read.
Result<ModelSpec> gguf_spec(const GgufFile& file, const GgufArchitecture& files, const Architecture& architecture);

/// Rows of the position table beyond the positions that texts may have: RoBERTa's first, where conversion left them.
/// They are 0, or as many as the padding id asks for, or an error.
Result<std::int64_t> positions_before_first(const GgufFile& file, const GgufArchitecture& files);

}  // namespace valence
