/// \file
/// How fast a model labels texts here, and where the time goes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/bench/workload.h"
#include "valence/classifier.h"
#include "valence/model/runner.h"
#include "valence/tokenizer.h"

namespace valence::bench {

/// Texts and how they are handed over: one at a time, as a user who waits does, or `texts_per_call` at once.
struct Workload {
  std::string name;
  std::vector<std::string> texts;
  std::vector<std::uint32_t> lengths;  ///< in tokens, of each text
  std::size_t texts_per_call = 1;
};

/// One text of 16 and of 128 tokens, short texts, long texts; none longer than `max_length` tokens.
[[nodiscard]] std::vector<Workload> standard_workloads(TextMaker& maker, std::size_t max_length, std::size_t threads);

/// When to end.
struct Budget {
  double seconds = 2;
  const std::atomic<bool>* stop = nullptr;  ///< raised: end after the present call
};

/// Calls of the classifier on one workload, the first one (which grows buffers) not counted.
struct Timing {
  std::size_t texts = 0;
  std::size_t tokens = 0;
  double seconds = 0;
  double done_gflop = 0;             ///< as computed, see done_flop
  double nominal_gflop = 0;          ///< as the network asks, see nominal_flop
  std::vector<double> call_seconds;  ///< in the order of the calls, at least one
};

/// Text in, label and scores out, for the time that `budget` gives. Errors: a text that the classifier refuses.
Result<Timing> time_calls(const Classifier& classifier, const EncoderSpec& spec, const Workload& workload,
                          const Budget& budget);

/// Seconds on one thread by stage: they sum to `total`.
struct StageSeconds {
  double tokenize = 0;
  double embed = 0;
  double gemm = 0;
  double attention = 0;
  double rest = 0;  ///< norms, conversions between layouts, the head
  double total = 0;
};

/// The same work, text in and logits out, stage by stage on the calling thread.
Result<StageSeconds> time_stages(const Tokenizer& tokenizer, const EncoderRunner& runner, const Workload& workload,
                                 const Budget& budget);

}  // namespace valence::bench
