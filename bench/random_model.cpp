#include "bench/random_model.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/tensor/tensor_view.h"

namespace valence::bench {
namespace {

constexpr std::int64_t kPositions = 512;

constexpr std::string_view kConfig = R"({{
  "model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"],
  "vocab_size": {}, "dim": {}, "hidden_dim": {}, "n_layers": {}, "n_heads": 12, "max_position_embeddings": {},
  "activation": "gelu", "pad_token_id": 0, "sinusoidal_pos_embds": false,
  "id2label": {{"0": "NEGATIVE", "1": "POSITIVE"}}, "label2id": {{"NEGATIVE": 0, "POSITIVE": 1}}
}})";

/// Collects tensors of random values and lays them out as a safetensors file does.
class Image {
 public:
  void add(std::string_view name, const Shape& shape, float mean, float spread) {
    TensorView sizes{DType::kF32, shape, {}};
    const std::size_t begin = values_.size();
    for (std::int64_t i = 0; i < sizes.elements(); ++i) values_.push_back(mean + spread * next());
    header_ += fmt::format(R"({}"{}":{{"dtype":"F32","shape":{},"data_offsets":[{},{}]}})", header_.empty() ? "" : ",",
                           name, to_string(shape), begin * sizeof(float), values_.size() * sizeof(float));
  }
  void add_linear(std::string_view name, std::int64_t out_features, std::int64_t in_features) {
    add(fmt::format("{}.weight", name), {out_features, in_features}, 0, kSpread);
    add(fmt::format("{}.bias", name), {out_features}, 0, kSpread);
  }
  void add_norm(std::string_view name, std::int64_t width) {
    add(fmt::format("{}.weight", name), {width}, 1, kSpread);
    add(fmt::format("{}.bias", name), {width}, 0, kSpread);
  }
  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::string header = "{" + header_ + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t header_size = header.size();
    std::vector<std::byte> image(sizeof header_size + header.size() + values_.size() * sizeof(float));
    std::memcpy(image.data(), &header_size, sizeof header_size);
    std::memcpy(image.data() + sizeof header_size, header.data(), header.size());
    std::memcpy(image.data() + sizeof header_size + header.size(), values_.data(), values_.size() * sizeof(float));
    return image;
  }

 private:
  static constexpr float kSpread = 0.06F;

  /// Uniform in [-1, 1): a linear congruential generator's upper bits are random enough to multiply.
  float next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31F;
  }

  std::uint64_t state_ = 20;
  std::string header_;
  std::vector<float> values_;
};

}  // namespace

Result<RandomModel> make_random_model(const RandomShape& shape, const RunnerOptions& options) {
  const std::int64_t hidden = shape.hidden_size;
  const std::int64_t intermediate = 4 * hidden;
  Image image;
  const std::string embeddings = "distilbert.embeddings.";
  image.add(embeddings + "word_embeddings.weight", {shape.vocab_size, hidden}, 0, 1);
  image.add(embeddings + "position_embeddings.weight", {kPositions, hidden}, 0, 1);
  image.add_norm(embeddings + "LayerNorm", hidden);
  for (std::int64_t layer = 0; layer < shape.num_hidden_layers; ++layer) {
    const std::string prefix = fmt::format("distilbert.transformer.layer.{}.", layer);
    for (const std::string_view product : {"q_lin", "k_lin", "v_lin", "out_lin"}) {
      image.add_linear(fmt::format("{}attention.{}", prefix, product), hidden, hidden);
    }
    image.add_norm(prefix + "sa_layer_norm", hidden);
    image.add_linear(prefix + "ffn.lin1", intermediate, hidden);
    image.add_linear(prefix + "ffn.lin2", hidden, intermediate);
    image.add_norm(prefix + "output_layer_norm", hidden);
  }
  image.add_linear("pre_classifier", hidden, hidden);
  image.add_linear("classifier", 2, hidden);

  RandomModel random{image.bytes(), nullptr};
  const std::string config =
      fmt::format(kConfig, shape.vocab_size, hidden, intermediate, shape.num_hidden_layers, kPositions);
  VALENCE_TRY(Model model, load_model(config, random.image, "random model"));
  VALENCE_TRY(random.runner, make_runner(std::move(model), options));
  return random;
}

}  // namespace valence::bench
