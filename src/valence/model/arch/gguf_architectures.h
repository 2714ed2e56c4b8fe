/// \file
/// What GGUF files of llama.cpp's architectures call keys and tensors.
///
/// Each is one of transformers' architectures (registry.h) under other names. Source: gguf-py, constants.py and
/// tensor_mapping.py.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "valence/model/arch/architecture.h"

namespace valence {

struct GgufArchitecture {
  std::string_view name;  ///< `general.architecture`, and what the keys begin with
  /// The model types that such files hold; which of them, other keys and the tensors say.
  std::vector<Architecture> members;
  bool decoder = false;  ///< its last token is classified, straight
  /// Each linear layer has a bias. Otherwise those have one whose tensor is there.
  bool biased = false;
  /// Query, key and value are written as one matrix, attn_qkv. Read they are either way.
  bool fused_attention = false;

  /// "<name>.<key>"
  [[nodiscard]] std::string key(std::string_view key) const { return std::string(name) + '.' + std::string(key); }
  [[nodiscard]] const Architecture& member(std::string_view model_type) const;
};

/// Null when no such files are read.
[[nodiscard]] const GgufArchitecture* find_gguf_architecture(std::string_view name);

/// What files a model of `model_type` goes into, and as which member of theirs.
struct GgufForm {
  const GgufArchitecture* files = nullptr;
  const Architecture* member = nullptr;
};
/// Both null when there are none.
[[nodiscard]] GgufForm find_gguf_form(std::string_view model_type);

/// "bert", "llama", ...
[[nodiscard]] std::vector<std::string_view> gguf_architecture_names();

}  // namespace valence
