// Any bytes as a GGUF file: refused with words, or views that lie inside the image; and any accepted file as a
// classifier and as a tokenizer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "valence/engine/gguf_tokenizer.h"
#include "valence/model/gguf_model.h"
#include "valence/model/weights.h"
#include "valence/tensor/gguf_reader.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_words(const valence::Error& error) { require(!error.what().empty() && error.what().size() < 2000); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = std::as_bytes(std::span(data, size));
  auto file = valence::parse_gguf(image, "fuzz.gguf");
  if (!file) {
    require_words(file.error());
    return 0;
  }
  for (const auto& [name, view] : file->tensors) {
    require(view.bytes.data() >= image.data() && view.bytes.data() + view.bytes.size() <= image.data() + size);
    require(view.bytes.size() == valence::size_bytes(view.dtype, static_cast<std::size_t>(view.elements())));
    if (!valence::is_floating(view.dtype)) continue;
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    valence::copy_as_f32(view, values);
  }
  if (const auto tokenizer = valence::gguf_tokenizer(file->metadata)) {
    static_cast<void>(tokenizer->encode("A text, caf\xC3\xA9 ab 12 <s> [MASK]"));
  } else {
    require_words(tokenizer.error());
  }
  auto model = valence::gguf_model(std::move(*file));
  if (!model) {
    require_words(model.error());
    return 0;
  }
  const auto checkpoint = valence::Checkpoint::from_tensors(std::move(model->tensors), "fuzz.gguf");
  const auto weights = valence::bind_weights(model->spec, *model->architecture, checkpoint);
  if (!weights) {
    require_words(weights.error());
    return 0;
  }
  for (const auto* linear : valence::linear_weights(weights->layers.front())) {
    std::vector<float> row(static_cast<std::size_t>(linear->weight.columns()));
    for (std::int64_t i = 0; i < linear->weight.rows(); ++i) valence::copy_row_as_f32(linear->weight, i, row);
  }
  return 0;
}
