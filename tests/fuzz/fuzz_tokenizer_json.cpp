// Any bytes as tokenizer.json: refused with words, or a tokenizer that encodes twenty texts into ids it has tokens
// for, and decodes them again into UTF-8.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/tokenizer_texts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = valence::Tokenizer::from_tokenizer_json(json, "tokenizer.json");
  valence::testing::require_refused_or_sound(tokenizer);
  if (tokenizer)
    valence::testing::require_let_through(valence::tokenizer::check_tokenizer_json("tokenizer.json"), json);
  return 0;
}
