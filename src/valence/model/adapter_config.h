/// \file
/// adapter_config.json of a PEFT adapter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/json.h"

namespace valence {

struct AdapterConfig {
  double alpha = 8;                                           ///< lora_alpha
  std::vector<std::pair<std::string, double>> alpha_pattern;  ///< module suffix -> alpha
  bool rank_stabilised = false;                               ///< use_rslora: scale = alpha / sqrt(rank)
  bool magnitudes = false;                                    ///< use_dora

  /// What B A of rank `rank` is multiplied with in `module`.
  [[nodiscard]] double scale(std::string_view module, std::int64_t rank) const;
};

/// Unknown keys mean nothing, as in PEFT. kUnsupported: another kind of adapter, or a setting under which the same
/// tensors would mean another computation.
Result<AdapterConfig> parse_adapter_config(const Json& config);

}  // namespace valence
