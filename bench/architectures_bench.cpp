// Tokens per second of each architecture beside a BERT that costs as much, in one run, on one core.
//
//   architectures_bench [fp32|bf16|int8] [NAME...]      of tests/parity/data/model, e.g. deberta_v3_base
//
// All full-size ones, in f32 and int8, by default.
// Random weights by the recipe of the goldens. The BERT has the same layers, heads and hidden size, and a feed-forward
// of such a width that the linear layers of both ask for the same flop. Rounds of the two are interleaved; thread CPU
// time; medians.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/bench/cpu_clock.h"
#include "valence/engine/batch_builder.h"
#include "valence/model/runner.h"

namespace valence::bench {
namespace {

constexpr int kRounds = 5;
constexpr std::size_t kTokens = 2048;  // of a pass
constexpr std::array<std::size_t, 3> kLengths = {32, 128, 512};

Result<std::unique_ptr<EncoderRunner>> runner_of(const testing::RandomCheckpoint& checkpoint, Precision precision) {
  const testing::TemporaryDirectory folder;
  testing::write_checkpoint(checkpoint, folder.path());
  VALENCE_TRY(Model model, load_model(folder.path()));
  return make_runner(std::move(model), {.precision = precision});
}

Result<testing::RandomCheckpoint> architecture(const std::string& name) {
  VALENCE_TRY(testing::ModelGolden golden,
              testing::load_model_golden(std::string(VALENCE_TESTS_DIR) + "/parity/data/model/" + name + ".json"));
  return std::move(golden.checkpoint);
}

/// A BERT that asks for the same flop a token.
testing::RandomCheckpoint bert_like(const EncoderSpec& spec) {
  const std::int64_t hidden = spec.hidden_size;
  testing::EncoderShape shape;
  shape.vocab_size = 500;
  shape.hidden_size = hidden;
  shape.num_hidden_layers = spec.num_hidden_layers;
  shape.num_attention_heads = spec.num_attention_heads;
  shape.intermediate_size = (layer_parameters(spec) - 4 * hidden * hidden) / (2 * hidden);
  shape.max_position_embeddings = 512;
  return testing::random_bert(shape);
}

/// Of one pass over texts of `length` tokens.
double tokens_per_second(const EncoderRunner& runner, EncoderRunner::Workspace& workspace, std::size_t length) {
  std::mt19937 random(7);
  const auto vocab = static_cast<std::uint32_t>(runner.spec().encoder.vocab_size);
  constexpr std::size_t kBatchTokens = 512;
  std::vector<std::int32_t> ids(length);
  std::vector<float> logits;
  BatchBuilder builder;
  std::size_t computed = 0;
  const double start = thread_cpu_seconds();
  for (std::size_t done = 0; done < kTokens; done += std::max(kBatchTokens, length)) {
    builder.clear();
    for (std::size_t tokens = 0; tokens < std::max(kBatchTokens, length); tokens += length) {
      for (auto& id : ids) id = static_cast<std::int32_t>(random() % vocab);
      builder.add(ids, {});
      computed += length;
    }
    const PackedBatch batch = builder.batch();
    logits.resize(static_cast<std::size_t>(runner.logit_rows(batch) * runner.spec().head.num_labels()));
    const Status ran = runner.run(batch, workspace, logits);
    if (!ran) fmt::print(stderr, "{}\n", ran.error().to_string());
  }
  return static_cast<double>(computed) / (thread_cpu_seconds() - start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.to_string());
  return 3;
}

int compare(const std::string& name, Precision precision) {
  const auto checkpoint = architecture(name);
  if (!checkpoint) return report(checkpoint.error());
  const auto other = runner_of(*checkpoint, precision);
  if (!other) return report(other.error());
  const auto bert = runner_of(bert_like((*other)->spec().encoder), precision);
  if (!bert) return report(bert.error());
  const auto bert_workspace = (*bert)->make_workspace();
  const auto workspace = (*other)->make_workspace();
  for (const std::size_t length : kLengths) {
    std::vector<double> ours, theirs, ratios;
    tokens_per_second(**other, *workspace, length);  // buffers grow
    tokens_per_second(**bert, *bert_workspace, length);
    for (int round = 0; round < kRounds; ++round) {
      theirs.push_back(tokens_per_second(**bert, *bert_workspace, length));
      ours.push_back(tokens_per_second(**other, *workspace, length));
      ratios.push_back(ours.back() / theirs.back());
    }
    fmt::print("{:<18} {:>5} {:>8} {:>12.0f} {:>12.0f} {:>8.2f}\n", name, valence::name(precision), length,
               median(ours), median(theirs), median(ratios));
    std::fflush(stdout);
  }
  return 0;
}

int run(std::vector<std::string> names) {
  std::vector<Precision> precisions{Precision::kFp32, Precision::kInt8};
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    if (names.empty() || names.front() != valence::name(precision)) continue;
    precisions = {precision};
    names.erase(names.begin());
    break;
  }
  if (names.empty()) {
    names = {"roberta_base",    "electra_small",   "albert_base", "mpnet_base",
             "modernbert_base", "deberta_v3_base", "gpt2_base",   "qwen3_base"};
  }
  fmt::print("{:<18} {:>5} {:>8} {:>12} {:>12} {:>8}\n", "architecture", "in", "tokens", "tokens/s", "BERT's", "ratio");
  for (const std::string& name : names) {
    for (const Precision precision : precisions) {
      if (const int failed = compare(name, precision)) return failed;
    }
  }
  return 0;
}

}  // namespace
}  // namespace valence::bench

int main(int argc, char** argv) { return valence::bench::run({argv + 1, argv + argc}); }
