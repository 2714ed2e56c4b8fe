// Tokens per second of the encoder on one core: token ids in, logits out, and the share of the core's f32 peak.
//
//   encoder_bench                      a DistilBERT-base shape over lengths like those of SST-2 and IMDB
//   encoder_bench --serve MODEL_DIR [PRECISION [THREADS]]      for bench/peers: see serve.h
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench/random_model.h"
#include "bench/serve.h"
#include "valence/bench/cpu_clock.h"
#include "valence/bench/flop.h"
#include "valence/bench/peaks.h"
#include "valence/bench/workload.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/model/runner.h"

namespace valence::bench {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

struct Pass {
  double seconds = 0;
  double cpu_seconds = 0;  // of this thread: less than `seconds` when others use the core
  double peak_gflops = 0;  // of this core, measured just before and after; the mean
  std::int64_t tokens = 0;
  double gflop = 0;
  std::vector<float> logits;  // [sequences, num_labels], in the order given

  [[nodiscard]] double tokens_per_second() const { return static_cast<double>(tokens) / seconds; }
  [[nodiscard]] double share_of_peak() const { return peak_gflops > 0 ? gflop / seconds / peak_gflops : 0; }
};

class Bench {
 public:
  explicit Bench(const EncoderRunner& runner) : runner_(runner), workspace_(runner.make_workspace()) {}

  Result<Pass> run(const Sequences& sequences, std::size_t batch_tokens) {
    const auto num_labels = static_cast<std::size_t>(runner_.spec().head.num_labels());
    Pass pass;
    pass.logits.resize(sequences.size() * num_labels);
    std::vector<std::uint32_t> lengths;
    for (const auto& sequence : sequences) {
      lengths.push_back(static_cast<std::uint32_t>(sequence.size()));
      pass.tokens += static_cast<std::int64_t>(sequence.size());
    }
    pass.gflop = done_flop(runner_.spec().encoder, lengths) / 1e9;

    const double peak_before = measure_f32_fma_peak_gflops();
    const auto start = std::chrono::steady_clock::now();
    const double cpu_start = thread_cpu_seconds();
    for (const auto& group : plan_batches(lengths, batch_tokens)) {
      builder_.clear();
      for (const std::uint32_t index : group) builder_.add(sequences[index], {});
      logits_.resize(group.size() * num_labels);
      VALENCE_TRY_STATUS(runner_.run(builder_.batch(), *workspace_, logits_));
      for (std::size_t row = 0; row < group.size(); ++row) {
        std::copy_n(logits_.begin() + static_cast<std::ptrdiff_t>(row * num_labels), num_labels,
                    pass.logits.begin() + static_cast<std::ptrdiff_t>(group[row] * num_labels));
      }
    }
    pass.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    pass.cpu_seconds = thread_cpu_seconds() - cpu_start;
    pass.peak_gflops = (peak_before + measure_f32_fma_peak_gflops()) / 2;
    return pass;
  }

 private:
  const EncoderRunner& runner_;
  std::unique_ptr<EncoderRunner::Workspace> workspace_;
  BatchBuilder builder_;
  std::vector<float> logits_;
};

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.to_string());
  return 3;
}

/// Seeded ids.
Sequences random_sequences(const LengthMix& mix, std::size_t count) {
  std::mt19937 random(7);
  std::uniform_int_distribution<std::int32_t> id(1000, 30000);
  Sequences sequences;
  for (const std::uint32_t length : seeded_lengths(mix, count, mix.longest)) {
    for (auto& value : sequences.emplace_back(length)) value = id(random);
  }
  return sequences;
}

int run_table() {
  const auto model = make_random_model(kDistilbertBase, {.precision = Precision::kFp32});
  if (!model) return report(model.error());
  Bench bench(*model->runner);
  struct Workload {
    const char* name;
    Sequences sequences;
  };
  const Workload workloads[] = {
      {"like SST-2", random_sequences(kShortTexts, 256)},
      {"like IMDB", random_sequences(kLongTexts, 32)},
  };
  constexpr int kRounds = 5;
  fmt::print("DistilBERT-base shape, f32, one core; median of {} rounds\n", kRounds);
  fmt::print("{:<12} {:>12} {:>12} {:>10} {:>14}\n", "texts", "batch tokens", "tokens/s", "Gflop/s", "of f32 peak");
  for (const Workload& workload : workloads) {
    for (const std::size_t batch_tokens : {256UL, 512UL, 1024UL}) {
      std::vector<Pass> passes;
      for (int round = 0; round < kRounds; ++round) {
        auto pass = bench.run(workload.sequences, batch_tokens);
        if (!pass) return report(pass.error());
        passes.push_back(std::move(*pass));
      }
      std::ranges::nth_element(passes, passes.begin() + kRounds / 2, {}, &Pass::seconds);
      const Pass& median = passes[kRounds / 2];
      fmt::print("{:<12} {:>12} {:>12.0f} {:>10.1f} {:>12.1f} %\n", workload.name, batch_tokens,
                 median.tokens_per_second(), median.gflop / median.seconds, 100 * median.share_of_peak());
    }
  }
  return 0;
}

}  // namespace
}  // namespace valence::bench

int main(int argc, char** argv) {
  using valence::Precision;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return valence::bench::run_table();
  if (arguments[0] == "--serve" && arguments.size() >= 2 && arguments.size() <= 4) {
    valence::bench::ServeOptions options{.model_dir = arguments[1]};
    const std::string wanted = arguments.size() > 2 ? arguments[2] : "auto";
    if (arguments.size() > 3) options.threads = std::max(1UL, std::strtoul(arguments[3].c_str(), nullptr, 10));
    for (const auto precision :
         {Precision::kAuto, Precision::kFp32, Precision::kFp16, Precision::kBf16, Precision::kInt8}) {
      if (wanted != name(precision)) continue;
      options.precision = precision;
      return valence::bench::serve(options);
    }
  }
  fmt::print(stderr, "usage: encoder_bench [--serve MODEL_DIR [auto|fp32|fp16|bf16|int8 [THREADS]]]\n");
  return 2;
}
