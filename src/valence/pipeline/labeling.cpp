#include "valence/pipeline/labeling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/base/utf8.h"
#include "valence/data/words.h"
#include "valence/tokenizer/regex.h"

namespace valence::pipeline {
namespace {

/// " this is great ": the words with a space around each, so that a phrase is found as whole words.
std::string spaced_words(std::string_view text) {
  std::string words = " ";
  data::for_each_word(text, [&words](std::string_view word) {
    words += word;
    words += ' ';
  });
  return words;
}

class RuleSource final : public LabelSource {
 public:
  RuleSource(const LabelRule& rule, std::vector<std::string> any, std::vector<std::string> none,
             std::optional<tokenizer::Regex> regex)
      : LabelSource(rule.name),
        vote_{.label = rule.label, .weight = rule.weight},
        any_(std::move(any)),
        none_(std::move(none)),
        regex_(std::move(regex)) {}

  [[nodiscard]] std::vector<std::optional<Vote>> vote(std::span<const std::string_view> texts) const override {
    std::vector<std::optional<Vote>> votes(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (applies(texts[i])) votes[i] = vote_;
    }
    return votes;
  }

 private:
  [[nodiscard]] bool applies(std::string_view text) const {
    const std::string words = any_.empty() && none_.empty() ? std::string() : spaced_words(text);
    const auto is_there = [&words](const std::string& phrase) { return words.find(phrase) != std::string::npos; };
    if (!any_.empty() && !std::ranges::any_of(any_, is_there)) return false;
    if (std::ranges::any_of(none_, is_there)) return false;
    if (!regex_) return true;
    const auto matches = regex_->find_all(to_code_points(text));
    return matches && !matches->empty();  // one that gives up has no opinion
  }

  Vote vote_;
  std::vector<std::string> any_;  // as spaced_words
  std::vector<std::string> none_;
  std::optional<tokenizer::Regex> regex_;
};

class LexiconSource final : public LabelSource {
 public:
  LexiconSource(std::string name, data::Lexicon lexicon, double weight)
      : LabelSource(std::move(name)), lexicon_(std::move(lexicon)), weight_(weight) {}

  [[nodiscard]] std::vector<std::optional<Vote>> vote(std::span<const std::string_view> texts) const override {
    std::vector<std::optional<Vote>> votes(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto verdict = lexicon_.judge(texts[i]);
      if (!verdict) continue;
      votes[i] = Vote{
          .label = lexicon_.labels()[verdict->label], .weight = weight_, .score = 1 / (1 + std::exp(-verdict->margin))};
    }
    return votes;
  }

 private:
  data::Lexicon lexicon_;
  double weight_;
};

class ModelSource final : public LabelSource {
 public:
  ModelSource(std::string name, std::shared_ptr<const Classifier> classifier, ModelVotes options)
      : LabelSource(std::move(name)), classifier_(std::move(classifier)), options_(std::move(options)) {}

  [[nodiscard]] std::vector<std::optional<Vote>> vote(std::span<const std::string_view> texts) const override {
    const auto predictions = classifier_->classify(texts);
    std::vector<std::optional<Vote>> votes(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!predictions[i]) continue;
      const std::string& label = classifier_->labels()[static_cast<std::size_t>(predictions[i]->label_id)];
      const auto mapped = options_.label_of.find(label);
      const double score = predictions[i]->score;
      votes[i] = Vote{.label = mapped == options_.label_of.end() ? label : mapped->second,
                      .weight = score >= options_.min_score ? options_.weight : 0,
                      .score = score};
    }
    return votes;
  }

 private:
  std::shared_ptr<const Classifier> classifier_;
  ModelVotes options_;
};

Result<std::vector<std::string>> phrases_of(const std::vector<std::string>& phrases, const std::string& rule) {
  std::vector<std::string> spaced;
  for (const std::string& phrase : phrases) {
    if (find_invalid_utf8(phrase)) return fail(ErrorCode::kInvalidData, rule, "a phrase is not UTF-8");
    spaced.push_back(spaced_words(phrase));
    if (spaced.back() == " ") {
      return fail(ErrorCode::kInvalidData, rule, fmt::format("the phrase \"{}\" has no word", phrase),
                  "match punctuation with a regex");
    }
  }
  return spaced;
}

}  // namespace

Result<std::unique_ptr<LabelSource>> source_of_rule(const LabelRule& rule) {
  if (rule.label.empty()) return fail(ErrorCode::kInvalidData, rule.name, "has no label");
  if (!(rule.weight > 0) || !std::isfinite(rule.weight)) {
    return fail(ErrorCode::kInvalidData, rule.name, fmt::format("weight {:g} is not above 0", rule.weight));
  }
  if (rule.any.empty() && rule.regex.empty()) {
    return fail(ErrorCode::kInvalidData, rule.name, "has neither any nor regex: it would label every row");
  }
  VALENCE_TRY(auto any, phrases_of(rule.any, rule.name));
  VALENCE_TRY(auto none, phrases_of(rule.none, rule.name));
  std::optional<tokenizer::Regex> regex;
  if (!rule.regex.empty()) {
    if (find_invalid_utf8(rule.regex)) return fail(ErrorCode::kInvalidData, rule.name, "the regex is not UTF-8");
    auto compiled = tokenizer::Regex::compile(rule.regex, rule.name);
    if (!compiled) return fail(ErrorCode::kInvalidData, rule.name, compiled.error().what(), "write it otherwise");
    regex = *std::move(compiled);
  }
  return std::make_unique<RuleSource>(rule, std::move(any), std::move(none), std::move(regex));
}

std::unique_ptr<LabelSource> source_of_lexicon(std::string name, data::Lexicon lexicon, double weight) {
  return std::make_unique<LexiconSource>(std::move(name), std::move(lexicon), weight);
}

std::unique_ptr<LabelSource> source_of_model(std::string name, std::shared_ptr<const Classifier> classifier,
                                             ModelVotes options) {
  return std::make_unique<ModelSource>(std::move(name), std::move(classifier), std::move(options));
}

LabelVerdict decide(std::span<const std::optional<Vote>> votes) {
  LabelVerdict verdict;
  std::map<std::string, double> weight_of;
  double all = 0;
  for (std::uint32_t source = 0; source < votes.size(); ++source) {
    if (!votes[source] || votes[source]->weight <= 0) continue;
    verdict.voters.push_back(source);
    weight_of[votes[source]->label] += votes[source]->weight;
    all += votes[source]->weight;
  }
  if (weight_of.empty()) return verdict;
  verdict.is_conflict = weight_of.size() > 1;
  const auto best = std::max_element(weight_of.begin(), weight_of.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  double second = 0;
  for (auto at = weight_of.begin(); at != weight_of.end(); ++at) {
    if (at != best) second = std::max(second, at->second);
  }
  verdict.share = best->second / all;
  verdict.margin = (best->second - second) / all;
  constexpr double kEqual = 1e-9;
  if (verdict.margin > kEqual) verdict.label = best->first;
  return verdict;
}

void record_votes(std::span<const std::optional<Vote>> votes, const std::optional<std::string>& gold,
                  std::span<SourceRecord> records) {
  const auto counts = [](const std::optional<Vote>& vote) { return vote && vote->weight > 0; };
  const auto voters = static_cast<std::size_t>(std::ranges::count_if(votes, counts));
  for (std::size_t source = 0; source < votes.size(); ++source) {
    if (!counts(votes[source])) continue;
    SourceRecord& record = records[source];
    ++record.votes;
    if (voters > 1) ++record.overlaps;
    const bool differs = std::ranges::any_of(
        votes, [&](const auto& other) { return counts(other) && other->label != votes[source]->label; });
    if (differs) ++record.conflicts;
    if (!gold) continue;
    ++record.judged;
    if (votes[source]->label == *gold) ++record.right;
  }
}

}  // namespace valence::pipeline
