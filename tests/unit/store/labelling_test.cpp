#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/temporary_directory.h"
#include "unit/store/history_records.h"
#include "valence/store/function_words.h"
#include "valence/store/label_queue.h"
#include "valence/store/label_studio.h"
#include "valence/store/sqlite_store.h"
#include "valence/store/top_words.h"

namespace valence::store::testing {
namespace {

using Scores = std::vector<pipeline::LabelScore>;

TEST(LabelQueue, ATossUpIsUncertainAndASureAnswerIsNot) {
  EXPECT_NEAR(uncertainty_of(Scores{{"a", 0.5F}, {"b", 0.5F}}, 0.5F), 1, 1e-6);
  EXPECT_NEAR(uncertainty_of(Scores{{"a", 1.0F}, {"b", 0.0F}}, 1.0F), 0, 1e-6);
  // Margin 0.5, entropy of (0.75, 0.25) over ln 2: 0.8113.
  EXPECT_NEAR(uncertainty_of(Scores{{"a", 0.75F}, {"b", 0.25F}}, 0.75F), (0.5 + 0.811278) / 2, 1e-5);
  EXPECT_NEAR(uncertainty_of({}, 0.75F), 0.5, 1e-6);
}

QueueItem item(const std::string& id, const std::string& text, double uncertainty) {
  return {.record = stored({.id = id, .text = text}), .uncertainty = uncertainty};
}

TEST(LabelQueue, TakesTheUncertainButNoTwoAlike) {
  const std::vector<QueueItem> items{item("a", "the battery died after a week", 0.90),
                                     item("b", "the battery died after a week!", 0.89),
                                     item("c", "delivery took forever", 0.70), item("d", "lovely colours", 0.10)};
  EXPECT_EQ(choose_covering(items, 2), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(choose_covering(items, 10), (std::vector<std::size_t>{0, 2, 3}));  // the same words again are no gain
}

TEST(LabelQueue, TakesWhatStandsForManyBeforeWhatIsLikeNothingElse) {
  // Three about the battery (by the words they share the middle one is nearest to both others), one of its own; all as
  // uncertain. Then the odd one as the only uncertain text.
  std::vector<QueueItem> items{item("odd", "lovely colours", 0.5), item("a", "battery died", 0.5),
                               item("b", "battery died week", 0.5), item("c", "died week", 0.5)};
  EXPECT_EQ(choose_covering(items, 2), (std::vector<std::size_t>{2, 0}));
  for (std::size_t i = 1; i < items.size(); ++i) items[i].uncertainty = 0;
  EXPECT_EQ(choose_covering(items, 1), (std::vector<std::size_t>{0}));
}

TEST(LabelQueue, OfManyTextsItLooksAtUncertainOnesMoreOftenAndAtTheSameEachTime) {
  const valence::testing::TemporaryDirectory directory;
  auto store = SqliteStore::open(directory.path() / "history.db");
  ASSERT_TRUE(store);
  std::vector<StoredRecord> records;
  constexpr int kRecords = 9000;
  constexpr int kUncertain = kRecords / 10;
  for (int i = 0; i < kRecords; ++i) {  // one in ten is nearly a toss-up, the others are sure
    records.push_back(stored({.id = fmt::format("r{}", i),
                              .time_ms = i,
                              .score = i % 10 == 0 ? 0.52F : 0.999F,
                              .text = fmt::format("text number {} of {}", i, i * 7919 % 1000)}));
  }
  ASSERT_TRUE((*store)->write(records));
  // Half of all, drawn and not compared: without weights half of the uncertain ones would be among them, not nearly
  // all.
  const auto half = make_label_queue(**store, {.count = kRecords / 2});
  ASSERT_TRUE(half) << half.error().to_string();
  EXPECT_EQ(half->items.size(), kRecords / 2U);
  const auto uncertain = std::ranges::count_if(half->items, [](const QueueItem& one) { return one.uncertainty > 0.5; });
  EXPECT_GT(uncertain, kUncertain * 95 / 100);
  const auto few = make_label_queue(**store, {.count = 50});
  const auto again = make_label_queue(**store, {.count = 50});
  ASSERT_TRUE(few && again);
  ASSERT_EQ(few->items.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(few->items[i].record.record.id, again->items[i].record.record.id);
}

TEST(LabelQueue, LeavesOutWhatPeopleHaveCorrectedAndWhatHasNoText) {
  const valence::testing::TemporaryDirectory directory;
  auto store = SqliteStore::open(directory.path() / "history.db");
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->write(std::vector{stored({.id = "a", .time_ms = 1, .score = 0.5F, .text = "one thing"}),
                                          stored({.id = "b", .time_ms = 2, .score = 0.6F, .text = "another matter"}),
                                          stored({.id = "c", .time_ms = 3, .score = 0.9F, .text = "third text"}),
                                          stored({.id = "d", .time_ms = 4, .text = "hidden"}, TextPolicy::kHash)}));
  ASSERT_TRUE((*store)->add_feedback({.record_id = "a", .label = "positive"}));
  const auto queue = make_label_queue(**store, {.count = 5});
  ASSERT_TRUE(queue) << queue.error().to_string();
  ASSERT_EQ(queue->items.size(), 2U);
  EXPECT_EQ(queue->items[0].record.record.id, "b");
  EXPECT_EQ(queue->items[1].record.record.id, "c");
  EXPECT_EQ(queue->without_text, 1U);
  EXPECT_EQ(queue->scanned, 3U);
}

TEST(LabelQueue, SaysWhichTextsAreThereForBeingUnlikeTheOthers) {
  const valence::testing::TemporaryDirectory directory;
  auto store = SqliteStore::open(directory.path() / "history.db");
  ASSERT_TRUE(store);
  // Twice the same words, nearly a toss-up; and something else, which is surer.
  ASSERT_TRUE((*store)->write(
      std::vector{stored({.id = "a", .time_ms = 1, .score = 0.52F, .text = "the battery died after a week"}),
                  stored({.id = "b", .time_ms = 2, .score = 0.53F, .text = "the battery died after a week!"}),
                  stored({.id = "c", .time_ms = 3, .score = 0.70F, .text = "delivery took forever"})}));
  const auto queue = make_label_queue(**store, {.count = 2});
  ASSERT_TRUE(queue) << queue.error().to_string();
  ASSERT_EQ(queue->items.size(), 2U);
  EXPECT_EQ(queue->items[0].record.record.id, "a");
  EXPECT_TRUE(queue->items[0].is_among_most_uncertain);
  EXPECT_EQ(queue->items[1].record.record.id, "c");
  EXPECT_FALSE(queue->items[1].is_among_most_uncertain);
}

TEST(TopWords, WhatPeopleSaidCountsMoreThanTheAnswer) {
  const valence::testing::TemporaryDirectory directory;
  auto store = SqliteStore::open(directory.path() / "history.db");
  ASSERT_TRUE(store);
  std::vector<StoredRecord> records;
  for (int i = 0; i < 40; ++i) {
    records.push_back(
        stored({.id = fmt::format("bad{}", i), .time_ms = 100 + i, .label = "negative", .text = "the battery died"}));
    records.push_back(
        stored({.id = fmt::format("good{}", i), .time_ms = 100 + i, .label = "positive", .text = "the screen shines"}));
  }
  records.push_back(stored({.id = "irony", .time_ms = 99, .label = "positive", .text = "well done"}));
  ASSERT_TRUE((*store)->write(records));
  ASSERT_TRUE((*store)->add_feedback({.record_id = "irony", .label = "negative"}));
  const auto words = top_words(**store, {.label = "negative"});
  ASSERT_TRUE(words);
  EXPECT_EQ(words->label_texts, 41U);
  EXPECT_EQ(words->rest_texts, 40U);
  EXPECT_FALSE(words->is_sample);
  ASSERT_EQ(words->words.size(), 2U);  // not "the", which both have and says nothing, nor "well", in one text only
  EXPECT_EQ(words->words[0].word, "battery");
  EXPECT_EQ(words->words[0].texts, 40U);
  EXPECT_EQ(words->words[1].word, "died");
  // The newest 80 records leave the oldest out.
  const auto newest = top_words(**store, {.label = "negative", .max_records = 80});
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->label_texts, 40U);
  EXPECT_TRUE(newest->is_sample);
}

TEST(FunctionWords, AreThoseThatSayNothingAndNotTheNegations) {
  for (const char* word : {"the", "a", "i", "yours", "its", "would"}) EXPECT_TRUE(is_function_word(word)) << word;
  for (const char* word : {"not", "never", "no", "dont", "battery", "hate", ""})
    EXPECT_FALSE(is_function_word(word)) << word;
}

TEST(LabelStudio, WhatIsExportedComesBackAsItWas) {
  const std::vector<Feedback> corrections{{.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                                           .time_ms = 1'768'478'400'123,
                                           .record_id = "r1",
                                           .text = "naïve \"quote\"\n🙂 \\",
                                           .label = "positive",
                                           .predicted = "negative",
                                           .stream = "reviews",
                                           .channel = "ios",
                                           .subject = "ann",
                                           .note = "irony",
                                           .source = "page",
                                           .model_version = "0123456789ab"},
                                          {.id = "f2", .time_ms = 5, .text = "t", .label = "x", .source = "api"}};
  const auto back = parse_label_studio(label_studio_of(corrections), "tasks.json");
  ASSERT_TRUE(back) << back.error().to_string();
  ASSERT_EQ(back->corrections.size(), 2U);
  EXPECT_EQ(back->unlabelled, 0U);
  for (std::size_t i = 0; i < 2; ++i) {
    const Feedback& a = corrections[i];
    const Feedback& b = back->corrections[i];
    EXPECT_EQ(std::tie(a.id, a.time_ms, a.record_id, a.text, a.label, a.predicted, a.stream, a.channel, a.subject,
                       a.note, a.source, a.model_version),
              std::tie(b.id, b.time_ms, b.record_id, b.text, b.label, b.predicted, b.stream, b.channel, b.subject,
                       b.note, b.source, b.model_version));
  }
}

// The shape of Label Studio's own JSON export (labelstud.io/guide/export, "JSON"), written by hand.
constexpr const char* kExport = R"([
 {"id": 11, "data": {"text": "great phone", "record_id": "r9"}, "created_at": "2026-01-05T10:00:00Z", "meta": {}, "project": 1,
  "annotations": [
   {"id": 1, "was_cancelled": false, "completed_by": 1, "lead_time": 3.5,
    "result": [{"id": "x1", "type": "choices", "value": {"choices": ["neutral"]}, "origin": "manual", "to_name": "text", "from_name": "label"}]},
   {"id": 2, "was_cancelled": false,
    "result": [{"id": "x2", "type": "choices", "value": {"choices": ["positive"]}, "to_name": "text", "from_name": "label"}]}],
  "predictions": []},
 {"id": 12, "data": {"text": "skipped"}, "annotations": [{"id": 3, "was_cancelled": true, "result": []}]},
 {"id": 13, "data": {"text": "not done"}, "annotations": []}
])";

TEST(LabelStudio, ItsOwnExportGivesTheLastAnnotationOfEachTaskAndTheSameIdsTwice) {
  const auto first = parse_label_studio(kExport, "export.json");
  ASSERT_TRUE(first) << first.error().to_string();
  ASSERT_EQ(first->corrections.size(), 1U);
  EXPECT_EQ(first->unlabelled, 2U);
  EXPECT_EQ(first->corrections[0].text, "great phone");
  EXPECT_EQ(first->corrections[0].label, "positive");
  EXPECT_EQ(first->corrections[0].record_id, "r9");
  EXPECT_EQ(first->corrections[0].source, "label-studio");
  const auto second = parse_label_studio(kExport, "export.json");
  ASSERT_TRUE(second);
  EXPECT_EQ(first->corrections[0].id, second->corrections[0].id);
}

TEST(LabelStudio, WhatIsNoExportIsRefusedWithItsPlace) {
  for (
      const char* text :
      {"", "{}", "[1]", "[{}]", R"([{"data": {}}])", R"([{"data": {"text": 5}}])",
       R"([{"data": {"text": "t"}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["a", "b"]}}]}]}])"}) {
    const auto refused = parse_label_studio(text, "f.json");
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().to_string().find("f.json"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace valence::store::testing
