// Any bytes as an ONNX file: refused with words, or tensors that lie inside the image; and any accepted file as the
// graph of a tiny model, the first byte choosing its architecture.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/protobuf_mutator.h"
#include "valence/base/json.h"
#include "valence/model/config.h"
#include "valence/model/onnx_model.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_words(const valence::Error& error) { require(!error.what().empty() && error.what().size() < 12'000); }

/// Those of the files in the corpus, by number: tools/make_onnx_fuzz_seeds.py.
constexpr std::array kConfigs = {
    R"({"model_type": "bert", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 6, "max_position_embeddings": 12, "type_vocab_size": 2, "hidden_act": "gelu",
        "num_labels": 2})",
    R"({"model_type": "mpnet", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 6, "max_position_embeddings": 12, "relative_attention_num_buckets": 32, "num_labels": 2})",
    R"({"model_type": "deberta-v2", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 6, "max_position_embeddings": 12, "type_vocab_size": 0,
        "relative_attention": true, "position_buckets": 20, "max_relative_positions": 40, "share_att_key": true,
        "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm", "position_biased_input": false,
        "num_labels": 2})",
    R"({"model_type": "modernbert", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 6, "max_position_embeddings": 12, "local_attention": 4,
        "global_attn_every_n_layers": 2, "classifier_pooling": "mean", "num_labels": 2})",
    R"({"model_type": "qwen3", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 2, "intermediate_size": 6, "max_position_embeddings": 12,
        "pad_token_id": 0, "num_labels": 2})",
    R"({"model_type": "gpt2", "vocab_size": 20, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_inner": 6,
        "n_positions": 12, "pad_token_id": 0, "num_labels": 2})",
    R"({"model_type": "albert", "vocab_size": 20, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 6, "max_position_embeddings": 12, "embedding_size": 2, "hidden_act": "gelu_new",
        "num_labels": 2})"};

struct Kind {
  valence::Json config;
  valence::ModelSpec spec;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = [] {
    std::vector<Kind> made;
    for (const char* const text : kConfigs) {
      auto config = valence::Json::parse(text, "config.json").value();
      auto spec = valence::parse_config(config).value();
      made.push_back({std::move(config), std::move(spec)});
    }
    return made;
  }();
  return all;
}

}  // namespace

#ifdef VALENCE_FUZZ
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return valence::testing::mutate_protobuf(data, size, max_size, seed, 1);
}
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto image = std::as_bytes(std::span(data, size).subspan(1));
  const auto file = valence::parse_onnx(image, "fuzz.onnx");
  if (!file) {
    require_words(file.error());
    return 0;
  }
  for (const valence::OnnxTensor& tensor : file->tensors) {
    if (tensor.external) return 0;  // its bytes would be read from a file
    require(tensor.bytes.size() == static_cast<std::size_t>(tensor.elements()) * *valence::element_bytes(tensor.type));
  }
  const Kind& kind = kinds()[data[0] % kConfigs.size()];
  const auto weights = valence::onnx_weights(*file, kind.spec, kind.config);
  if (!weights) {
    require_words(weights.error());
    return 0;
  }
  for (const auto& [name, view] : weights->tensors) {
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    valence::copy_as_f32(view, values);
  }
  return 0;
}
