/// \file
/// How far a model that was written is from the one it was made of.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/cli/convert_source.h"

namespace valence::cli {

/// What models are compared on: short and long, several scripts, numbers.
[[nodiscard]] std::span<const std::string_view> sample_texts();

/// The largest difference between the logits of both, in fp32, over the largest logit. `ref` and `adapter` are what
/// `source` was opened as, and are read again; `written` is read back. Errors: either cannot be read, or their labels
/// differ.
Result<double> difference_from_source(const std::string& ref, const std::string& adapter, const ConvertSource& source,
                                      const std::filesystem::path& written);

}  // namespace valence::cli
