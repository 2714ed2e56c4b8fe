#include "valence/bench/model_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "valence/bench/flop.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/batch_planner.h"
#include "valence/model/stage_times.h"

namespace valence::bench {
namespace {

using Clock = std::chrono::steady_clock;

// About what `valence classify` has in its hands at a time, and little enough that a short run makes some calls.
constexpr std::size_t kShortTextsPerCall = 128;
constexpr std::size_t kLongTextsPerCall = 16;
constexpr std::size_t kCallsOfTexts = 4;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool stopped(const Budget& budget) { return budget.stop != nullptr && budget.stop->load(); }

Workload workload_of(std::string name, std::vector<std::uint32_t> lengths, std::size_t texts_per_call,
                     TextMaker& maker) {
  Workload workload{std::move(name), {}, std::move(lengths), texts_per_call};
  for (const std::uint32_t length : workload.lengths) workload.texts.push_back(maker.text(length));
  return workload;
}

/// The texts [begin, end) of the next call, round and round.
struct Slice {
  std::size_t begin;
  std::size_t end;
};
Slice slice_of_call(const Workload& workload, std::size_t call) {
  const std::size_t per_call = std::min(workload.texts_per_call, workload.texts.size());
  const std::size_t begin = call * per_call % (workload.texts.size() / per_call * per_call);
  return {begin, begin + per_call};
}

/// One pass of the stages over a slice.
class StagePass {
 public:
  StagePass(const Tokenizer& tokenizer, const EncoderRunner& runner)
      : tokenizer_(tokenizer), runner_(runner), workspace_(runner.make_workspace()) {}

  Status run(const Workload& workload, Slice slice) {
    const auto start = Clock::now();
    std::vector<std::uint32_t> lengths;
    sequences_.resize(std::max(sequences_.size(), slice.end - slice.begin));
    for (std::size_t i = slice.begin; i < slice.end; ++i) {
      Encoding& encoding = sequences_[i - slice.begin];
      VALENCE_TRY_STATUS(tokenizer_.encode_into(workload.texts[i],
                                                {.max_length = workload.lengths[i], .with_offsets = false}, encoding));
      lengths.push_back(static_cast<std::uint32_t>(encoding.ids.size()));
    }
    tokenize_ += seconds_since(start);
    for (const auto& group : plan_batches(lengths, kDefaultBatchTokens)) {
      builder_.clear();
      for (const std::uint32_t index : group) builder_.add(sequences_[index].ids, {});
      logits_.resize(static_cast<std::size_t>(runner_.logit_rows(builder_.batch()) * runner_.spec().head.num_labels()));
      VALENCE_TRY_STATUS(runner_.run(builder_.batch(), *workspace_, logits_));
    }
    total_ += seconds_since(start);
    return {};
  }

  void start_counting() {
    tokenize_ = total_ = 0;
    times_ = {};
    workspace_->stage_times = &times_;
  }

  [[nodiscard]] StageSeconds seconds() const {
    StageSeconds s{.tokenize = tokenize_,
                   .embed = times_.of(Stage::kEmbed),
                   .gemm = times_.of(Stage::kGemm),
                   .attention = times_.of(Stage::kAttention),
                   .total = total_};
    s.rest = std::max(0.0, s.total - s.tokenize - s.embed - s.gemm - s.attention);
    return s;
  }

 private:
  const Tokenizer& tokenizer_;
  const EncoderRunner& runner_;
  std::unique_ptr<EncoderRunner::Workspace> workspace_;
  BatchBuilder builder_;
  std::vector<Encoding> sequences_;
  std::vector<float> logits_;
  StageTimes times_;
  double tokenize_ = 0;
  double total_ = 0;
};

}  // namespace

std::vector<Workload> standard_workloads(TextMaker& maker, std::size_t max_length, std::size_t threads) {
  const auto longest = static_cast<std::uint32_t>(max_length);
  std::vector<Workload> workloads;
  // Several texts, so that no branch predictor or cache learns a single one by heart.
  constexpr std::size_t kSingleTexts = 16;
  for (const std::uint32_t tokens : {16U, 128U}) {
    const std::uint32_t length = std::min(tokens, longest);
    workloads.push_back(workload_of(fmt::format("one text of {} tokens", length),
                                    std::vector<std::uint32_t>(kSingleTexts, length), 1, maker));
  }
  for (const auto& [mix, per_call] : {std::pair{kShortTexts, kShortTextsPerCall}, {kLongTexts, kLongTextsPerCall}}) {
    const std::size_t texts_per_call = per_call * threads;
    workloads.push_back(workload_of(fmt::format("texts {}", mix.name),
                                    seeded_lengths(mix, kCallsOfTexts * texts_per_call, longest), texts_per_call,
                                    maker));
  }
  return workloads;
}

Result<Timing> time_calls(const Classifier& classifier, const EncoderSpec& spec, const Workload& workload,
                          const Budget& budget) {
  const std::vector<std::string_view> texts(workload.texts.begin(), workload.texts.end());
  Timing timing;
  std::vector<std::uint32_t> lengths;
  Clock::time_point start;
  for (std::size_t call = 0;; ++call) {
    const Slice slice = slice_of_call(workload, call);
    const auto call_start = Clock::now();
    const auto predictions = classifier.classify(std::span(texts).subspan(slice.begin, slice.end - slice.begin));
    const double call_seconds = seconds_since(call_start);
    for (const auto& prediction : predictions) {
      if (!prediction) return fail(prediction.error());
    }
    if (call == 0) {
      start = Clock::now();
      continue;
    }
    timing.call_seconds.push_back(call_seconds);
    lengths.insert(lengths.end(), workload.lengths.begin() + static_cast<std::ptrdiff_t>(slice.begin),
                   workload.lengths.begin() + static_cast<std::ptrdiff_t>(slice.end));
    timing.seconds = seconds_since(start);
    if (timing.seconds >= budget.seconds || stopped(budget)) break;
  }
  timing.texts = lengths.size();
  for (const std::uint32_t length : lengths) timing.tokens += length;
  timing.done_gflop = done_flop(spec, lengths) / 1e9;
  timing.nominal_gflop = nominal_flop(spec, lengths) / 1e9;
  return timing;
}

Result<StageSeconds> time_stages(const Tokenizer& tokenizer, const EncoderRunner& runner, const Workload& workload,
                                 const Budget& budget) {
  StagePass pass(tokenizer, runner);
  VALENCE_TRY_STATUS(pass.run(workload, slice_of_call(workload, 0)));
  pass.start_counting();
  const auto start = Clock::now();
  for (std::size_t call = 1;; ++call) {
    VALENCE_TRY_STATUS(pass.run(workload, slice_of_call(workload, call)));
    if (seconds_since(start) >= budget.seconds || stopped(budget)) break;
  }
  return pass.seconds();
}

}  // namespace valence::bench
