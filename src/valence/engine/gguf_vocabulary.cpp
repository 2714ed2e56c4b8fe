#include "valence/engine/gguf_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "valence/base/base64.h"
#include "valence/tokenizer/vocabulary_json.h"
#include "valence/tokenizer/word_patterns.h"

namespace valence {
namespace {

using TokenType = GgufVocabulary::TokenType;
using tokenizer::WordPattern;

/// A component of tokenizer.json and, if it is a sequence, what it consists of.
Result<std::vector<Json>> steps_of(const Json& tokenizer, std::string_view stage) {
  std::vector<Json> steps;
  const auto component = tokenizer.find(stage);
  if (!component) return steps;
  for (const std::string_view list : {"normalizers", "pretokenizers"}) {
    if (const auto inner = component->find(list)) return inner->items();
  }
  steps.push_back(*component);
  return steps;
}

Result<std::optional<Json>> step_of_type(const std::vector<Json>& steps, std::string_view type) {
  for (const Json& step : steps) {
    VALENCE_TRY(const std::string own, step.string_or("type", ""));
    if (own == type) return step;
  }
  return std::nullopt;
}

/// Reads one tokenizer.json.
class Reader {
 public:
  explicit Reader(const TokenizerSource& source) : source_(source) {}

  Result<GgufVocabulary> read();

 private:
  Status read_document();
  Status read_added_tokens();
  Status read_kind();
  Status read_word_piece();
  Status read_bytes();
  Status read_unigram();
  Status read_sentencepiece();
  Status read_merges();
  Status read_spaces();
  void read_special_tokens();
  void read_tokens();
  [[nodiscard]] TokenType type_of(std::int32_t id, std::string_view token) const;
  [[nodiscard]] std::optional<std::int32_t> id_of(std::initializer_list<std::string_view> spellings) const;

  const TokenizerSource& source_;
  GgufVocabulary made_;
  tokenizer::ExtractedModel model_;
  std::optional<Json> root_;
  std::vector<Json> normalizers_, pre_tokenizers_;
  std::map<std::int32_t, bool> added_;  // whether it is special
};

Status Reader::read_document() {
  VALENCE_TRY(model_, tokenizer::extract_model(*source_.tokenizer_json, source_.name + "/tokenizer.json"));
  VALENCE_TRY(root_, Json::parse(model_.rest, source_.name + "/tokenizer.json"));
  VALENCE_TRY(normalizers_, steps_of(*root_, "normalizer"));
  VALENCE_TRY(pre_tokenizers_, steps_of(*root_, "pre_tokenizer"));
  made_.tokenizer_json = *source_.tokenizer_json;
  return read_added_tokens();
}

Status Reader::read_added_tokens() {
  const auto added = root_->find("added_tokens");
  if (!added) return {};
  VALENCE_TRY(const auto tokens, added->items());
  for (const Json& token : tokens) {
    VALENCE_TRY(const bool is_special, token.boolean_or("special", false));
    VALENCE_TRY(const std::int64_t id, token.integer("id"));
    added_.emplace(static_cast<std::int32_t>(id), is_special);
  }
  return {};
}

std::optional<std::int32_t> Reader::id_of(std::initializer_list<std::string_view> spellings) const {
  for (const std::string_view spelling : spellings) {
    if (const auto id = source_.tokenizer->token_to_id(spelling)) return id;
  }
  return std::nullopt;
}

/// What stands around a text says which tokens begin and end one; the rest is called as everywhere.
void Reader::read_special_tokens() {
  std::optional<std::int32_t> first;
  std::optional<std::int32_t> last;
  if (const auto encoding = source_.tokenizer->encode("a")) {
    const auto& mask = encoding->special_tokens_mask;
    if (!mask.empty() && mask.front() == 1) first = encoding->ids.front();
    if (mask.size() > 1 && mask.back() == 1) last = encoding->ids.back();
  }
  made_.bos = first ? *first : source_.bos.value_or(-1);
  made_.eos = last ? *last : source_.eos.value_or(-1);
  made_.cls = source_.cls.value_or(first && last ? *first : -1);
  made_.sep = source_.sep.value_or(first && last ? *last : -1);
  if (made_.model != "bert") {
    made_.add_bos = first.has_value();
    made_.add_eos = last.has_value();
  }
  const std::optional<std::int32_t> unk = source_.unk ? source_.unk : source_.tokenizer->unknown_id();
  made_.unk = unk.value_or(-1);
  made_.pad = source_.pad.value_or(-1);
  const std::optional<std::int32_t> mask = source_.mask ? source_.mask : id_of({"[MASK]", "<mask>"});
  made_.mask = mask.value_or(-1);
}

TokenType Reader::type_of(std::int32_t id, std::string_view token) const {
  const auto added = added_.find(id);
  const bool has_scores = made_.model == "t5" || made_.model == "llama";
  if (has_scores && id == made_.unk) return TokenType::kUnknown;
  if (added != added_.end()) return added->second ? TokenType::kControl : TokenType::kUserDefined;
  if (made_.model == "llama" && token.size() == 6 && token.starts_with("<0x") && token.back() == '>') {
    return TokenType::kByte;
  }
  const auto special = {made_.unk, made_.cls, made_.sep, made_.mask, made_.pad};
  const bool is_word_piece = made_.model == "bert";
  return is_word_piece && std::ranges::find(special, id) != special.end() ? TokenType::kControl : TokenType::kNormal;
}

void Reader::read_tokens() {
  constexpr float kUnusedScore = -10000;  // llama.cpp's
  const std::vector<float> known = std::move(made_.scores);
  made_.scores.clear();
  const bool has_scores = made_.model == "t5" || made_.model == "llama";
  for (std::int32_t id = 0; id < source_.rows; ++id) {
    const auto token = source_.tokenizer->id_to_token(id);
    // Tables may have more rows than there are tokens; llama.cpp's converter names the others so.
    made_.tokens.push_back(token ? std::string(*token) : fmt::format("[PAD{}]", id));
    made_.types.push_back(token ? type_of(id, *token) : TokenType::kUnused);
    if (!has_scores) continue;
    const auto at = static_cast<std::size_t>(id);
    made_.scores.push_back(!token ? kUnusedScore : at < known.size() ? known[at] : 0.0F);
  }
}

Status Reader::read_merges() {
  if (!model_.merges) return {};
  const tokenizer::MergeRules& merges = *model_.merges;
  for (const auto& rule : merges.rules) {
    const std::string_view left = std::string_view(merges.arena).substr(rule.offset, rule.left_size);
    const std::string_view right = std::string_view(merges.arena).substr(rule.offset + rule.left_size, rule.right_size);
    if (left.find(' ') != left.npos || right.find(' ') != right.npos) {
      return fail(ErrorCode::kUnsupported, source_.name,
                  "has merges of tokens with spaces, which GGUF cannot tell apart",
                  "convert it to safetensors or ONNX");
    }
    made_.merges.push_back(fmt::format("{} {}", left, right));
  }
  return {};
}

Status Reader::read_word_piece() {
  made_.model = "bert";
  made_.pre = "default";
  VALENCE_TRY(const auto bert, step_of_type(normalizers_, "BertNormalizer"));
  VALENCE_TRY(const auto lowercase, step_of_type(normalizers_, "Lowercase"));
  made_.lowercase = lowercase.has_value();
  if (!bert) return {};
  VALENCE_TRY(made_.lowercase, bert->boolean_or("lowercase", true));
  if (bert->find("strip_accents")) {
    VALENCE_TRY(made_.strip_accents, bert->boolean_or("strip_accents", *made_.lowercase));
  }
  return {};
}

/// The names that convert_hf_to_gguf.py gives to tokenizers, for those that tokenizer/ggml_bpe.cpp knows too.
std::string pre_of(WordPattern words, bool has_first, bool has_last, bool is_bracketed) {
  switch (words) {
    case WordPattern::kGpt2:
      if (has_first && has_last) return is_bracketed ? "modern-bert" : "roberta-bpe";
      return "gpt-2";
    case WordPattern::kGpt4:
      return "llama-bpe";
    case WordPattern::kQwen2:
      return has_first ? "deepseek-r1-qwen" : "qwen2";
  }
  return {};
}

Status Reader::read_bytes() {
  made_.model = "gpt2";
  VALENCE_TRY_STATUS(read_merges());
  std::optional<WordPattern> words;
  VALENCE_TRY(const auto byte_level, step_of_type(pre_tokenizers_, "ByteLevel"));
  if (byte_level) {
    VALENCE_TRY(const bool uses_regex, byte_level->boolean_or("use_regex", true));
    VALENCE_TRY(const bool prefix, byte_level->boolean_or("add_prefix_space", false));
    if (prefix) made_.add_space_prefix = true;
    if (uses_regex && pre_tokenizers_.size() == 1) words = WordPattern::kGpt2;
  }
  VALENCE_TRY(const auto split, step_of_type(pre_tokenizers_, "Split"));
  if (split && pre_tokenizers_.size() == 2) {
    VALENCE_TRY(const Json pattern, split->at("pattern"));
    VALENCE_TRY(const std::string regex, pattern.string_or("Regex", ""));
    words = tokenizer::find_word_pattern(regex);
  }
  read_special_tokens();
  const bool is_bracketed = source_.tokenizer->token_to_id("[CLS]").has_value();
  if (words) made_.pre = pre_of(*words, *made_.add_bos, *made_.add_eos, is_bracketed);
  return {};
}

/// Whether a visible space is put before a text.
Status Reader::read_spaces() {
  VALENCE_TRY(const auto metaspace, step_of_type(pre_tokenizers_, "Metaspace"));
  VALENCE_TRY(const auto prepend, step_of_type(normalizers_, "Prepend"));
  made_.add_space_prefix = prepend.has_value();
  if (!metaspace) return {};
  VALENCE_TRY(const bool adds, metaspace->boolean_or("add_prefix_space", true));
  VALENCE_TRY(const std::string scheme, metaspace->string_or("prepend_scheme", adds ? "always" : "never"));
  made_.add_space_prefix = scheme != "never";
  return {};
}

Status Reader::read_unigram() {
  made_.model = "t5";
  made_.pre = "default";
  for (const double score : model_.scored->scores) made_.scores.push_back(static_cast<float>(score));
  VALENCE_TRY(const auto precompiled, step_of_type(normalizers_, "Precompiled"));
  if (precompiled && precompiled->find("precompiled_charsmap")) {
    VALENCE_TRY(const std::string encoded, precompiled->string("precompiled_charsmap"));
    const auto charsmap = decode_base64(encoded);
    if (!charsmap) return precompiled->invalid("precompiled_charsmap: expected base64");
    made_.precompiled_charsmap = *charsmap;
  }
  return read_spaces();
}

/// tokenizer.json keeps the order of SentencePiece's pieces as that of the merges that make them.
Status Reader::read_sentencepiece() {
  made_.model = "llama";
  made_.pre = "default";
  made_.scores.assign(static_cast<std::size_t>(source_.rows), 0.0F);
  if (model_.merges) {
    const tokenizer::MergeRules& merges = *model_.merges;
    std::vector<bool> is_known(made_.scores.size());
    float rank = 0;
    for (const auto& rule : merges.rules) {
      const auto id = source_.tokenizer->token_to_id(
          std::string_view(merges.arena).substr(rule.offset, rule.left_size + rule.right_size));
      if (!id || static_cast<std::size_t>(*id) >= is_known.size() || is_known[static_cast<std::size_t>(*id)]) continue;
      is_known[static_cast<std::size_t>(*id)] = true;
      made_.scores[static_cast<std::size_t>(*id)] = -rank;
      rank += 1;
    }
  }
  return read_spaces();
}

Status Reader::read_kind() {
  VALENCE_TRY(const Json model, root_->at("model"));
  const std::string guess = model_.scored ? "Unigram" : model_.merges ? "BPE" : "WordPiece";
  VALENCE_TRY(const std::string kind, model.string_or("type", guess));
  if (kind == "WordPiece") return read_word_piece();
  if (kind == "Unigram" && model_.scored) return read_unigram();
  if (kind == "BPE") {
    VALENCE_TRY(const bool falls_back, model.boolean_or("byte_fallback", false));
    return falls_back ? read_sentencepiece() : read_bytes();
  }
  return fail(ErrorCode::kUnsupported, source_.name,
              fmt::format("has a tokenizer of the kind {}: GGUF has none like it", in_quotes(kind)),
              "convert it to safetensors or ONNX");
}

Result<GgufVocabulary> Reader::read() {
  if (source_.tokenizer_json != nullptr) {
    VALENCE_TRY_STATUS(read_document());
    VALENCE_TRY_STATUS(read_kind());
  } else if (source_.lowercase) {
    made_.model = "bert";
    made_.pre = "default";
    made_.lowercase = source_.lowercase;
  } else {
    return fail(ErrorCode::kUnsupported, source_.name,
                "has no tokenizer.json, which a GGUF file's tokenizer is made of",
                "save it again with save_pretrained() of transformers' AutoTokenizer");
  }
  read_special_tokens();
  read_tokens();
  return std::move(made_);
}

}  // namespace

Result<GgufVocabulary> gguf_vocabulary(const TokenizerSource& source) { return Reader(source).read(); }

}  // namespace valence
