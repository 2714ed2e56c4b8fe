#include "valence/model/runner.h"

#include <fmt/format.h>

#include "valence/base/check.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/cpu_backend.h"
#include "valence/model/encoder.h"

namespace valence {
namespace {

Status check_range(std::span<const std::int32_t> values, std::int64_t limit, std::string_view what) {
  for (const std::int32_t value : values) {
    if (value < 0 || value >= limit) {
      return fail(ErrorCode::kInvalidData, "", fmt::format("{} {} is outside [0, {})", what, value, limit));
    }
  }
  return {};
}

/// The kernels index the tables with these numbers unchecked, so this is where they are checked.
Status check_batch(const PackedBatch& batch, const EncoderSpec& spec) {
  VALENCE_ASSERT(batch.position_ids.size() == batch.input_ids.size(), "a batch builder makes both");
  VALENCE_ASSERT(batch.token_type_ids.empty() || batch.token_type_ids.size() == batch.input_ids.size(),
                 "token types for all or none");
  VALENCE_TRY_STATUS(check_range(batch.input_ids, spec.vocab_size, "token id"));
  VALENCE_TRY_STATUS(check_range(batch.position_ids, spec.max_position_embeddings, "position"));
  if (spec.type_vocab_size > 0) {
    VALENCE_TRY_STATUS(check_range(batch.token_type_ids, spec.type_vocab_size, "token type id"));
  }
  for (std::size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
    if (batch.cu_seqlens[i] <= batch.cu_seqlens[i - 1]) {
      return fail(ErrorCode::kInvalidData, "", "a sequence without tokens");
    }
  }
  return {};
}

class CpuRunner final : public EncoderRunner {
 public:
  // The model is on the heap so that the backend's views into it survive moves.
  CpuRunner(std::unique_ptr<const Model> model, CpuBackend backend)
      : model_(std::move(model)), backend_(std::move(backend)) {}

  [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override { return std::make_unique<State>(); }

  Status run(const PackedBatch& given, Workspace& workspace, std::span<float> logits) const override {
    if (given.batch_size() <= 0) return {};
    VALENCE_TRY_STATUS(check_batch(given, model_->spec.encoder));
    auto& state = static_cast<State&>(workspace);
    PackedBatch batch = given;
    if (model_->spec.encoder.type_vocab_size > 0 && batch.token_type_ids.empty()) {
      state.zero_types.resize(std::max(state.zero_types.size(), batch.input_ids.size()), 0);
      batch.token_type_ids = std::span(state.zero_types).first(batch.input_ids.size());
    }
    forward(backend_, batch, state.backend, logits);
    return {};
  }

  [[nodiscard]] const ModelSpec& spec() const override { return model_->spec; }

 private:
  struct State final : Workspace {
    CpuBackend::Workspace backend;
    std::vector<std::int32_t> zero_types;
  };

  std::unique_ptr<const Model> model_;
  CpuBackend backend_;
};

}  // namespace

Result<std::unique_ptr<EncoderRunner>> make_runner(Model model) {
  VALENCE_TRY(const kernels::KernelTable* const table, kernels::selected_kernels());
  if (model.spec.encoder.head_size() > kernels::kMaxHeadDim) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                fmt::format("attention heads of {} dimensions: at most {} are supported",
                            model.spec.encoder.head_size(), kernels::kMaxHeadDim));
  }
  auto kept = std::make_unique<const Model>(std::move(model));
  VALENCE_TRY(CpuBackend backend, CpuBackend::pack(*kept, *table));
  return std::unique_ptr<EncoderRunner>(std::make_unique<CpuRunner>(std::move(kept), std::move(backend)));
}

}  // namespace valence
