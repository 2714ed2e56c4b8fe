/// \file
/// Logits that transformers computed, recorded by tools/make_model_goldens.py (the files say with which versions).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/random_checkpoint.h"
#include "valence/base/error.h"
#include "valence/base/json.h"

namespace valence::testing {

/// One input and the logits of its own forward pass, alone and without padding.
struct GoldenSequence {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> token_type_ids;  ///< as long as input_ids
  std::vector<float> logits;
};

struct ModelGolden {
  std::string name;
  std::string base;  ///< of an adapter's: the name of the golden whose weights it was trained over
  std::string config_json;
  /// The weights as a recipe; no tensors when the golden was recorded from a checkpoint on disk.
  RandomCheckpoint checkpoint;
  std::vector<std::uint64_t> hashes;  ///< hash_of each of checkpoint.tensors' values, in their order
  std::vector<GoldenSequence> sequences;
  /// How far transformers in f32 is from itself in f64: max difference over max absolute logit. Below this no
  /// implementation can be told from another.
  double reference_noise = 0;

  [[nodiscard]] bool has_recipe() const { return !checkpoint.tensors.empty(); }
};

/// The weights' recipe of a golden, and a list of token ids: what other goldens have too.
Status parse_recipe(const Json& recipe, ModelGolden& golden);
Result<std::vector<std::int32_t>> parse_ids(const Json& array);

Result<ModelGolden> load_model_golden(const std::filesystem::path& path);

/// The files of tests/parity/data/model, sorted by name.
[[nodiscard]] std::vector<std::filesystem::path> model_golden_files();

}  // namespace valence::testing
