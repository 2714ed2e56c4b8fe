#include "valence/model/arch/gguf_architectures.h"

#include <array>

#include "valence/base/check.h"
#include "valence/model/arch/registry.h"

namespace valence {
namespace {

/// Texts one after another, joined by the compiler: keys of every architecture are its name and a common ending.
template <const std::string_view&... kParts>
struct Joined {
  static constexpr auto kCharacters = [] {
    std::array<char, (kParts.size() + ...)> characters{};
    std::size_t at = 0;
    const auto append = [&](std::string_view part) {
      for (const char c : part) characters[at++] = c;
    };
    (append(kParts), ...);
    return characters;
  }();
  static constexpr std::string_view kText{kCharacters.data(), kCharacters.size()};
};

constexpr std::string_view kBert = "bert";
constexpr std::string_view kModernBert = "modern-bert";
constexpr std::string_view kNomicBert = "nomic-bert";
constexpr std::string_view kGpt2 = "gpt2";
constexpr std::string_view kLlama = "llama";
constexpr std::string_view kQwen2 = "qwen2";
constexpr std::string_view kQwen3 = "qwen3";

constexpr std::string_view kEmbeddingLength = ".embedding_length";
constexpr std::string_view kBlockCount = ".block_count";
constexpr std::string_view kHeadCount = ".attention.head_count";
constexpr std::string_view kFeedForwardLength = ".feed_forward_length";
constexpr std::string_view kContextLength = ".context_length";
constexpr std::string_view kLayerNormEpsilon = ".attention.layer_norm_epsilon";
constexpr std::string_view kRmsNormEpsilon = ".attention.layer_norm_rms_epsilon";
constexpr std::string_view kOutputLabels = ".classifier.output_labels";

/// GGUF has no key for the activation of the feed-forward blocks: it is the architecture's, or what our own key says.
template <const std::string_view& kName, const std::string_view& kEpsilon>
constexpr ConfigKeys keys() {
  return {.vocab_size = "tokenizer.ggml.tokens",
          .hidden_size = Joined<kName, kEmbeddingLength>::kText,
          .num_hidden_layers = Joined<kName, kBlockCount>::kText,
          .num_attention_heads = Joined<kName, kHeadCount>::kText,
          .intermediate_size = Joined<kName, kFeedForwardLength>::kText,
          .max_position_embeddings = Joined<kName, kContextLength>::kText,
          .type_vocab_size = "",
          .hidden_act = "valence.hidden_act",
          .layer_norm_eps = Joined<kName, kEpsilon>::kText,
          .labels = Joined<kName, kOutputLabels>::kText};
}

/// Attention and feed-forward block are called the same everywhere; norms after a block and before it are not. What an
/// architecture lacks, its specification does not ask for.
constexpr TensorNames names(std::string_view attention_norm, std::string_view output_norm) {
  return {.word_embeddings = "token_embd",
          .position_embeddings = "position_embd",
          .embeddings_norm = "token_embd_norm",
          .final_norm = "output_norm",
          .head_dense = "cls",
          .head_norm = "cls.norm",
          .classifier = "cls.output",
          .layers = "blk",
          .query = "attn_q",
          .key = "attn_k",
          .value = "attn_v",
          .query_norm = "attn_q_norm",
          .key_norm = "attn_k_norm",
          .attention_output = "attn_output",
          .attention_norm = attention_norm,
          .gate = "ffn_gate",
          .intermediate = "ffn_up",
          .output = "ffn_down",
          .output_norm = output_norm};
}
constexpr TensorNames kNormsAfter = names("attn_output_norm", "layer_output_norm");
constexpr TensorNames kNormsBefore = names("attn_norm", "ffn_norm");

Architecture in_gguf(const Architecture& original, const ConfigKeys& keys, const TensorNames& names) {
  Architecture architecture = original;
  architecture.keys = keys;
  architecture.names = names;
  architecture.token_classifier = names.classifier;
  architecture.transposed_linears = false;
  architecture.settings = "the metadata";
  return architecture;
}

ConfigKeys with_token_types(ConfigKeys keys) {
  keys.type_vocab_size = "tokenizer.ggml.token_type_count";
  return keys;
}

TensorNames with_token_types(TensorNames names) {
  names.token_type_embeddings = "token_types";
  return names;
}

/// As RobertaConfig's pad_token_id would; a table that lost the rows before the first position has no such setting.
Status configure_roberta(const Json& config, ModelSpec& spec) {
  if (!config.find("pad_token_id")) return {};
  return roberta_architecture().configure(config, spec);
}

/// MODEL_ARCH.BERT. RoBERTa's position table loses the rows before its first position in conversion, and its head is
/// called as BERT's pooler and classifier would be: what is left of it is a BERT.
GgufArchitecture bert() {
  const ConfigKeys bert_keys = keys<kBert, kLayerNormEpsilon>();
  const auto with_types = [&](const Architecture& original) {
    return in_gguf(original, with_token_types(bert_keys), with_token_types(kNormsAfter));
  };
  GgufArchitecture files{.name = kBert, .members = {with_types(bert_architecture())}, .biased = true};
  files.members.push_back(in_gguf(distilbert_architecture(), bert_keys, kNormsAfter));
  files.members.push_back(with_types(roberta_architecture()));
  files.members.back().configure = configure_roberta;
  return files;
}

GgufArchitecture modern_bert() {
  TensorNames with_both = kNormsBefore;
  with_both.gate_intermediate = "ffn_up";
  return {.name = kModernBert,
          .members = {in_gguf(modernbert_architecture(), keys<kModernBert, kLayerNormEpsilon>(), with_both)},
          .fused_attention = true};
}

GgufArchitecture nomic_bert() {
  Architecture nomic = in_gguf(nomic_bert_architecture(), with_token_types(keys<kNomicBert, kLayerNormEpsilon>()),
                               with_token_types(kNormsAfter));
  nomic.defaults.least_type_vocab_size = 0;
  return {.name = kNomicBert, .members = {nomic}, .fused_attention = true};
}

GgufArchitecture gpt2() {
  return {.name = kGpt2,
          .members = {in_gguf(gpt2_architecture(), keys<kGpt2, kLayerNormEpsilon>(), kNormsBefore)},
          .decoder = true,
          .biased = true,
          .fused_attention = true};
}

template <const std::string_view& kName>
GgufArchitecture like_llama(const std::vector<const Architecture*>& originals) {
  GgufArchitecture files{.name = kName, .members = {}, .decoder = true};
  for (const Architecture* original : originals) {
    files.members.push_back(in_gguf(*original, keys<kName, kRmsNormEpsilon>(), kNormsBefore));
  }
  return files;
}

/// llama.cpp's Llama turns neighbouring numbers, so its converter reorders the rows of query and key; of no other
/// architecture here. Mistral is converted to the same.
GgufArchitecture llama() {
  GgufArchitecture files = like_llama<kLlama>({&llama_architecture(), &mistral_architecture()});
  for (Architecture& member : files.members) member.interleaved_rotary = true;
  return files;
}

const std::array<GgufArchitecture, 7>& all() {
  static const std::array<GgufArchitecture, 7> kAll = {bert(),
                                                       modern_bert(),
                                                       nomic_bert(),
                                                       gpt2(),
                                                       llama(),
                                                       like_llama<kQwen2>({&qwen2_architecture()}),
                                                       like_llama<kQwen3>({&qwen3_architecture()})};
  return kAll;
}

}  // namespace

const Architecture& GgufArchitecture::member(std::string_view model_type) const {
  for (const Architecture& each : members) {
    if (each.model_type == model_type) return each;
  }
  VALENCE_ASSERT(members.size() == 1, "an architecture of several model types knows which they are");
  return members.front();
}

const GgufArchitecture* find_gguf_architecture(std::string_view name) {
  for (const GgufArchitecture& each : all()) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

GgufForm find_gguf_form(std::string_view model_type) {
  // The same model under other names.
  if (model_type == "xlm-roberta" || model_type == "camembert") model_type = "roberta";
  for (const GgufArchitecture& files : all()) {
    for (const Architecture& member : files.members) {
      if (member.model_type == model_type) return {&files, &member};
    }
  }
  return {};
}

std::vector<std::string_view> gguf_architecture_names() {
  std::vector<std::string_view> names;
  for (const GgufArchitecture& each : all()) names.push_back(each.name);
  return names;
}

}  // namespace valence
