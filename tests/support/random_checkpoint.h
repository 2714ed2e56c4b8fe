/// \file
/// Model directories with random weights that come out the same, bit for bit, here and in tools/make_model_goldens.py:
/// so logits recorded by transformers can be compared without storing the weights.
///
/// Element i of a tensor: x = splitmix64 of state (seed ^ fnv1a64(name)) + (i + 1) * 0x9E3779B97F4A7C15; s = twice the
/// sum of the four 16-bit lanes of x, less 4 * 65535 (an integer, near-normal by the sum of four uniforms, of standard
/// deviation 75674); value = f32(mean) + f32(s) * f32(std / 75674), every operation rounded to f32.
/// As F16 or BF16 the value is rounded to nearest even. As I8, a matrix holds max(-127, top byte of x as signed) and
/// its row scales are the tensor `<name>_scale` of mean std / 74 and a tenth of that as deviation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace valence::testing {

enum class WeightFormat { kF32, kF16, kBF16, kI8 };

struct RandomTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  double mean = 0;
  double std = 0;
};

struct RandomCheckpoint {
  std::string config_json;
  std::vector<RandomTensor> tensors;
  std::uint64_t seed = 0;
  WeightFormat format = WeightFormat::kF32;
  int shards = 1;  ///< more than one: model-0000i-of-0000n.safetensors and their index
};

/// The sizes of a BERT or DistilBERT classifier for tests without a golden; small enough to read in a debugger.
struct EncoderShape {
  std::int64_t vocab_size = 30;
  std::int64_t hidden_size = 8;
  std::int64_t num_hidden_layers = 2;
  std::int64_t num_attention_heads = 2;
  std::int64_t intermediate_size = 12;
  std::int64_t max_position_embeddings = 16;
  std::int64_t type_vocab_size = 2;
  std::int64_t num_labels = 2;
};

[[nodiscard]] RandomCheckpoint random_bert(const EncoderShape& shape = {}, std::uint64_t seed = 1);
[[nodiscard]] RandomCheckpoint random_distilbert(const EncoderShape& shape = {}, std::uint64_t seed = 1);

/// What a reader of `checkpoint` sees as `tensor`, row-major: rounded to its format and back.
[[nodiscard]] std::vector<float> values_of(const RandomTensor& tensor, const RandomCheckpoint& checkpoint);

/// Sum over i of splitmix64's mix of (bits of value i) ^ ((i + 1) * 0x9E3779B97F4A7C15), modulo 2^64.
[[nodiscard]] std::uint64_t hash_of(std::span<const float> values);

/// A safetensors image of the whole checkpoint.
[[nodiscard]] std::string image_of(const RandomCheckpoint& checkpoint);

/// Writes config.json and the weights into `directory`, one tensor in memory at a time.
void write_checkpoint(const RandomCheckpoint& checkpoint, const std::filesystem::path& directory);

}  // namespace valence::testing
