#include "valence/kernels/row_ops.h"

#include "valence/base/check.h"

namespace valence::kernels {
namespace {

bool is_absent(const EmbeddingTable& table) { return table.f32 == nullptr && table.i8 == nullptr; }

bool has_ids(const EmbeddingTable& table, std::span<const std::int32_t> ids, std::int64_t rows) {
  return is_absent(table) || static_cast<std::int64_t>(ids.size()) == rows;
}

}  // namespace

void layer_norm(const KernelTable& kernels, RowsView<const float> x, std::int64_t width, const LayerNormWeights& norm,
                RowsView<float> out) noexcept {
  add_layer_norm(kernels, x, {}, width, norm, out);
}

void add_layer_norm(const KernelTable& kernels, RowsView<const float> x, RowsView<const float> addend,
                    std::int64_t width, const LayerNormWeights& norm, RowsView<float> out) noexcept {
  VALENCE_ASSERT(x.rows == out.rows, "a row of x gives a row of out");
  VALENCE_ASSERT(addend.data == nullptr || addend.rows == out.rows, "an addend for each row");
  kernels.f32->layer_norm({.x = x, .addend = addend, .out = out, .width = width, .norm = norm});
}

void embed_layer_norm(const KernelTable& kernels, const Embeddings& embeddings, const EmbeddingIds& ids,
                      RowsView<float> out) noexcept {
  VALENCE_ASSERT(!is_absent(embeddings.word), "every encoder embeds words");
  VALENCE_ASSERT(has_ids(embeddings.word, ids.input_ids, out.rows) &&
                     has_ids(embeddings.position, ids.position_ids, out.rows) &&
                     has_ids(embeddings.token_type, ids.token_type_ids, out.rows),
                 "an id for each row and table");
  kernels.f32->embed({.word = embeddings.word,
                      .position = embeddings.position,
                      .token_type = embeddings.token_type,
                      .input_ids = ids.input_ids.data(),
                      .position_ids = ids.position_ids.data(),
                      .token_type_ids = ids.token_type_ids.data(),
                      .out = out,
                      .width = embeddings.width,
                      .norm = embeddings.norm,
                      .normalize = embeddings.normalize});
}

void activate(const KernelTable& kernels, Activation activation, std::span<const float> x,
              std::span<float> out) noexcept {
  VALENCE_ASSERT(x.size() == out.size(), "element by element");
  kernels.f32->activate(
      {.x = x.data(), .out = out.data(), .size = static_cast<std::int64_t>(x.size()), .activation = activation});
}

void rotate(const KernelTable& kernels, const RotaryCall& call) noexcept {
  VALENCE_ASSERT(call.rotary_dim % 2 == 0 && call.rotary_dim <= call.head_dim, "checked with the configuration");
  kernels.f32->rotate(call);
}

void gate(const KernelTable& kernels, const GateCall& call) noexcept {
  VALENCE_ASSERT(call.x.rows == call.out.rows, "a row of x gives a row of out");
  VALENCE_ASSERT(call.x.data != call.out.data || call.x.stride == call.out.stride, "in place, or apart");
  kernels.f32->gate(call);
}

void add_rows(const KernelTable& kernels, RowsView<float> x, RowsView<const float> y, std::int64_t width) noexcept {
  VALENCE_ASSERT(x.rows == y.rows, "an addend for each row");
  kernels.f32->add_rows({.x = x, .y = y, .width = width});
}

}  // namespace valence::kernels
