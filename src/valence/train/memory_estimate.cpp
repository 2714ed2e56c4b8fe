#include "valence/train/memory_estimate.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include "valence/base/control_group.h"
#include "valence/train/lora.h"

namespace valence::train {
namespace {

std::optional<std::uint64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;  // "max"
  return value;
}

}  // namespace

std::uint64_t training_bytes(const BaseModel& model, std::int64_t tokens, std::int64_t longest) {
  const EncoderSpec& spec = model.spec.encoder;
  std::uint64_t values = 0;
  std::int64_t ranks = 0;  // of all LoRA updates: LinearTape's down and d_down
  for (const Parameter& parameter : model.parameters.parameters()) {
    values += parameter.size;
    if (is_lora_down(parameter.name)) ranks += parameter.shape.front();
  }
  const auto learning = static_cast<std::uint64_t>(model.parameters.learning_size());
  // LayerTape: four rows of hidden states, the projections and what they were made of, the expanded states.
  const std::int64_t of_layer = 5 * spec.hidden_size + 2 * spec.query_size() + 2 * spec.key_value_size() +
                                (spec.gated ? 2 : 1) * spec.intermediate_size;
  const std::int64_t scratch = 10 * spec.hidden_size + 6 * spec.intermediate_size;
  // ConvolutionPass: neighbours and their gradients, and some rows of states.
  const std::int64_t of_convolution =
      spec.convolution_width > 0 ? (2 * spec.convolution_width + 4) * spec.hidden_size : 0;
  const std::int64_t states =
      tokens * (spec.num_hidden_layers * of_layer + of_convolution + scratch + 2 * ranks) + longest * 1024;
  return sizeof(float) * (values + 3 * learning + static_cast<std::uint64_t>(states));
}

std::optional<std::uint64_t> available_bytes() {
  std::optional<std::uint64_t> least;
  const auto take = [&](std::uint64_t bytes) { least = least ? std::min(*least, bytes) : bytes; };
  std::ifstream memory("/proc/meminfo");
  for (std::string line; std::getline(memory, line);) {
    constexpr std::string_view kKey = "MemAvailable:";
    if (line.starts_with(kKey)) take(std::strtoull(line.c_str() + kKey.size(), nullptr, 10) * 1024);
  }
  for (const auto& folder : own_control_group_folders()) {
    const auto most = number_in(folder / "memory.max");
    const auto used = number_in(folder / "memory.current");
    if (most && used) take(*most > *used ? *most - *used : 0);
  }
  return least;
}

}  // namespace valence::train
