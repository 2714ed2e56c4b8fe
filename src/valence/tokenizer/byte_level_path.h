/// \file
/// Byte-level pre-tokenizer and BPE in one pass over the bytes: RoBERTa, GPT-2, ModernBERT, Llama 3.
///
/// The result is that of the stages one after the other (byte_level_path_test compares them), but bytes need not become
/// characters first: words are cut and looked up as they stand in the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "valence/tokenizer/bpe.h"
#include "valence/tokenizer/byte_level.h"
#include "valence/tokenizer/token_sink.h"

namespace valence::tokenizer {

class ByteLevelPath {
 public:
  /// Nothing if these stages do more than this path can. Both must outlive it.
  [[nodiscard]] static std::optional<ByteLevelPath> stand_for(const PreTokenizer* pre_tokenizer, const Model& model);

  /// Appends the tokens of `part`, valid UTF-8 that is not empty and starts at byte `begin` of the original text, until
  /// the sink is full. Normalization must leave `part` as it is.
  void encode(std::string_view part, std::uint32_t begin, TokenSink& sink) const;

 private:
  ByteLevelPath(const ByteLevelOptions& options, const Bpe& model) : options_(options), model_(&model) {}

  ByteLevelOptions options_;
  const Bpe* model_;
};

}  // namespace valence::tokenizer
