/// \file
/// A packed model ready to run, whatever backend it runs on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/model/backend.h"
#include "valence/model/model.h"
#include "valence/model/runner_options.h"
#include "valence/model/stage_times.h"

namespace valence {

/// Immutable after construction; run() may be called from several threads, each with a workspace of its own.
class EncoderRunner {
 public:
  /// The mutable state of one caller: hidden states and scratch, grown to the largest batch seen.
  class Workspace {
   public:
    virtual ~Workspace() = default;
    /// Where run() adds up the time of its stages; null (no timing) unless someone measures. Not owned.
    StageTimes* stage_times = nullptr;
  };

  virtual ~EncoderRunner() = default;

  [[nodiscard]] virtual std::unique_ptr<Workspace> make_workspace() const = 0;

  /// Rows of logits that a batch has: one a sequence, or one a token where the head reads every token.
  [[nodiscard]] virtual std::int64_t logit_rows(const PackedBatch& batch) const = 0;

  /// Fills logits [logit_rows, num_labels], row-major. A sequence's logits are the same to the bit whatever shares its
  /// batch. Errors: an id, type or position outside the embedding tables, an empty or over-long sequence.
  virtual Status run(const PackedBatch& batch, Workspace& workspace, std::span<float> logits) const = 0;

  /// run() by all threads of `pool` in step, where that is faster than one of them: for a batch too small to be divided
  /// into several. The same logits to the bit. Not to be called from within the pool.
  virtual Status run_together(const PackedBatch& batch, Workspace& workspace, std::span<float> logits,
                              ThreadPool& pool) const = 0;

  [[nodiscard]] virtual const ModelSpec& spec() const = 0;
  /// What the encoder layers run in (never kAuto): a reduced one if any of them does.
  [[nodiscard]] virtual Precision precision() const = 0;
};

/// Packs `model` for this machine and keeps it: embedding tables are read where they lie.
///
/// Layers stored as I8 run in int8 under kAuto and kInt8. In a checkpoint that has such layers the others were kept in
/// higher precision on purpose, and run in fp32; one that has none is quantised at load by kInt8. kFp16 and kBf16 run
/// all layers so where this CPU has kernels for it that beat f32, and in fp32 elsewhere: precision() tells.
/// Errors: VALENCE_ISA names a path that this CPU cannot run, a layer number out of range.
Result<std::unique_ptr<EncoderRunner>> make_runner(Model model, const RunnerOptions& options = {});

}  // namespace valence
