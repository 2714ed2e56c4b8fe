#include "valence/tokenizer/sentencepiece_model.h"

#include <fmt/format.h>

#include <optional>

#include "valence/base/protobuf_cursor.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {
namespace {

constexpr std::int64_t kUnigram = 1;  // TrainerSpec.ModelType

Result<SentencePieceModel::Piece> parse_piece(const ProtobufCursor& message) {
  SentencePieceModel::Piece piece;
  const auto read = [&](const ProtobufField& field) -> Status {
    if (field.number == 1) {
      VALENCE_TRY(piece.text, message.text(field));
    } else if (field.number == 2) {
      VALENCE_TRY(piece.score, message.number(field));
    } else if (field.number == 3) {
      VALENCE_TRY(piece.type, message.integer(field));
    }
    return {};
  };
  VALENCE_TRY_STATUS(for_each_field(message, read));
  return piece;
}

Status parse_trainer_spec(const ProtobufCursor& message, SentencePieceModel& model, std::int64_t& model_type) {
  return for_each_field(message, [&](const ProtobufField& field) -> Status {
    if (field.number == 3) {
      VALENCE_TRY(model_type, message.integer(field));
    } else if (field.number == 40) {
      VALENCE_TRY(model.unk_id, message.integer(field));
    }
    return {};
  });
}

Status parse_normalizer_spec(const ProtobufCursor& message, SentencePieceModel& model) {
  return for_each_field(message, [&](const ProtobufField& field) -> Status {
    if (field.number == 2) {
      VALENCE_TRY(model.precompiled_charsmap, message.bytes(field));
    }
    return {};
  });
}

}  // namespace

Result<SentencePieceModel> parse_sentencepiece_model(std::string_view file, const std::string& source_name) {
  const ProtobufCursor root(file, source_name);
  SentencePieceModel model;
  std::int64_t model_type = kUnigram;
  const auto read = [&](const ProtobufField& field) -> Status {
    if (field.number == 1) {
      if (model.pieces.size() == kMaxVocabularyTokens) {
        return root.refuse(field.at, fmt::format("more than the {} pieces allowed here", kMaxVocabularyTokens));
      }
      VALENCE_TRY(const auto message, root.message(field));
      VALENCE_TRY(auto piece, parse_piece(message));
      model.pieces.push_back(piece);
    } else if (field.number == 2) {
      VALENCE_TRY(const auto message, root.message(field));
      VALENCE_TRY_STATUS(parse_trainer_spec(message, model, model_type));
    } else if (field.number == 3) {
      VALENCE_TRY(const auto message, root.message(field));
      VALENCE_TRY_STATUS(parse_normalizer_spec(message, model));
    }
    return {};
  };
  VALENCE_TRY_STATUS(for_each_field(root, read));
  if (model.pieces.empty())
    return fail(ErrorCode::kInvalidData, source_name, "has no pieces: not a SentencePiece model");
  if (model_type != kUnigram) {
    return fail(ErrorCode::kUnsupported, source_name,
                fmt::format("a SentencePiece model of type {}: expected 1, Unigram", model_type),
                "save the tokenizer with save_pretrained() of transformers, which writes tokenizer.json");
  }
  return model;
}

}  // namespace valence::tokenizer
