/// \file
/// Tokenizers small enough to work out by hand, as tokenizer.json texts.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace valence::tokenizer {

/// Ids as listed, from [PAD] = 0.
inline constexpr std::string_view kSmallVocabulary =
    R"({"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"good":5,"bad":6,"not":7,"##ly":8,"!":9,"a":10,"##b":11,)"
    R"("中":12,"é":13,"##é":14,",":15,"b":16,"##a":17,"-":18})";

struct SmallTokenizer {
  std::string normalizer = R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
                           R"("strip_accents":null,"lowercase":true})";
  std::string pre_tokenizer = R"({"type":"BertPreTokenizer"})";
  std::string post_processor = R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})";
  std::string added_tokens = R"([{"id":4,"content":"[MASK]","single_word":false,"lstrip":false,"rstrip":false,)"
                             R"("normalized":false,"special":true}])";
  std::string vocabulary{kSmallVocabulary};
  std::string unk_token = "[UNK]";

  [[nodiscard]] std::string json() const {
    return fmt::format(
        R"({{"version":"1.0","truncation":{{"max_length":3}},"padding":null,"added_tokens":{},"normalizer":{},)"
        R"("pre_tokenizer":{},"post_processor":{},"decoder":null,"model":{{"type":"WordPiece","unk_token":"{}",)"
        R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{}}}}})",
        added_tokens, normalizer, pre_tokenizer, post_processor, unk_token, vocabulary);
  }
};

}  // namespace valence::tokenizer
