/// \file
/// The .model files that SentencePiece writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::tokenizer {

/// What of ModelProto tokenization needs. Views lie in the bytes of the file.
struct SentencePieceModel {
  /// As SentencePiece.Type counts them.
  static constexpr std::int64_t kControl = 3;
  static constexpr std::int64_t kUserDefined = 4;
  struct Piece {
    std::string_view text;
    float score = 0;
    std::int64_t type = 1;  // normal
  };
  std::vector<Piece> pieces;
  std::string_view precompiled_charsmap;  ///< empty: none
  std::int64_t unk_id = 0;
};

/// A Unigram model; SentencePiece's other kinds are kUnsupported. Source: sentencepiece_model.proto.
Result<SentencePieceModel> parse_sentencepiece_model(std::string_view file, const std::string& source_name);

}  // namespace valence::tokenizer
