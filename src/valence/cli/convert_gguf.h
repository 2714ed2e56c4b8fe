/// \file
/// GGUF files as what `valence models convert` reads and writes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "valence/base/error.h"
#include "valence/cli/convert_source.h"

namespace valence::cli {

/// What a model directory has beside the weights of `source`, which were read from the GGUF file `path`: config.json,
/// tokenizer.json, tokenizer_config.json. A RoBERTa gets the rows of its position table back that conversion drops.
Status complete_gguf_source(const std::filesystem::path& path, ConvertSource& source);

/// The tokenizer keys of a GGUF file.
Result<GgufVocabulary> gguf_vocabulary_of(const ConvertSource& source);

/// How many of `texts` get other tokens than `source`'s from a program that reads the tokenizer.ggml.* keys of the file
/// `path` and not tokenizer.huggingface.json: all, if those keys make no tokenizer that valence knows.
Result<std::size_t> texts_with_other_tokens(const ConvertSource& source, const std::filesystem::path& path,
                                            std::span<const std::string_view> texts);

}  // namespace valence::cli
