#include "valence/pipeline/labeling.h"

#include <gtest/gtest.h>

#include <array>

namespace valence::pipeline {
namespace {

using Votes = std::vector<std::optional<Vote>>;

std::optional<std::string> label_by(const LabelRule& rule, std::string_view text) {
  const auto source = source_of_rule(rule);
  EXPECT_TRUE(source) << source.error().to_string();
  const auto votes = (*source)->vote(std::array{text});
  return votes[0] ? std::optional(votes[0]->label) : std::nullopt;
}

TEST(RuleSource, PhrasesAreWholeWordsInAnyCase) {
  const LabelRule rule{.name = "r", .label = "bad", .any = {"never again", "awful"}};
  EXPECT_EQ(label_by(rule, "NEVER, again!"), "bad");
  EXPECT_EQ(label_by(rule, "it is awful"), "bad");
  EXPECT_EQ(label_by(rule, "awfully nice"), std::nullopt);
}

TEST(RuleSource, ExceptionsSilenceIt) {
  const LabelRule rule{.name = "r", .label = "bad", .any = {"broken"}, .none = {"not broken"}};
  EXPECT_EQ(label_by(rule, "it is broken"), "bad");
  EXPECT_EQ(label_by(rule, "it is not broken"), std::nullopt);
}

TEST(RuleSource, PhrasesAndRegexMustBothHold) {
  const LabelRule rule{.name = "r", .label = "refund", .any = {"money"}, .regex = "(?i)back|return"};
  EXPECT_EQ(label_by(rule, "I want my money BACK"), "refund");
  EXPECT_EQ(label_by(rule, "money well spent"), std::nullopt);
}

TEST(RuleSource, BadRulesAreRefusedByName) {
  for (const LabelRule& rule :
       {LabelRule{.name = "r", .label = "", .any = {"a"}}, LabelRule{.name = "r", .label = "x"},
        LabelRule{.name = "r", .label = "x", .any = {"?!"}}, LabelRule{.name = "r", .label = "x", .regex = "("},
        LabelRule{.name = "r", .label = "x", .weight = 0, .any = {"a"}}}) {
    const auto source = source_of_rule(rule);
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().where(), "r");
    EXPECT_EQ(source.error().code(), ErrorCode::kInvalidData);
  }
}

TEST(Decide, MostWeightWins) {
  const LabelVerdict verdict = decide(Votes{Vote{.label = "a"}, Vote{.label = "b", .weight = 3}, std::nullopt});
  EXPECT_EQ(verdict.label, "b");
  EXPECT_DOUBLE_EQ(verdict.share, 0.75);
  EXPECT_DOUBLE_EQ(verdict.margin, 0.5);
  EXPECT_TRUE(verdict.is_conflict);
  EXPECT_EQ(verdict.voters, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Decide, ATieHasNoLabelAndSuggestionsDoNotCount) {
  EXPECT_EQ(decide(Votes{Vote{.label = "a"}, Vote{.label = "b"}}).label, std::nullopt);
  const LabelVerdict alone = decide(Votes{Vote{.label = "a", .weight = 0, .score = 0.4}});
  EXPECT_EQ(alone.label, std::nullopt);
  EXPECT_TRUE(alone.voters.empty());
  EXPECT_EQ(decide(Votes{}).label, std::nullopt);
}

TEST(RecordVotes, CoverageOverlapsConflictsAndAccuracy) {
  std::array<SourceRecord, 2> records;
  record_votes(Votes{Vote{.label = "a"}, Vote{.label = "a"}}, "a", records);
  record_votes(Votes{Vote{.label = "a"}, Vote{.label = "b"}}, "b", records);
  record_votes(Votes{Vote{.label = "a"}, std::nullopt}, std::nullopt, records);
  EXPECT_EQ(records[0].votes, 3U);
  EXPECT_EQ(records[0].overlaps, 2U);
  EXPECT_EQ(records[0].conflicts, 1U);
  EXPECT_EQ(records[0].judged, 2U);
  EXPECT_EQ(records[0].right, 1U);
  EXPECT_EQ(records[1].votes, 2U);
  EXPECT_EQ(records[1].right, 2U);
}

}  // namespace
}  // namespace valence::pipeline
