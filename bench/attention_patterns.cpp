#include "bench/attention_patterns.h"

#include <cmath>

#include "bench/kernel_operands.h"

namespace valence::bench {
namespace {

constexpr int kBuckets = 256;
constexpr int kMaxPosition = 512;

/// DeBERTa-v2's make_log_bucket_position, shifted to begin at 0.
std::int32_t bucket(std::int64_t distance) {
  constexpr int kLinear = kBuckets / 2;
  const auto magnitude = static_cast<double>(std::abs(distance));
  double away = magnitude;
  if (magnitude > kLinear) {
    away =
        kLinear + std::ceil(std::log(magnitude / kLinear) / std::log((kMaxPosition - 1.0) / kLinear) * (kLinear - 1));
  }
  const auto row = static_cast<int>(std::min(away, kBuckets - 1.0));
  return kBuckets + (distance < 0 ? -row : row);
}

}  // namespace

ArchitecturePattern::ArchitecturePattern(Kind kind, kernels::AttentionShape shape, std::int64_t max_seqlen)
    : kind_(kind), shape_(shape), max_seqlen_(max_seqlen) {
  if (kind == Kind::kBias) bias_ = random_floats(shape.num_heads * (2 * max_seqlen - 1), 1.0F);
  if (kind == Kind::kDisentangled) {
    const std::int64_t size = 2 * kBuckets * shape.num_heads * shape.head_dim;
    position_keys_ = random_floats(size, 1.0F);
    position_queries_ = random_floats(size, 1.0F);
    for (std::int64_t distance = 1 - max_seqlen; distance < max_seqlen; ++distance) {
      distance_rows_.push_back(bucket(distance));
    }
  }
}

const char* ArchitecturePattern::label() const {
  switch (kind_) {
    case Kind::kPlain:
      return "plain";
    case Kind::kGroupedQuery:
      return "grouped-query";
    case Kind::kCausal:
      return "causal";
    case Kind::kWindow:
      return "window 64";
    case Kind::kBias:
      return "bias by distance";
    case Kind::kDisentangled:
      return "disentangled";
  }
  return "";
}

kernels::AttentionPattern ArchitecturePattern::view() const {
  kernels::AttentionPattern pattern;
  switch (kind_) {
    case Kind::kPlain:
      break;
    case Kind::kGroupedQuery:
      pattern.num_kv_heads = shape_.num_heads / 3;
      break;
    case Kind::kCausal:
      pattern.causal = true;
      break;
    case Kind::kWindow:
      pattern.window = 64;
      break;
    case Kind::kBias:
      pattern.relative_bias = bias_.data() + max_seqlen_ - 1;
      pattern.relative_bias_stride = 2 * max_seqlen_ - 1;
      break;
    case Kind::kDisentangled:
      pattern.position_keys = position_keys_.data();
      pattern.position_queries = position_queries_.data();
      pattern.position_stride = shape_.num_heads * shape_.head_dim;
      pattern.distance_rows = distance_rows_.data() + max_seqlen_ - 1;
      break;
  }
  return pattern;
}

}  // namespace valence::bench
