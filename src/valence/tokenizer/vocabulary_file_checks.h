/// \file
/// What a vocabulary's file may not hold, seen while it is read (base/file.h): a large file that is none is refused
/// after its first bytes rather than read whole. What passes is still any bytes to the parsers.
#pragma once

#include <cstddef>
#include <string>

#include "valence/base/error.h"
#include "valence/base/file.h"
#include "valence/base/json_bounds.h"

namespace valence::tokenizer {

/// The longest token of the vocabularies in use has some hundred bytes.
inline constexpr std::size_t kMaxTokenLineBytes = 64U << 10U;
/// Of tokenizer.json without its vocabulary and merges, and of the settings beside it: rules of normalization are under
/// 1 MB, and a hundred thousand added tokens have this many values.
inline constexpr JsonLimits kTokenizerJsonLimits{.max_token_bytes = 8U << 20U, .max_values = 1'000'000};

/// For read_file. `source_name` is how errors name the file. vocab.txt and merges.txt:
PieceCheck check_token_lines(std::string source_name);
PieceCheck check_tokenizer_json(std::string source_name);
PieceCheck check_vocab_json(std::string source_name);
/// A .model file of SentencePiece:
PieceCheck check_sentencepiece_fields(std::string source_name);

}  // namespace valence::tokenizer
