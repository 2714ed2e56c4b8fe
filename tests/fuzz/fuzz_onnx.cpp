// Any bytes as an ONNX file: refused with words, or tensors that lie inside the image; and any accepted file as the
// graph of tiny models of several architectures.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/config.h"
#include "valence/model/onnx_model.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_words(const valence::Error& error) { require(!error.what().empty() && error.what().size() < 12'000); }

/// Those of the files in the corpus: tools/make_onnx_goldens.py, with fewer and narrower parts where that makes them
/// smaller.
constexpr std::array kConfigs = {
    R"({"model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24, "max_position_embeddings": 20, "type_vocab_size": 2, "hidden_act": "gelu",
        "num_labels": 3})",
    R"({"model_type": "mpnet", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 24, "max_position_embeddings": 22, "relative_attention_num_buckets": 32, "num_labels": 3})",
    R"({"model_type": "deberta-v2", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 22, "type_vocab_size": 0,
        "relative_attention": true, "position_buckets": 260, "max_relative_positions": 520, "share_att_key": true,
        "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm", "position_biased_input": false,
        "num_labels": 3})",
    R"({"model_type": "modernbert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 22, "local_attention": 4,
        "global_attn_every_n_layers": 2, "classifier_pooling": "mean", "num_labels": 3})",
    R"({"model_type": "qwen3", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 12, "intermediate_size": 24, "max_position_embeddings": 22,
        "pad_token_id": 0, "num_labels": 3})"};

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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = std::as_bytes(std::span(data, size));
  const auto file = valence::parse_onnx(image, "fuzz.onnx");
  if (!file) {
    require_words(file.error());
    return 0;
  }
  for (const valence::OnnxTensor& tensor : file->tensors) {
    if (tensor.external) return 0;  // its bytes would be read from a file
    require(tensor.bytes.size() == static_cast<std::size_t>(tensor.elements()) * *valence::element_bytes(tensor.type));
  }
  for (const Kind& kind : kinds()) {
    const auto weights = valence::onnx_weights(*file, kind.spec, kind.config);
    if (!weights) {
      require_words(weights.error());
      continue;
    }
    for (const auto& [name, view] : weights->tensors) {
      std::vector<float> values(static_cast<std::size_t>(view.elements()));
      valence::copy_as_f32(view, values);
    }
  }
  return 0;
}
