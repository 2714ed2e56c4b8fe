/// \file
/// Models in the Hugging Face cache as the commands see them: which a reference means, and what they are good for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/cache.h"

namespace valence::cli {

/// The cache of this user; an error only where no home directory is known.
Result<hub::HubCache> open_cache();

/// The snapshots that `ref` means to commands about the cache: of "org/name" every revision that is here, with
/// "@revision" that one; of an empty text all there are. kNotFound with the command that fetches it.
Result<std::vector<hub::CachedSnapshot>> cached_snapshots(const hub::HubCache& cache, const std::string& ref);

/// What a model's directory says of itself.
struct ModelTraits {
  std::string model_type;           ///< "bert"; empty when nothing says
  std::vector<std::string> labels;  ///< by class index; empty when nothing says
  std::optional<Error> refusal;     ///< why valence cannot classify with it
};

/// Reads config, headers of the weights and tokenizer, as loading does, but packs and computes nothing.
[[nodiscard]] ModelTraits examine_model(const std::filesystem::path& model_dir);

}  // namespace valence::cli
