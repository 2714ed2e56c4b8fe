#include "valence/cli/convert_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/classifier.h"
#include "valence/cli/model_ref.h"
#include "valence/model/runner.h"

namespace valence::cli {
namespace {

/// What the written model is compared with the source on: short and long, other scripts, numbers.
constexpr std::array<std::string_view, 8> kSampleTexts{
    "This is wonderful, thank you!",
    "The worst purchase I have made in years. It broke after two days and nobody answers.",
    "It arrived on Tuesday.",
    "Not bad at all, though I expected more for 49.99 at that size.",
    "Das Essen war kalt, der Service dafür freundlich.",
    "最高の映画でした。もう一度見たい。",
    "ok",
    "I was sceptical at first: the reviews were mixed, the box was dented, and the manual was only in Finnish. But "
    "after a "
    "week of daily use I have to say that it does exactly what it promises, quietly and without any fuss, and I would "
    "buy "
    "it again."};

/// NaN where a logit is none: no tolerance is above that.
double relative_difference(const std::vector<float>& expected, const std::vector<float>& found) {
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double of_logit = std::fabs(static_cast<double>(expected[i]) - static_cast<double>(found[i]));
    if (std::isnan(of_logit)) return of_logit;
    largest = std::max(largest, static_cast<double>(std::fabs(expected[i])));
    difference = std::max(difference, of_logit);
  }
  return largest == 0 ? difference : difference / largest;
}

/// [texts, labels]
Result<std::vector<float>> text_logits(const Classifier& classifier) {
  std::vector<float> logits;
  for (const auto& prediction : classifier.classify(kSampleTexts)) {
    if (!prediction) return fail(prediction.error());
    logits.insert(logits.end(), prediction->scores.begin(), prediction->scores.end());
  }
  return logits;
}

/// [tokens of all texts, labels]: of a token classifier, whose predictions keep no more than the best tags.
Result<std::vector<float>> token_logits(Model model, const Tokenizer& tokenizer) {
  VALENCE_TRY(const auto runner, make_runner(std::move(model), {.precision = Precision::kFp32}));
  const auto workspace = runner->make_workspace();
  const EncoderSpec& encoder = runner->spec().encoder;
  std::vector<float> all;
  for (const std::string_view text : kSampleTexts) {
    VALENCE_TRY(auto encoded, tokenizer.encode(text));
    std::vector<std::int32_t>& ids = encoded.ids;
    if (static_cast<std::int64_t>(ids.size()) > encoder.max_sequence_length()) {
      ids.resize(static_cast<std::size_t>(encoder.max_sequence_length()));
    }
    const auto length = static_cast<std::int32_t>(ids.size());
    if (length == 0) continue;
    const std::vector<std::int32_t> types(encoder.type_vocab_size > 0 ? ids.size() : 0, 0);
    std::vector<std::int32_t> positions(ids.size());
    std::iota(positions.begin(), positions.end(), 0);
    const std::array<std::int32_t, 2> cu_seqlens = {0, length};
    std::vector<float> logits(ids.size() * static_cast<std::size_t>(runner->spec().head.num_labels()));
    VALENCE_TRY_STATUS(runner->run({.input_ids = ids,
                                    .token_type_ids = types,
                                    .position_ids = positions,
                                    .cu_seqlens = cu_seqlens,
                                    .max_seqlen = length},
                                   *workspace, logits));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

tl::unexpected<Error> other_labels(const std::filesystem::path& written) {
  return fail(ErrorCode::kInternal, written.string(), "has other labels than its source once it is read back");
}

}  // namespace

std::span<const std::string_view> sample_texts() { return kSampleTexts; }

Result<double> difference_from_source(const std::string& ref, const std::string& adapter, const ConvertSource& source,
                                      const std::filesystem::path& written) {
  if (source.model.spec.head.pooling == Pooling::kNone) {
    VALENCE_TRY(ConvertSource again, open_convert_source(ref, adapter));
    VALENCE_TRY(Model after, load_model(written));
    if (after.spec.head.labels != again.model.spec.head.labels) return other_labels(written);
    VALENCE_TRY(const std::vector<float> expected, token_logits(std::move(again.model), source.tokenizer));
    VALENCE_TRY(const std::vector<float> found, token_logits(std::move(after), source.tokenizer));
    return relative_difference(expected, found);
  }
  const ClassifierOptions options{.precision = Precision::kFp32, .function = ScoreFunction::kNone};
  ClassifierOptions merged = options;
  merged.adapter = adapter;
  VALENCE_TRY(const auto before, load_classifier(ref, merged));
  VALENCE_TRY(const auto after, Classifier::load(written, options));
  if (before->labels() != after->labels()) return other_labels(written);
  VALENCE_TRY(const std::vector<float> expected, text_logits(*before));
  VALENCE_TRY(const std::vector<float> found, text_logits(*after));
  return relative_difference(expected, found);
}

}  // namespace valence::cli
