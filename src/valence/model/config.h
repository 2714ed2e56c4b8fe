/// \file
/// config.json of a Hugging Face model -> what valence has to build.
#pragma once

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"

namespace valence {

/// The architecture is chosen by `model_type` (arch/registry). Labels and their scoring follow transformers 5:
/// `id2label`, else `num_labels` (2 when absent) labels named LABEL_0, LABEL_1, ...; `problem_type`, else a sigmoid for
/// one label and softmax for more. Stricter in one thing: where transformers overrides or guesses (gaps in id2label, a
/// num_labels that disagrees with it, an unknown problem_type), this is an error.
///
/// Every size is bounded, and nothing is allocated by a declared size. Errors are kInvalidData, or kUnsupported for
/// what is meaningful but not built (an unknown model_type, relative positions, decoders); they name the document and
/// key.
Result<ModelSpec> parse_config(const Json& config);

/// The same where the architecture is known and its keys are not those of config.json.
Result<ModelSpec> parse_config(const Json& config, const Architecture& architecture);

/// The labels of `config` and their scoring, into `head`.
Status parse_labels(const Json& config, HeadSpec& head);

/// Labels without names that a model may have at most.
inline constexpr std::int64_t kMaxUnnamedLabels = 100'000;

}  // namespace valence
