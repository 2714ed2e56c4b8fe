// Any bytes as a safetensors file: refused with words, or views that lie inside the image and cover its data; and any
// accepted file as the weights of a small classifier.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "valence/model/checkpoint.h"
#include "valence/model/weights.h"
#include "valence/tensor/safetensors_reader.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

valence::ModelSpec small_spec() {
  valence::ModelSpec spec;
  spec.model_type = "bert";
  spec.encoder = {.vocab_size = 2,
                  .hidden_size = 2,
                  .num_hidden_layers = 1,
                  .num_attention_heads = 1,
                  .intermediate_size = 2,
                  .max_position_embeddings = 2,
                  .type_vocab_size = 1};
  spec.head.labels = {"a", "b"};
  return spec;
}

}  // namespace

// Part of libFuzzer; absent when the corpus is only replayed.
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

/// Makes the length field right again after most mutations: behind a wrong one nothing else is ever reached.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  constexpr std::size_t kLengthBytes = 8;
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 0 || size <= kLengthBytes) return size;
  std::size_t end = size;
  while (end > kLengthBytes && data[end - 1] != '}') --end;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    data[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(end - kLengthBytes) >> (8 * i));
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = std::as_bytes(std::span(data, size));
  const auto tensors = valence::parse_safetensors(image, "fuzz.safetensors");
  if (!tensors) {
    require(!tensors.error().what().empty() && tensors.error().what().size() < 1000);
    return 0;
  }
  std::size_t covered = 0;
  for (const auto& [name, view] : *tensors) {
    require(view.bytes.data() >= image.data() && view.bytes.data() + view.bytes.size() <= image.data() + size);
    require(view.bytes.size() == static_cast<std::size_t>(view.elements()) * valence::size_bytes(view.dtype));
    covered += view.bytes.size();
  }
  require(covered < size);
  const auto checkpoint = valence::Checkpoint::from_memory(image, "fuzz.safetensors");
  require(checkpoint.has_value());
  static const valence::ModelSpec spec = small_spec();
  const auto weights = valence::bind_weights(spec, *checkpoint);
  if (weights) {
    float row[2];
    valence::copy_row_as_f32(weights->classifier.weight, 1, row);
  }
  return 0;
}
