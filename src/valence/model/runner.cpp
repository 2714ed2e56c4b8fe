#include "valence/model/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/check.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/cpu_backend.h"
#include "valence/model/encoder.h"
#include "valence/model/position_ids.h"
#include "valence/model/reduced_backend.h"

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
  VALENCE_ASSERT(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == batch.total_tokens(),
                 "a batch builder lays sequences end to end");
  VALENCE_TRY_STATUS(check_range(batch.input_ids, spec.vocab_size, "token id"));
  VALENCE_TRY_STATUS(check_range(batch.position_ids, spec.max_sequence_length(), "position"));
  if (spec.type_vocab_size > 0) {
    VALENCE_TRY_STATUS(check_range(batch.token_type_ids, spec.type_vocab_size, "token type id"));
  }
  for (std::size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
    if (batch.cu_seqlens[i] <= batch.cu_seqlens[i - 1]) {
      return fail(ErrorCode::kInvalidData, "", "a sequence without tokens");
    }
    const std::int32_t length = batch.cu_seqlens[i] - batch.cu_seqlens[i - 1];
    VALENCE_ASSERT(length <= batch.max_seqlen, "scratch is sized by it");
    if (length > spec.max_sequence_length()) {
      return fail(ErrorCode::kInvalidData, "",
                  fmt::format("a sequence of {} tokens: the model takes {}", length, spec.max_sequence_length()));
    }
  }
  return {};
}

// Waking the other threads and some fifty barriers cost 0.1 ms together; below 0.5 ms of work on one core of today's
// (4e11 multiply-adds a second) the one core is left alone.
constexpr double kLeastMultiplyAddsForTeam = 2e8;

template <Backend B>
class CpuRunner final : public EncoderRunner {
 public:
  // The model is on the heap so that the backend's views into it survive moves.
  CpuRunner(std::unique_ptr<const Model> model, B backend, Precision precision)
      : model_(std::move(model)), backend_(std::move(backend)), precision_(precision) {}

  [[nodiscard]] std::unique_ptr<Workspace> make_workspace() const override { return std::make_unique<State>(); }

  Status run(const PackedBatch& given, Workspace& workspace, std::span<float> logits) const override {
    if (given.batch_size() <= 0) return {};
    auto& state = static_cast<State&>(workspace);
    VALENCE_TRY(const PackedBatch batch, checked(given, state));
    state.backend.set_stage_times(state.stage_times);
    forward(backend_, batch, state.backend, logits);
    return {};
  }

  Status run_together(const PackedBatch& given, Workspace& workspace, std::span<float> logits,
                      ThreadPool& pool) const override {
    if constexpr (requires { &B::forward_together; }) {
      const std::size_t members = pool.size();
      if (members > 1 && given.batch_size() > 0 && backend_.works_in_teams() &&
          multiply_adds(given) >= kLeastMultiplyAddsForTeam) {
        auto& state = static_cast<State&>(workspace);
        VALENCE_TRY(const PackedBatch batch, checked(given, state));
        state.backend.set_stage_times(nullptr);  // members would count the same moment several times
        SpinBarrier barrier(members);
        pool.run_together(members, [&](std::size_t index) {
          try {
            backend_.forward_together(batch, state.backend, logits,
                                      {.index = index, .size = members, .barrier = &barrier});
          } catch (const TeamGaveUp&) {  // whoever gave up tells why
          } catch (...) {
            barrier.give_up();
            throw;
          }
        });
        return {};
      }
    }
    return run(given, workspace, logits);
  }

  [[nodiscard]] std::int64_t logit_rows(const PackedBatch& batch) const override {
    return model_->spec.head.pooling == Pooling::kNone ? batch.total_tokens() : batch.batch_size();
  }
  [[nodiscard]] const ModelSpec& spec() const override { return model_->spec; }
  [[nodiscard]] Precision precision() const override { return precision_; }

 private:
  struct State;

  /// The batch with token types and positions as the tables want them, once every id is known to be in range.
  Result<PackedBatch> checked(const PackedBatch& given, State& state) const {
    VALENCE_TRY_STATUS(check_batch(given, model_->spec.encoder));
    PackedBatch batch = given;
    if (model_->spec.encoder.type_vocab_size > 0 && batch.token_type_ids.empty()) {
      state.zero_types.resize(std::max(state.zero_types.size(), batch.input_ids.size()), 0);
      batch.token_type_ids = std::span(state.zero_types).first(batch.input_ids.size());
    }
    if (model_->spec.encoder.first_position > 0) {
      number_positions(given, model_->spec.encoder, state.positions);
      batch.position_ids = state.positions;
    }
    return batch;
  }

  /// Of the linear layers, which are nearly all of them in a small batch.
  [[nodiscard]] double multiply_adds(const PackedBatch& batch) const {
    const EncoderSpec& spec = model_->spec.encoder;
    return static_cast<double>(layer_parameters(spec)) * static_cast<double>(spec.num_hidden_layers) *
           static_cast<double>(batch.total_tokens());
  }

  struct State final : Workspace {
    typename B::Workspace backend;
    std::vector<std::int32_t> zero_types;
    std::vector<std::int32_t> positions;
  };

  std::unique_ptr<const Model> model_;
  B backend_;
  Precision precision_;
};

bool is_i8(const LayerWeights& layer) {
  return std::ranges::all_of(linear_weights(layer),
                             [](const auto* linear) { return linear->weight.values.dtype == DType::kI8; });
}

/// Which layers run in less than fp32.
Result<std::vector<bool>> reduced_layers(const Model& model, const RunnerOptions& options) {
  const auto& layers = model.weights.layers;
  std::vector<bool> chosen(layers.size());
  std::transform(layers.begin(), layers.end(), chosen.begin(), is_i8);
  const bool stored_so = std::find(chosen.begin(), chosen.end(), true) != chosen.end();
  const bool is_16_bit = options.precision == Precision::kFp16 || options.precision == Precision::kBf16;
  if (is_16_bit || (!stored_so && options.precision == Precision::kInt8)) chosen.assign(layers.size(), true);
  for (const std::int64_t layer : options.fp32_layers) {
    if (layer < 0 || layer >= static_cast<std::int64_t>(layers.size())) {
      return fail(ErrorCode::kInvalidArgument, model.checkpoint.source(),
                  fmt::format("there is no encoder layer {}: the model has layers 0 to {}", layer, layers.size() - 1));
    }
    chosen[static_cast<std::size_t>(layer)] = false;
  }
  return chosen;
}

}  // namespace

Result<std::unique_ptr<EncoderRunner>> make_runner(Model model, const RunnerOptions& options) {
  const kernels::KernelTable* table = options.kernels;
  if (table == nullptr) {
    VALENCE_TRY(table, kernels::selected_kernels());
  }
  if (model.spec.encoder.head_size() > kernels::kMaxHeadDim) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                fmt::format("attention heads of {} dimensions: at most {} are supported",
                            model.spec.encoder.head_size(), kernels::kMaxHeadDim));
  }
  VALENCE_TRY(const std::vector<bool> reduced, reduced_layers(model, options));
  auto kept = std::make_unique<const Model>(std::move(model));
  const Precision wanted = options.precision == Precision::kAuto ? Precision::kInt8 : options.precision;
  const kernels::EncoderKernels* fast = kernels::encoder_kernels(*table, wanted);
  if (fast != nullptr && std::find(reduced.begin(), reduced.end(), true) != reduced.end()) {
    // A checkpoint with int8 layers has its tables as it wants them.
    const bool quantising = fast->quantized && std::ranges::none_of(kept->weights.layers, is_i8);
    VALENCE_TRY(
        ReducedBackend backend,
        ReducedBackend::pack(*kept, *table, *fast,
                             {.layers = reduced, .tables = quantising ? TableFormat::kI8 : TableFormat::kStored}));
    return std::unique_ptr<EncoderRunner>(
        std::make_unique<CpuRunner<ReducedBackend>>(std::move(kept), std::move(backend), wanted));
  }
  VALENCE_TRY(CpuBackend backend, CpuBackend::pack(*kept, *table, {.layers = std::vector<bool>(reduced.size(), true)}));
  return std::unique_ptr<EncoderRunner>(
      std::make_unique<CpuRunner<CpuBackend>>(std::move(kept), std::move(backend), Precision::kFp32));
}

}  // namespace valence
