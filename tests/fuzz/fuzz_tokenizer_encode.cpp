// Any bytes as a text, through a cased and an uncased BERT pipeline and a byte-level one, and through the same stage by
// stage. The first byte chooses the options. Offsets stay in order, in bounds and on characters; all roads agree.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer.h"
#include "valence/tokenizer/byte_level.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

valence::Tokenizer make(const std::string& normalizer) {
  const std::string json =
      R"({"added_tokens":[{"id":4,"content":"[MASK]","special":true,"normalized":false}],"normalizer":)" + normalizer +
      R"(,"pre_tokenizer":{"type":"BertPreTokenizer"},)"
      R"("post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},)"
      R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":9,)"
      R"("vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"a":5,"##b":6,"ab":7,"é":8,"##é":9,"e":10,"中":11,"!":12}}})";
  return valence::Tokenizer::from_tokenizer_json(json, "fuzz").value();
}

std::string bert(const char* lowercase) {
  return std::string(R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":)") +
         lowercase + "}";
}

/// Byte-level BPE with every byte character and a few merges. A Sequence of one step goes stage by stage.
valence::Tokenizer make_byte_level(bool by_stages) {
  std::string vocabulary;
  int id = 0;
  const auto add = [&](std::string_view token) {
    if (id > 0) vocabulary += ',';
    valence::append_json_string(vocabulary, token);
    vocabulary += ':' + std::to_string(id++);
  };
  for (const char32_t c : valence::tokenizer::byte_characters()) {
    std::string character;
    valence::append_utf8(character, c);
    add(character);
  }
  for (const auto* token : {"Ġa", "ab", "aa", "aaaa", "Ã©", "<m>"}) add(token);
  std::string pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true})";
  if (by_stages) pre_tokenizer = R"({"type":"Sequence","pretokenizers":[)" + pre_tokenizer + "]}";
  const std::string json = R"({"added_tokens":[{"id":261,"content":"<m>","lstrip":true}],"pre_tokenizer":)" +
                           pre_tokenizer + R"(,"model":{"type":"BPE","vocab":{)" + vocabulary +
                           R"(},"merges":["a a","Ġ a","a b","aa aa","Ã ©"]}})";
  return valence::Tokenizer::from_tokenizer_json(json, "fuzz").value();
}

void check_offsets(const valence::Encoding& encoding, std::string_view text) {
  const auto on_character = [text](std::uint32_t at) {
    return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
  };
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    if (encoding.special_tokens_mask[i] != 0) continue;
    const auto [begin, end] = encoding.offsets[i];
    require(begin < end && end <= text.size() && begin >= last);
    require(on_character(begin) && on_character(end));
    last = begin;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const valence::Tokenizer uncased = make(bert("true"));
  static const valence::Tokenizer cased = make(bert("false"));
  static const valence::Tokenizer by_stages = make(R"({"type":"Sequence","normalizers":[)" + bert("true") + "]}");
  static const valence::Tokenizer bytes = make_byte_level(false);
  static const valence::Tokenizer bytes_by_stages = make_byte_level(true);
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  valence::EncodeOptions options;
  options.max_length = (data[0] & 1U) != 0 ? 2 + (data[0] >> 2U) : 0;
  options.truncation_side = (data[0] & 2U) != 0 ? valence::TruncationSide::kLeft : valence::TruncationSide::kRight;

  const auto encoding = uncased.encode(text, options);
  require(encoding.has_value() == !valence::find_invalid_utf8(text).has_value());
  if (!encoding) return 0;
  check_offsets(*encoding, text);
  require(options.max_length == 0 || encoding->ids.size() <= options.max_length);
  const auto again = by_stages.encode(text, options);
  require(again->ids == encoding->ids && again->offsets == encoding->offsets &&
          again->truncated == encoding->truncated);
  check_offsets(*cased.encode(text, options), text);
  const auto byte_level = bytes.encode(text, options);
  check_offsets(*byte_level, text);
  const auto byte_level_again = bytes_by_stages.encode(text, options);
  require(byte_level_again->ids == byte_level->ids && byte_level_again->offsets == byte_level->offsets);
  const std::size_t middle = valence::find_invalid_utf8(text.substr(0, text.size() / 2)).value_or(text.size() / 2);
  require(uncased.encode_pair(text.substr(0, middle), text.substr(middle), options).has_value() ||
          (options.max_length == 2));
  options.truncation_strategy = valence::TruncationStrategy::kOnlySecond;
  const auto pair = bytes.encode_pair(text.substr(0, middle), text.substr(middle), options);
  require(!pair || options.max_length == 0 || pair->ids.size() <= options.max_length);
  require(!valence::find_invalid_utf8(bytes.decode(byte_level->ids).value()));
  return 0;
}
