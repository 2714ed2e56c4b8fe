// Share of the core's f32 peak that the kernels reach: products hot and cold, attention, norms, and a whole encoder.
//
//   kernels_bench [linear] [attention] [patterns] [rows] [encoder]     all of them without arguments; VALENCE_ISA picks
//   the kernels
//
// Every figure is the median over rounds; the register-only peak is measured between them, for clocks move.
// Time is the thread's CPU time, so that other programs on the core cost only the cache they take.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bench/attention_patterns.h"
#include "bench/kernel_operands.h"
#include "valence/bench/cpu_clock.h"
#include "valence/bench/peaks.h"
#include "valence/bench/percentile.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/dispatch.h"
#include "valence/kernels/linear.h"
#include "valence/kernels/row_ops.h"

namespace valence::bench {
namespace {

using kernels::Activation;
using kernels::KernelTable;
using kernels::PackedLinear;
using kernels::QkvView;
using kernels::RowsView;

constexpr int kRounds = 7;
constexpr double kRoundSeconds = 0.06;

struct Speed {
  double seconds = 0;
  double share_of_peak = 0;
};

/// The median over rounds of as many calls as fill a round, and the share of the median peak between them.
Speed measure(double gflop, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  std::vector<double> peaks;
  for (int round = 0; round < kRounds; ++round) {
    peaks.push_back(measure_f32_fma_peak_gflops());
    const double start = thread_cpu_seconds();
    double elapsed = 0;
    int calls = 0;
    while (elapsed < kRoundSeconds) {
      work();
      ++calls;
      elapsed = thread_cpu_seconds() - start;
    }
    seconds.push_back(elapsed / calls);
  }
  const double typical = median(seconds);
  const double peak = median(peaks);
  return {typical, peak > 0 ? gflop / typical / peak : 0};
}

void bench_linear(const KernelTable& table) {
  constexpr kernels::LinearShape kShapes[] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768},
                                              {384, 1152}, {384, 384}, {384, 1536}, {1536, 384}};
  constexpr std::int64_t kRows[] = {8, 16, 32, 128, 512};
  constexpr std::int64_t kColdBytes = 160 << 20;  // more than the level-2 cache, as a model's layers are
  fmt::print("\nlinear, % of peak          rows: ");
  for (const auto rows : kRows) fmt::print("{:>7}", rows);
  fmt::print("\n");
  for (const auto shape : kShapes) {
    for (const bool cold : {false, true}) {
      std::vector<PackedLinear> weights;
      weights.push_back(random_linear(table, shape));
      while (cold && static_cast<std::int64_t>(weights.size() * weights[0].size_bytes()) < kColdBytes) {
        weights.push_back(random_linear(table, shape));
      }
      fmt::print("{:>5} -> {:<5} {:<5}               ", shape.in_features, shape.out_features, cold ? "cold" : "hot");
      for (const auto rows : kRows) {
        const auto x = random_floats(rows * shape.in_features, 1.0F);
        AlignedBuffer<float> out(static_cast<std::size_t>(rows * shape.out_features));
        std::size_t next = 0;
        const double gflop = 2e-9 * static_cast<double>(rows * shape.in_features * shape.out_features);
        const auto speed = measure(gflop, [&] {
          kernels::linear(view(x, rows, shape.in_features), weights[next], {}, view(out, rows, shape.out_features));
          next = (next + 1) % weights.size();
        });
        fmt::print("{:>7.1f}", 100 * speed.share_of_peak);
        std::fflush(stdout);
      }
      fmt::print("\n");
    }
  }
}

void bench_attention(const KernelTable& table) {
  fmt::print("\nattention, about 512 tokens        seqlen:     16     25     64    128    235    512\n");
  for (const kernels::AttentionShape shape : {kernels::AttentionShape{12, 64}, {12, 32}}) {
    fmt::print("{} heads of {:<3} % of peak                ", shape.num_heads, shape.head_dim);
    for (const std::int64_t seqlen : {16, 25, 64, 128, 235, 512}) {
      const auto cu_seqlens = equal_sequences(512, seqlen);
      const std::int64_t tokens = cu_seqlens.back();
      const std::int64_t hidden_size = shape.num_heads * shape.head_dim;
      const auto qkv = random_floats(tokens * 3 * hidden_size, 1.0F);
      AlignedBuffer<float> out(static_cast<std::size_t>(tokens * hidden_size));
      AlignedBuffer<float> scratch(static_cast<std::size_t>(self_attention_scratch_floats(table, shape, seqlen)));
      const double gflop = 4e-9 * static_cast<double>(hidden_size * tokens * seqlen);
      const auto speed = measure(gflop, [&] {
        self_attention(table, shape, packed_qkv(qkv.data(), shape), cu_seqlens, kernels::AttentionQueries::kAll,
                       scratch.span(), view(out, tokens, hidden_size));
      });
      fmt::print("{:>7.1f}", 100 * speed.share_of_peak);
    }
    fmt::print("\n");
  }
}

/// Each pattern's time beside plain attention's over the same tokens, measured in turns.
void bench_patterns(const KernelTable& table) {
  using Kind = ArchitecturePattern::Kind;
  constexpr std::int64_t kLengths[] = {16, 25, 64, 128, 235, 512, 2048};
  constexpr kernels::AttentionShape kShape{12, 64};
  constexpr std::int64_t kHidden = kShape.num_heads * kShape.head_dim;
  fmt::print("\nattention patterns, {} heads of {}, about 512 tokens or one sequence; time over plain attention's\n",
             kShape.num_heads, kShape.head_dim);
  fmt::print("{:<26}", "seqlen:");
  for (const auto seqlen : kLengths) fmt::print("{:>8}", seqlen);
  for (const Kind kind :
       {Kind::kPlain, Kind::kGroupedQuery, Kind::kCausal, Kind::kWindow, Kind::kBias, Kind::kDisentangled}) {
    fmt::print("\n{:<26}",
               ArchitecturePattern(kind, kShape, 1).label() + (kind == Kind::kPlain ? ", ms" : std::string()));
    for (const std::int64_t seqlen : kLengths) {
      const auto cu_seqlens = equal_sequences(512, seqlen);
      const std::int64_t tokens = cu_seqlens.back();
      const ArchitecturePattern pattern(kind, kShape, seqlen);
      const auto qkv = random_floats(tokens * 3 * kHidden, 1.0F);
      AlignedBuffer<float> out(static_cast<std::size_t>(tokens * kHidden));
      AlignedBuffer<float> scratch(
          static_cast<std::size_t>(std::max(self_attention_scratch_floats(table, kShape, seqlen),
                                            self_attention_scratch_floats(table, kShape, pattern.view(), seqlen))));
      const auto seconds_of = [&](const kernels::AttentionPattern& what) {
        const QkvView rows = packed_qkv(qkv.data(), kShape, what.num_kv_heads);
        const double start = thread_cpu_seconds();
        self_attention(table, kShape, what, rows, cu_seqlens, kernels::AttentionQueries::kAll, scratch.span(),
                       view(out, tokens, kHidden));
        return thread_cpu_seconds() - start;
      };
      std::vector<double> plain;
      std::vector<double> patterned;
      const double end = thread_cpu_seconds() + kRounds * kRoundSeconds;
      while (thread_cpu_seconds() < end) {
        plain.push_back(seconds_of({}));
        patterned.push_back(seconds_of(pattern.view()));
      }
      fmt::print("{:>8.2f}", kind == Kind::kPlain ? 1e3 * median(plain) : median(patterned) / median(plain));
      std::fflush(stdout);
    }
  }
  fmt::print("\n");
}

void bench_rows(const KernelTable& table) {
  fmt::print("\nrow operations, ns for a row\n");
  for (const std::int64_t width : {384, 768, 3072}) {
    constexpr std::int64_t kRows = 64;
    auto rows = random_floats(kRows * width, 3.0F);
    const auto addend = random_floats(kRows * width, 1.0F);
    const auto weight = random_floats(width, 1.0F);
    const auto bias = random_floats(width, 1.0F);
    AlignedBuffer<float> out(static_cast<std::size_t>(kRows * width));
    const auto norm = measure(0, [&] {
      add_layer_norm(table, view(rows, kRows, width), view(addend, kRows, width), width, {weight.data(), bias.data()},
                     view(out, kRows, width));
    });
    fmt::print("{:>5} wide: add_layer_norm {:.0f}", width, norm.seconds * 1e9 / kRows);
    for (const auto& [label, kind] : {std::pair{"gelu", Activation::kGelu},
                                      {"gelu_new", Activation::kGeluTanh},
                                      {"silu", Activation::kSilu},
                                      {"tanh", Activation::kTanh}}) {
      const auto speed =
          measure(0, [&, activation = kind] { kernels::activate(table, activation, rows.span(), out.span()); });
      fmt::print("  {} {:.0f}", label, speed.seconds * 1e9 / kRows);
    }
    fmt::print("\n");
  }
}

struct EncoderShape {
  const char* label;
  std::int64_t num_layers;
  kernels::AttentionShape attention;
  std::int64_t intermediate_size;
};

/// The layers of a BERT-like encoder, one product after the other, as a backend runs them.
class Encoder {
 public:
  Encoder(const KernelTable& table, const EncoderShape& shape, std::int64_t max_tokens, std::int64_t max_seqlen)
      : table_(table),
        shape_(shape),
        hidden_size_(shape.attention.num_heads * shape.attention.head_dim),
        hidden_(random_floats(max_tokens * hidden_size_, 1.0F)),
        wide_(static_cast<std::size_t>(max_tokens * std::max(3 * hidden_size_, shape.intermediate_size))),
        context_(static_cast<std::size_t>(max_tokens * hidden_size_)),
        scratch_(static_cast<std::size_t>(self_attention_scratch_floats(table, shape.attention, max_seqlen))),
        norm_weight_(random_floats(hidden_size_, 0.5F)) {
    for (std::int64_t i = 0; i < shape.num_layers; ++i) {
      layers_.push_back({random_linear(table, {hidden_size_, 3 * hidden_size_}),
                         random_linear(table, {hidden_size_, hidden_size_}),
                         random_linear(table, {hidden_size_, shape.intermediate_size}),
                         random_linear(table, {shape.intermediate_size, hidden_size_})});
    }
  }

  void run(const std::vector<std::int32_t>& cu_seqlens) {
    const std::int64_t tokens = cu_seqlens.back();
    const RowsView<float> hidden = view(hidden_, tokens, hidden_size_);
    const auto context = view(context_, tokens, hidden_size_);
    const kernels::LayerNormWeights norm{norm_weight_.data(), norm_weight_.data()};
    for (const Layer& layer : layers_) {
      kernels::linear(hidden, layer.qkv, {}, view(wide_, tokens, 3 * hidden_size_));
      self_attention(table_, shape_.attention, packed_qkv(wide_.data(), shape_.attention), cu_seqlens,
                     kernels::AttentionQueries::kAll, scratch_.span(), context);
      kernels::linear(context, layer.attention_out, {.residual = hidden}, hidden);
      layer_norm(table_, hidden, hidden_size_, norm, hidden);
      // A block of rows at a time, so that what lies between the two products stays in the cache.
      for (std::int64_t row = 0; row < tokens; row += kFeedForwardRows) {
        const std::int64_t rows = std::min(kFeedForwardRows, tokens - row);
        const auto intermediate = view(wide_, rows, shape_.intermediate_size);
        const RowsView<float> block{hidden.data + row * hidden_size_, rows, hidden_size_};
        kernels::linear(block, layer.up, {.activation = Activation::kGelu}, intermediate);
        kernels::linear(intermediate, layer.down, {.residual = block}, block);
      }
      layer_norm(table_, hidden, hidden_size_, norm, hidden);
    }
  }

  [[nodiscard]] double gflop(const std::vector<std::int32_t>& cu_seqlens) const {
    const double linear_flop =
        static_cast<double>(cu_seqlens.back() * hidden_size_ * (8 * hidden_size_ + 4 * shape_.intermediate_size));
    double attention_flop = 0;
    for (std::size_t i = 0; i + 1 < cu_seqlens.size(); ++i) {
      const double length = cu_seqlens[i + 1] - cu_seqlens[i];
      attention_flop += 4 * static_cast<double>(hidden_size_) * length * length;
    }
    return 1e-9 * static_cast<double>(shape_.num_layers) * (linear_flop + attention_flop);
  }

 private:
  static constexpr std::int64_t kFeedForwardRows = 128;

  struct Layer {
    PackedLinear qkv;
    PackedLinear attention_out;
    PackedLinear up;
    PackedLinear down;
  };

  const KernelTable& table_;
  EncoderShape shape_;
  std::int64_t hidden_size_;
  AlignedBuffer<float> hidden_;
  AlignedBuffer<float> wide_;
  AlignedBuffer<float> context_;
  AlignedBuffer<float> scratch_;
  AlignedBuffer<float> norm_weight_;
  std::vector<Layer> layers_;
};

void bench_encoder(const KernelTable& table) {
  constexpr std::int64_t kMaxTokens = 600;
  struct Batch {
    std::int64_t tokens;
    std::int64_t seqlen;
  };
  constexpr Batch kBatches[] = {{16, 16}, {128, 128}, {512, 25}, {512, 235}, {512, 512}};
  fmt::print("\nencoder, no embedding, no head\n");
  for (const EncoderShape& shape : {EncoderShape{"DistilBERT", 6, {12, 64}, 3072}, {"MiniLM-L6", 6, {12, 32}, 1536}}) {
    Encoder encoder(table, shape, kMaxTokens, kMaxTokens);
    for (const Batch& batch : kBatches) {
      const auto cu_seqlens = equal_sequences(batch.tokens, batch.seqlen);
      const auto speed = measure(encoder.gflop(cu_seqlens), [&] { encoder.run(cu_seqlens); });
      fmt::print("{:<10} {:>3} sequences of {:<3}: {:>8.2f} ms, {:>7.0f} tokens/s, {:>5.1f} % of peak\n", shape.label,
                 cu_seqlens.size() - 1, batch.seqlen, speed.seconds * 1e3, cu_seqlens.back() / speed.seconds,
                 100 * speed.share_of_peak);
    }
  }
}

int run(const std::vector<std::string>& wanted) {
  const auto& selected = kernels::selected_kernels();
  if (!selected) {
    fmt::print(stderr, "{}\n", selected.error().to_string());
    return 2;
  }
  const KernelTable& table = **selected;
  fmt::print("kernels: {}; f32 peak of this core: {:.0f} Gflop/s\n", name(table.isa), measure_f32_fma_peak_gflops());
  const auto want = [&](const char* section) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), section) != wanted.end();
  };
  if (want("linear")) bench_linear(table);
  if (want("attention")) bench_attention(table);
  if (want("patterns")) bench_patterns(table);
  if (want("rows")) bench_rows(table);
  if (want("encoder")) bench_encoder(table);
  return 0;
}

}  // namespace
}  // namespace valence::bench

int main(int argc, char** argv) { return valence::bench::run({argv + 1, argv + argc}); }
