#include "gates/hot_kernels.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "bench/kernel_operands.h"
#include "valence/bench/reference_peak.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/dispatch.h"
#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/linear.h"
#include "valence/kernels/packed_weights.h"
#include "valence/precision.h"

namespace valence::gates {
namespace {

using bench::view;
using kernels::KernelTable;
using kernels::Staging;

// Weights and activations fit into a second-level cache, so that what neighbours do to the outer ones matters little.
constexpr std::int64_t kTokens = 128;
constexpr std::int64_t kHidden = 384;
constexpr std::int64_t kQkv = 3 * kHidden;
constexpr kernels::AttentionShape kHeads{.num_heads = 12, .head_dim = 32};
constexpr double kProductGop = 2e-9 * kTokens * kHidden * kQkv;
constexpr double kAttentionGop = 4e-9 * kTokens * kTokens * kHidden;  // one sequence

class F32Layer {
 public:
  explicit F32Layer(const KernelTable& table)
      : table_(table),
        x_(bench::random_floats(kTokens * kHidden, 1.0F)),
        weights_(bench::random_linear(table, {kHidden, kQkv})),
        qkv_(kTokens * kQkv),
        scratch_(static_cast<std::size_t>(kernels::self_attention_scratch_floats(table, kHeads, kTokens))),
        out_(kTokens * kHidden) {
    product();
  }

  void prepare() {}
  void product() {
    kernels::linear(view(std::as_const(x_), kTokens, kHidden), weights_, {}, view(qkv_, kTokens, kQkv));
  }
  void attention() {
    kernels::self_attention(table_, kHeads, kernels::packed_qkv(qkv_.data(), kHeads), cu_seqlens_,
                            kernels::AttentionQueries::kAll, scratch_.span(), view(out_, kTokens, kHidden));
  }

 private:
  const KernelTable& table_;
  std::vector<std::int32_t> cu_seqlens_ = bench::equal_sequences(kTokens, kTokens);
  AlignedBuffer<float> x_;
  kernels::PackedLinear weights_;
  AlignedBuffer<float> qkv_;
  AlignedBuffer<float> scratch_;
  AlignedBuffer<float> out_;
};

/// The same in a reduced precision.
class ReducedLayer {
 public:
  explicit ReducedLayer(const kernels::EncoderKernels& encoder)
      : encoder_(encoder),
        weights_(bench::random_weights(encoder, {kHidden, kQkv})),
        operand_values_(static_cast<std::size_t>(encoder.operand_bytes(kTokens, kHidden))),
        operand_scales_(kTokens),
        operand_sums_(kTokens),
        qkv_(static_cast<std::size_t>(kTokens * kQkv * encoder.staging_element_bytes)),
        out_(static_cast<std::size_t>(kTokens * kHidden * encoder.staging_element_bytes)),
        scratch_(static_cast<std::size_t>(encoder.attention_scratch_bytes(kTokens, kHeads.head_dim))) {
    prepare();
    const auto x = bench::random_floats(kTokens * kHidden, 1.0F);
    encoder_.quantize({.f32 = view(x, kTokens, kHidden),
                       .staging = {},
                       .width = kHidden,
                       .out = operand(),
                       .first_row = 0,
                       .rows = kTokens});
    product();
  }

  void prepare() { encoder_.prepare_thread(); }
  void product() {
    encoder_.product({.weights = weights_.view(),
                      .x = operand(),
                      .first_row = 0,
                      .rows = kTokens,
                      .first_panel = 0,
                      .panels = weights_.panels(),
                      .out = qkv_column(0)});
  }
  void attention() {
    encoder_.attention({.q = qkv_column(0),
                        .k = qkv_column(kHidden),
                        .v = qkv_column(2 * kHidden),
                        .out = {out_.data(), kHidden},
                        .cu_seqlens = cu_seqlens_.data(),
                        .first_sequence = 0,
                        .sequences = 1,
                        .first_token = 0,
                        .first_head = 0,
                        .heads = kHeads.num_heads,
                        .head_dim = kHeads.head_dim,
                        .scale = 0.17677669F,  // 1 / sqrt(head_dim)
                        .queries = kernels::AttentionQueries::kAll,
                        .scratch = scratch_.data()});
  }

 private:
  kernels::Operand operand() { return {operand_values_.data(), operand_scales_.data(), operand_sums_.data()}; }
  Staging qkv_column(std::int64_t column) { return {qkv_.data() + column * encoder_.staging_element_bytes, kQkv}; }

  const kernels::EncoderKernels& encoder_;
  std::vector<std::int32_t> cu_seqlens_ = bench::equal_sequences(kTokens, kTokens);
  kernels::PackedWeights weights_;
  AlignedBuffer<std::byte> operand_values_;
  AlignedBuffer<float> operand_scales_;
  AlignedBuffer<std::int32_t> operand_sums_;
  AlignedBuffer<std::byte> qkv_;
  AlignedBuffer<std::byte> out_;
  AlignedBuffer<std::byte> scratch_;
};

template <class Layer>
void add(std::vector<HotKernel>& hot, Precision precision, bench::Peak peak, const std::shared_ptr<Layer>& layer) {
  hot.push_back({fmt::format("{} product", name(precision)), peak, kProductGop, [layer] { layer->product(); },
                 [layer] { layer->prepare(); }});
  hot.push_back({fmt::format("{} attention", name(precision)), peak, kAttentionGop, [layer] { layer->attention(); },
                 [layer] { layer->prepare(); }});
}

}  // namespace

std::vector<HotKernel> hot_kernels(const KernelTable& table) {
  std::vector<HotKernel> hot;
  if (const auto peak = bench::reference_peak(Precision::kFp32, table.isa)) {
    add(hot, Precision::kFp32, *peak, std::make_shared<F32Layer>(table));
  }
  for (const Precision precision : {Precision::kInt8, Precision::kFp16, Precision::kBf16}) {
    const kernels::EncoderKernels* const encoder = kernels::encoder_kernels(table, precision);
    const auto peak = bench::reference_peak(precision, table.isa);
    if (encoder != nullptr && peak) add(hot, precision, *peak, std::make_shared<ReducedLayer>(*encoder));
  }
  return hot;
}

}  // namespace valence::gates
