/// \file
/// vocab.json and merges.txt, the files of RoBERTa and GPT-2 checkpoints from before tokenizer.json.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/tokenizer_parts.h"

namespace valence::tokenizer {

/// The tokenizer classes that keep their vocabulary so. They differ in what they put around a text.
enum class BpeFamily { kGpt2, kRoberta };

/// From tokenizer_class of tokenizer_config.json, or else model_type of config.json. An error if neither is there, or
/// names another tokenizer. `directory` is how errors name the place.
Result<BpeFamily> find_bpe_family(const std::optional<Json>& tokenizer_config, const std::optional<Json>& model_config,
                                  const std::string& directory);

struct BpeFiles {
  std::string_view vocab_json;
  std::string_view merges_txt;
  std::string vocab_name;  ///< how errors name the two
  std::string merges_name;
};

/// What transformers' RobertaTokenizer and GPT2Tokenizer make of them: add_prefix_space, trim_offsets (RoBERTa),
/// add_bos_token and add_eos_token (GPT-2), the special and added tokens from `settings`.
Result<std::shared_ptr<Tokenizer::Parts>> build_from_bpe_files(BpeFamily family, const BpeFiles& files,
                                                               const TokenSettings& settings);

}  // namespace valence::tokenizer
