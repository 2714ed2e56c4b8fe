// Any bytes as an ONNX file: refused with words, or tensors that lie inside the image; and any accepted file as the
// graph of a tiny BERT.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/config.h"
#include "valence/model/onnx_model.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_words(const valence::Error& error) { require(!error.what().empty() && error.what().size() < 12'000); }

/// That of tests/parity/data/onnx/bert_half.onnx, which the corpus holds with short names, as it does bert_u8.
constexpr auto kConfig = R"({"model_type": "bert", "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1,
  "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 20, "type_vocab_size": 2,
  "hidden_act": "gelu", "num_labels": 3})";

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
  static const valence::Json config = valence::Json::parse(kConfig, "config.json").value();
  static const valence::ModelSpec spec = valence::parse_config(config).value();
  const auto weights = valence::onnx_weights(*file, spec, config);
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
