#include "valence/model/encoder_attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "valence/base/check.h"
#include "valence/kernels/linear.h"
#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

using kernels::AttentionQueries;
using kernels::PackedLinear;
using kernels::RowsView;

/// T5's buckets, both directions: half of them for keys behind the query. Sources: MPNetEncoder.compute_position_bias,
/// whose buckets are always 32 whatever the table holds, and relative_position_bucket, in f32 as there.
std::int64_t bias_bucket(std::int64_t distance, std::int64_t max_distance) {
  constexpr std::int64_t kBuckets = 32;
  constexpr std::int64_t kHalf = kBuckets / 2;
  constexpr std::int64_t kExact = kHalf / 2;
  const std::int64_t side = distance < 0 ? kHalf : 0;  // the key comes after the query
  const std::int64_t n = std::abs(distance);
  if (n < kExact) return side + n;
  const float log_ratio = std::log(static_cast<float>(n) / static_cast<float>(kExact)) /
                          static_cast<float>(std::log(static_cast<double>(max_distance) / kExact));
  const auto beyond = static_cast<std::int64_t>(log_ratio * static_cast<float>(kHalf - kExact));
  return side + std::min(kExact + beyond, kHalf - 1);
}

/// make_log_bucket_position of modeling_deberta_v2.py, in f32 as there.
std::int64_t log_bucket(std::int64_t distance, std::int64_t buckets, std::int64_t max_distance) {
  const std::int64_t mid = buckets / 2;
  const std::int64_t n = std::abs(distance);
  if (n <= mid) return distance;
  const auto ratio = static_cast<float>(static_cast<double>(max_distance - 1) / static_cast<double>(mid));
  const float position = std::ceil(std::log(static_cast<float>(n) / static_cast<float>(mid)) / std::log(ratio) *
                                   static_cast<float>(mid - 1));
  const std::int64_t bucket = static_cast<std::int64_t>(position) + mid;
  return distance < 0 ? -bucket : bucket;
}

std::int64_t longest_of(std::span<const std::int32_t> cu_seqlens) {
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < cu_seqlens.size(); ++i) {
    longest = std::max<std::int64_t>(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
  }
  return longest;
}

/// The positions of the rows of q in a call.
void set_positions(std::span<const std::int32_t> cu_seqlens, AttentionQueries queries,
                   std::vector<std::int32_t>& positions) {
  positions.clear();
  for (std::size_t i = 1; i < cu_seqlens.size(); ++i) {
    const std::int32_t tokens = cu_seqlens[i] - cu_seqlens[i - 1];
    switch (queries) {
      case AttentionQueries::kAll:
        for (std::int32_t at = 0; at < tokens; ++at) positions.push_back(at);
        break;
      case AttentionQueries::kFirstOfEach:
        positions.push_back(0);
        break;
      case AttentionQueries::kLastOfEach:
        positions.push_back(tokens - 1);
        break;
    }
  }
}

}  // namespace

std::int64_t relative_row(const RelativePositions& relative, std::int64_t distance) {
  if (relative.kind == RelativePositions::Kind::kBias) return bias_bucket(distance, relative.max_distance);
  const std::int64_t span = relative.table_rows() / 2;
  const std::int64_t bucket =
      relative.buckets > 0 ? log_bucket(distance, relative.buckets, relative.max_distance) : distance;
  return std::clamp<std::int64_t>(bucket + span, 0, 2 * span - 1);
}

float inverse_frequency(const RotarySpec& rotary, std::int64_t head_size, std::int64_t i) {
  const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_size);
  const auto power = static_cast<float>(std::pow(rotary.theta, static_cast<double>(exponent)));
  const float frequency = 1.0F / power;
  if (rotary.frequency_factors) return frequency / (*rotary.frequency_factors)[static_cast<std::size_t>(i)];
  const auto factor = static_cast<float>(rotary.factor);
  switch (rotary.scaling) {
    case RotarySpec::Scaling::kNone:
      return frequency;
    case RotarySpec::Scaling::kLinear:
      return frequency / factor;
    case RotarySpec::Scaling::kLlama3:
      break;
  }
  // modeling_rope_utils.py, _compute_llama3_parameters: long waves are stretched, short ones kept.
  const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
  const double context = rotary.original_max_position_embeddings;
  if (wavelength < context / rotary.high_freq_factor) return frequency;
  if (wavelength > context / rotary.low_freq_factor) return frequency / factor;
  const double smooth =
      (context / wavelength - rotary.low_freq_factor) / (rotary.high_freq_factor - rotary.low_freq_factor);
  return static_cast<float>((1 - smooth) * static_cast<double>(frequency) / rotary.factor +
                            smooth * static_cast<double>(frequency));
}

EncoderAttention EncoderAttention::make(const Model& model, const kernels::KernelTable& kernels) {
  EncoderAttention attention(model.spec.encoder, kernels);
  const EncoderSpec& spec = attention.spec_;
  attention.longest_ = spec.max_sequence_length();
  attention.layers_.resize(static_cast<std::size_t>(spec.num_hidden_layers));
  for (std::size_t i = 0; i < attention.layers_.size(); ++i) {
    Layer& layer = attention.layers_[i];
    const LayerWeights& weights = model.weights.layers[i];
    if (weights.query_norm) layer.query_norm = F32Norm::pack(*weights.query_norm, spec);
    if (weights.key_norm) layer.key_norm = F32Norm::pack(*weights.key_norm, spec);
    if (spec.layer_attention.empty()) continue;
    const LayerAttention& own = spec.layer_attention[i];
    layer.window = own.window;
    if (!own.rotary) continue;
    const auto known = std::find(attention.rotary_.begin(), attention.rotary_.end(), *own.rotary);
    layer.rotary = static_cast<std::size_t>(known - attention.rotary_.begin());
    if (known == attention.rotary_.end()) attention.rotary_.push_back(*own.rotary);
  }
  switch (spec.relative.kind) {
    case RelativePositions::Kind::kNone:
      break;
    case RelativePositions::Kind::kBias:
      attention.make_bias(*model.weights.embeddings.relative);
      break;
    case RelativePositions::Kind::kDisentangled:
      attention.make_distance_rows();
      attention.project_relative(model);
      break;
  }
  return attention;
}

void EncoderAttention::make_bias(const MatrixView& table) {
  const std::int64_t heads = spec_.num_attention_heads;
  const std::int64_t distances = 2 * longest_ - 1;
  bias_.resize(static_cast<std::size_t>(heads * distances));
  std::vector<float> by_bucket(static_cast<std::size_t>(table.rows() * heads));
  for (std::int64_t bucket = 0; bucket < table.rows(); ++bucket) {
    copy_row_as_f32(
        table, bucket,
        std::span(by_bucket).subspan(static_cast<std::size_t>(bucket * heads), static_cast<std::size_t>(heads)));
  }
  for (std::int64_t i = 0; i < distances; ++i) {
    const std::int64_t bucket = relative_row(spec_.relative, i - (longest_ - 1));
    for (std::int64_t head = 0; head < heads; ++head) {
      bias_[static_cast<std::size_t>(head * distances + i)] =
          by_bucket[static_cast<std::size_t>(bucket * heads + head)];
    }
  }
}

void EncoderAttention::make_distance_rows() {
  const std::int64_t distances = 2 * longest_ - 1;
  distance_rows_.resize(static_cast<std::size_t>(distances));
  for (std::int64_t i = 0; i < distances; ++i) {
    distance_rows_[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(relative_row(spec_.relative, i - (longest_ - 1)));
  }
  const auto jump = std::adjacent_find(distance_rows_.begin(), distance_rows_.end(),
                                       [](std::int32_t row, std::int32_t next) { return next < row || next > row + 1; });
  rows_rise_by_one_ = jump == distance_rows_.end();
}

/// Keys and queries of the relative embeddings are the same for every text: each layer's are computed here once.
void EncoderAttention::project_relative(const Model& model) {
  const RelativePositions& relative = spec_.relative;
  const MatrixView& table = *model.weights.embeddings.relative;
  // Of the table, only the rows that some distance within the longest text has.
  const std::int32_t first = distance_rows_.front();
  const std::int64_t rows = distance_rows_.back() - first + 1;
  for (std::int32_t& row : distance_rows_) row -= first;
  const std::int64_t hidden = spec_.hidden_size;
  AlignedBuffer<float> embedded(static_cast<std::size_t>(rows * hidden));
  for (std::int64_t row = 0; row < rows; ++row) {
    copy_row_as_f32(table, first + row,
                    embedded.span().subspan(static_cast<std::size_t>(row * hidden), static_cast<std::size_t>(hidden)));
  }
  const RowsView<float> states{embedded.data(), rows, hidden};
  if (model.weights.embeddings.relative_norm) {
    const F32Norm norm = F32Norm::pack(*model.weights.embeddings.relative_norm, spec_);
    kernels::layer_norm(*kernels_, states, hidden, norm.view(), states);
  }
  const auto projected = [&](const LinearWeights& linear) {
    const StackedLinear stacked({&linear});
    const PackedLinear packed = PackedLinear::pack(*kernels_, stacked.shape(), stacked.rows(), stacked.bias());
    AlignedBuffer<float> out(static_cast<std::size_t>(rows * packed.out_features()));
    kernels::linear(states, packed, {}, {out.data(), rows, packed.out_features()});
    return out;
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const LayerWeights& weights = model.weights.layers[i];
    if (relative.content_to_position) {
      layers_[i].position_keys = projected(relative.shares_projections ? weights.key : *weights.position_key);
    }
    if (relative.position_to_content) {
      layers_[i].position_queries = projected(relative.shares_projections ? weights.query : *weights.position_query);
    }
  }
}

kernels::AttentionPattern EncoderAttention::pattern(const Layer& layer) const {
  kernels::AttentionPattern pattern;
  pattern.num_kv_heads = spec_.key_value_heads();
  pattern.causal = spec_.causal;
  pattern.window = layer.window;
  if (!bias_.empty()) {
    pattern.relative_bias = bias_.data() + longest_ - 1;
    pattern.relative_bias_stride = 2 * longest_ - 1;
  }
  if (!distance_rows_.empty()) {
    pattern.distance_rows = distance_rows_.data() + longest_ - 1;
    pattern.position_stride = spec_.query_size();
    if (layer.position_keys.size() > 0) pattern.position_keys = layer.position_keys.data();
    if (layer.position_queries.size() > 0) pattern.position_queries = layer.position_queries.data();
  }
  return pattern;
}

void EncoderAttention::normalise_heads(const Call& call, const Layer& layer) const {
  const std::int64_t size = spec_.head_size();
  const auto normalise = [&](float* rows, std::int64_t stride, std::int64_t heads, std::int64_t count,
                             const F32Norm& norm) {
    for (std::int64_t row = 0; row < count; ++row) {
      const RowsView<float> own{rows + row * stride, heads, size};
      kernels::layer_norm(*kernels_, own, size, norm.view(), own);
    }
  };
  if (layer.query_norm) normalise(call.q, call.q_stride, spec_.num_attention_heads, call.out.rows, *layer.query_norm);
  if (layer.key_norm) {
    normalise(call.k, call.kv_stride, spec_.key_value_heads(), call.cu_seqlens.back(), *layer.key_norm);
  }
}

/// Long enough for those sequences.
const EncoderAttention::RotaryTable& EncoderAttention::rotary_table(std::size_t rotary,
                                                                    std::span<const std::int32_t> cu_seqlens,
                                                                    Workspace& workspace) const {
  const std::int64_t size = spec_.head_size();
  const std::int64_t pairs = size / 2;
  const std::int64_t longest = longest_of(cu_seqlens);
  workspace.rotary.resize(rotary_.size());
  RotaryTable& table = workspace.rotary[rotary];
  if (table.length >= longest) return table;
  table.cos.ensure(static_cast<std::size_t>(longest * pairs));
  table.sin.ensure(static_cast<std::size_t>(longest * pairs));
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float frequency = inverse_frequency(rotary_[rotary], size, i);
    for (std::int64_t position = 0; position < longest; ++position) {
      const auto angle = static_cast<double>(static_cast<float>(position) * frequency);
      table.cos.data()[position * pairs + i] = static_cast<float>(std::cos(angle));
      table.sin.data()[position * pairs + i] = static_cast<float>(std::sin(angle));
    }
  }
  table.length = longest;
  return table;
}

void EncoderAttention::rotate(const Call& call, std::size_t rotary, Workspace& workspace) const {
  const std::int64_t size = spec_.head_size();
  const RotaryTable& table = rotary_table(rotary, call.cu_seqlens, workspace);
  auto& positions = workspace.positions;
  const auto turn = [&](float* rows, std::int64_t stride, std::int64_t heads) {
    kernels::rotate(*kernels_, {.x = {rows, std::ssize(positions), stride},
                                .num_heads = heads,
                                .head_dim = size,
                                .rotary_dim = size,
                                .cos = table.cos.data(),
                                .sin = table.sin.data(),
                                .positions = positions.data()});
  };
  set_positions(call.cu_seqlens, AttentionQueries::kAll, positions);
  turn(call.k, call.kv_stride, spec_.key_value_heads());
  if (call.queries != AttentionQueries::kAll) set_positions(call.cu_seqlens, call.queries, positions);
  turn(call.q, call.q_stride, spec_.num_attention_heads);
}

bool EncoderAttention::runs_staged(const kernels::EncoderKernels& kernels) const {
  if (spec_.has_plain_attention()) return true;
  return kernels.attends_with_patterns && rows_rise_by_one_;
}

void EncoderAttention::prepare_staged(const kernels::EncoderKernels& kernels, const StagedCall& call,
                                      Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(call.layer)];
  const RotaryTable* const table = layer.rotary ? &rotary_table(*layer.rotary, call.cu_seqlens, workspace) : nullptr;
  auto& positions = workspace.positions;
  const auto turn = [&](const kernels::Staging& rows, std::int64_t heads, const std::optional<F32Norm>& norm) {
    if (table == nullptr && !norm) return;
    const kernels::LayerNormWeights weights = norm ? norm->view() : kernels::LayerNormWeights();
    kernels.turn_heads({.x = rows,
                        .rows = std::ssize(positions),
                        .num_heads = heads,
                        .head_dim = spec_.head_size(),
                        .norm = norm ? &weights : nullptr,
                        .cos = table == nullptr ? nullptr : table->cos.data(),
                        .sin = table == nullptr ? nullptr : table->sin.data(),
                        .positions = positions.data()});
  };
  set_positions(call.cu_seqlens, AttentionQueries::kAll, positions);
  turn(call.k, spec_.key_value_heads(), layer.key_norm);
  if (call.queries != AttentionQueries::kAll) set_positions(call.cu_seqlens, call.queries, positions);
  turn(call.q, spec_.num_attention_heads, layer.query_norm);
}

float EncoderAttention::scale() const {
  const RelativePositions& relative = spec_.relative;
  const bool disentangled = relative.kind == RelativePositions::Kind::kDisentangled;
  const int terms = 1 + (disentangled && relative.content_to_position ? 1 : 0) +
                    (disentangled && relative.position_to_content ? 1 : 0);
  return 1.0F / std::sqrt(static_cast<float>(spec_.head_size() * terms));
}

void EncoderAttention::run(const Call& call, Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(call.layer)];
  normalise_heads(call, layer);
  if (layer.rotary) rotate(call, *layer.rotary, workspace);
  const kernels::AttentionPattern own = pattern(layer);
  const kernels::AttentionShape shape{
      .num_heads = spec_.num_attention_heads, .head_dim = spec_.head_size(), .scale = scale()};
  workspace.scratch.ensure(static_cast<std::size_t>(
      kernels::self_attention_scratch_floats(*kernels_, shape, own, longest_of(call.cu_seqlens))));
  kernels::self_attention(
      *kernels_, shape, own,
      {.q = call.q, .k = call.k, .v = call.v, .q_stride = call.q_stride, .kv_stride = call.kv_stride}, call.cu_seqlens,
      call.queries, workspace.scratch.span(), call.out);
}

}  // namespace valence
