#include "valence/cli/train_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <set>

#include "valence/base/random.h"
#include "valence/engine/sequences.h"
#include "valence/train/soft_target.h"

namespace valence::cli {

Result<TrainingRows> read_training_rows(const std::vector<std::string>& files, const data::ReaderOptions& options,
                                        const TrainingColumns& columns) {
  TrainingRows all;
  std::vector<std::string> carried;
  if (!columns.choices.empty()) carried.push_back(columns.choices);
  if (!columns.scores.empty()) carried.push_back(columns.scores);
  for (const std::string& file : files) {
    VALENCE_TRY(pipeline::LabelledRows rows, pipeline::read_labelled_rows(file, options, columns.label, carried));
    if (!columns.choices.empty()) std::ranges::move(rows.carried.front(), std::back_inserter(all.choices));
    if (!columns.scores.empty()) std::ranges::move(rows.carried.back(), std::back_inserter(all.scores));
    for (const std::uint64_t line : rows.lines) all.places.push_back(fmt::format("{}:{}", rows.file, line));
    std::ranges::move(rows.texts, std::back_inserter(all.texts));
    std::ranges::move(rows.pairs, std::back_inserter(all.pairs));
    std::ranges::move(rows.labels, std::back_inserter(all.labels));
    std::ranges::move(rows.failed, std::back_inserter(all.failed));
  }
  return all;
}

Result<EncodedRows> encode_rows(const TrainingRows& rows, const Tokenizer& tokenizer, const EncodingLimits& limits,
                                const train::HeadRequest& head, double teacher_weight, ThreadPool& pool) {
  std::set<std::string> unknown;
  std::vector<std::optional<train::Target>> targets(rows.texts.size());
  std::string first_place;
  for (std::size_t i = 0; i < rows.texts.size(); ++i) {
    auto target = train::target_of(rows.labels[i], head);
    if (target) {
      targets[i] = std::move(*target);
      const std::string_view choices = rows.choices.empty() ? std::string_view() : rows.choices[i];
      const std::string_view scores = rows.scores.empty() ? std::string_view() : rows.scores[i];
      auto softened = train::choose_among(*targets[i], choices, head);
      if (softened) softened = train::learn_from_scores(*targets[i], scores, teacher_weight, head);
      if (!softened) return fail(softened.error().in(rows.places[i]));
      continue;
    }
    if (unknown.empty()) first_place = rows.places[i];
    unknown.insert(rows.labels[i]);
  }
  if (!unknown.empty()) {
    constexpr std::size_t kShown = 10;
    std::vector<std::string> shown(unknown.begin(), unknown.end());
    const std::size_t count = shown.size();
    shown.resize(std::min(count, kShown));
    return fail(ErrorCode::kInvalidData, first_place,
                fmt::format("has a label that no training row has: {} of {} such, {}", shown.size(), count,
                            fmt::join(shown, ", ")),
                fmt::format("the labels to learn are {}", fmt::join(head.labels, ", ")));
  }

  const SequenceLimits sequence_limits{.max_length = limits.max_length, .embedding_rows = limits.embedding_rows};
  std::vector<std::optional<Result<TextSequences>>> encoded(rows.texts.size());
  pool.parallel_for(rows.texts.size(), [&](std::size_t i, std::size_t) {
    encoded[i] = rows.pairs.empty() ? make_sequences(tokenizer, rows.texts[i], sequence_limits)
                                    : make_pair_sequence(tokenizer, rows.texts[i], rows.pairs[i],
                                                         TruncationStrategy::kLongestFirst, sequence_limits);
  });
  EncodedRows all;
  for (std::size_t i = 0; i < rows.texts.size(); ++i) {
    if (!*encoded[i]) {
      all.failed.push_back(encoded[i]->error().in(rows.places[i]));
      continue;
    }
    TextSequences& text = **encoded[i];
    train::Example example;
    example.ids = std::move(text.sequences.front());
    if (limits.has_token_types && !text.token_type_ids.empty())
      example.type_ids = std::move(text.token_type_ids.front());
    example.target = std::move(*targets[i]);
    example.place = rows.places[i];
    all.truncated += text.truncated ? 1 : 0;
    all.tokens += example.ids.size();
    all.examples.push_back(std::move(example));
  }
  return all;
}

std::uint64_t hash_of(const std::vector<train::Example>& examples) {
  std::uint64_t hash = mixed(examples.size());
  const auto add = [&](std::uint64_t value) { hash = mixed(hash ^ value); };
  for (const train::Example& example : examples) {
    for (const std::int32_t id : example.ids) add(static_cast<std::uint32_t>(id));
    for (const std::int32_t id : example.type_ids) add(static_cast<std::uint32_t>(id));
    add(static_cast<std::uint32_t>(example.target.label));
    for (const float value : example.target.values) add(std::bit_cast<std::uint32_t>(value));
    for (const std::int32_t choice : example.target.choices) add(static_cast<std::uint32_t>(choice));
  }
  return hash;
}

}  // namespace valence::cli
