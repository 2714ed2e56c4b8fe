#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bench/random_model.h"
#include "gates/workloads.h"
#include "valence/base/check.h"
#include "valence/engine/batch_builder.h"
#include "valence/kernels/dispatch.h"

namespace valence::gates {
namespace {

constexpr bench::RandomShape kTwoLayers{.num_hidden_layers = 2, .hidden_size = 384, .vocab_size = 512};

// Neither is a multiple of a kernel's tile, so that the code for remainders counts too. Few, because valgrind takes
// 100 times as long.
constexpr std::int32_t kLengths[] = {7, 25};

class EncoderWork {
 public:
  explicit EncoderWork(bench::RandomModel model)
      : model_(std::move(model)),
        workspace_(model_.runner->make_workspace()),
        logits_(std::size(kLengths) * static_cast<std::size_t>(model_.runner->spec().head.num_labels())) {
    for (const std::int32_t length : kLengths) {
      std::vector<std::int32_t> input_ids;
      for (std::int32_t i = 0; i < length; ++i) input_ids.push_back((length + 37 * i) % kTwoLayers.vocab_size);
      builder_.add(input_ids, {});
    }
  }

  Status run() { return model_.runner->run(builder_.batch(), *workspace_, logits_); }

 private:
  bench::RandomModel model_;
  std::unique_ptr<EncoderRunner::Workspace> workspace_;
  BatchBuilder builder_;
  std::vector<float> logits_;
};

Result<Work> prepare_encoder(Precision precision) {
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::kernel_table(kernels::Isa::kAvx2));
  VALENCE_TRY(bench::RandomModel model,
              bench::make_random_model(kTwoLayers, {.precision = precision, .fp32_layers = {}, .kernels = table}));
  VALENCE_ASSERT(model.runner->precision() == precision, "AVX2 has kernels for both");
  return [work = std::make_shared<EncoderWork>(std::move(model))] { return work->run(); };
}

}  // namespace

Result<Work> prepare_fp32_encoder() { return prepare_encoder(Precision::kFp32); }
Result<Work> prepare_int8_encoder() { return prepare_encoder(Precision::kInt8); }

}  // namespace valence::gates
