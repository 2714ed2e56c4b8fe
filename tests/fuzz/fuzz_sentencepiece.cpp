// Any bytes as a .model file of SentencePiece, the first of them choosing the family: refused with words, or a
// tokenizer that encodes twenty texts into ids it has tokens for, and decodes them again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/protobuf_mutator.h"
#include "fuzz/tokenizer_texts.h"
#include "valence/tokenizer/legacy_sentencepiece.h"

namespace {

using valence::tokenizer::SentencePieceFamily;

constexpr SentencePieceFamily kFamilies[] = {SentencePieceFamily::kAlbert, SentencePieceFamily::kCamembert,
                                             SentencePieceFamily::kDebertaV2, SentencePieceFamily::kT5,
                                             SentencePieceFamily::kXlmRoberta};

/// Any of the pieces may be the special tokens, so that few inputs fail for the lack of one.
constexpr std::string_view kSettings =
    R"({"unk_token":"<unk>","cls_token":"<s>","sep_token":"</s>","bos_token":"<s>","eos_token":"</s>","extra_ids":2})";

}  // namespace

#ifdef VALENCE_FUZZ
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return valence::testing::mutate_protobuf(data, size, max_size, seed, 1);
}
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const valence::tokenizer::TokenSettings settings = {.config =
                                                                 valence::Json::parse(kSettings, "settings").value()};
  if (size == 0) return 0;
  const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto parts = valence::tokenizer::build_from_sentencepiece(kFamilies[data[0] % std::size(kFamilies)], file, "x.model",
                                                            settings);
  if (parts) valence::testing::require_let_through(valence::tokenizer::check_sentencepiece_fields("x.model"), file);
  valence::testing::require_refused_or_sound(
      parts ? valence::Result<valence::Tokenizer>(valence::Tokenizer(*std::move(parts)))
            : valence::Result<valence::Tokenizer>(valence::fail(std::move(parts).error())));
  return 0;
}
