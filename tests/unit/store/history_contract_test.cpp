#include "unit/store/history_contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "unit/store/history_records.h"
#include "unit/store/store_kinds.h"
#include "valence/base/utf8.h"

namespace valence::store::testing {

std::vector<std::string> HistoryContract::found(const HistoryFilter& filter) {
  std::vector<std::string> ids;
  const Status scanned = store_->scan(filter, [&](const StoredRecord& record) {
    ids.push_back(record.record.id);
    return true;
  });
  EXPECT_TRUE(scanned) << scanned.error().to_string();
  return ids;
}

void HistoryContract::write(const std::vector<StoredRecord>& records, std::size_t expected_new) {
  const auto written = store_->write(records);
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(*written, expected_new);
}

namespace {

INSTANTIATE_TEST_SUITE_P(Stores, HistoryContract, ::testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(HistoryContract, ARecordComesBackAsItWasWrittenAlsoAfterReopening) {
  const pipeline::ClassifiedRecord record = classified({.id = "a",
                                                        .time_ms = kNoonMs,
                                                        .score = 0.1F,
                                                        .text = "naïve 🙂 \"quoted\"\n\t\\N \\.",
                                                        .stream = "reviews",
                                                        .channel = "ios",
                                                        .subject = "customer 7"});
  write({stored_form(record, TextPolicy::kFull)}, 1);
  reopen();
  const auto page = store_->query({}, {});
  ASSERT_TRUE(page) << page.error().to_string();
  ASSERT_EQ(page->items.size(), 1U);
  const auto& back = page->items[0].record;
  EXPECT_EQ(back.id, record.id);
  EXPECT_EQ(back.time_ms, record.time_ms);
  EXPECT_EQ(back.stream, record.stream);
  EXPECT_EQ(back.channel, record.channel);
  EXPECT_EQ(back.subject, record.subject);
  EXPECT_EQ(back.text, record.text);
  EXPECT_EQ(back.label, record.label);
  EXPECT_EQ(back.score, record.score);
  ASSERT_EQ(back.scores.size(), 2U);
  EXPECT_EQ(back.scores[0].label, "negative");
  EXPECT_EQ(back.scores[0].score, 0.1F);
  EXPECT_EQ(back.scores[1].score, 0.9F);
  EXPECT_EQ(back.model, record.model);
  EXPECT_EQ(back.model_version, record.model_version);
  EXPECT_EQ(back.config_version, record.config_version);
  EXPECT_EQ(back.tokens, 7U);
  EXPECT_TRUE(back.truncated);
  EXPECT_EQ(back.metadata, record.metadata);
  EXPECT_EQ(page->items[0].text_sha256, sha256_hex(record.text));
  EXPECT_EQ(page->items[0].correction, "");
}

TEST_P(HistoryContract, ARepeatedIdIsTheSameRecordWithinABatchAndAcrossBatches) {
  write({stored({.id = "a", .time_ms = 1, .label = "x"}), stored({.id = "a", .time_ms = 2, .label = "y"}),
         stored({.id = "b", .time_ms = 3, .label = "x"})},
        2);
  write({stored({.id = "b", .time_ms = 4, .label = "y"}), stored({.id = "c", .time_ms = 5, .label = "y"})}, 1);
  EXPECT_EQ(found({}), (Ids{"c", "b", "a"}));
  const auto trend = store_->trend({.bucket = TimeBucket::kMonth});
  ASSERT_TRUE(trend);
  EXPECT_EQ(trend->labels, (Ids{"x", "y"}));
  ASSERT_EQ(trend->points.size(), 1U);
  EXPECT_EQ(trend->points[0].labels[0].texts, 2U);
  EXPECT_EQ(trend->points[0].labels[1].texts, 1U);
}

TEST_P(HistoryContract, PagesGoFromTheNewestToTheOldestWithoutGapOrRepetition) {
  std::vector<StoredRecord> records;
  for (int i = 0; i < 25; ++i) {
    records.push_back(stored({.id = "id" + std::to_string(100 + i), .time_ms = kNoonMs + i / 10}));  // equal times
  }
  write(records, 25);
  Ids seen;
  PageRequest page{.limit = 7};
  std::size_t pages = 0;
  do {
    const auto part = store_->query({}, page);
    ASSERT_TRUE(part);
    EXPECT_LE(part->items.size(), 7U);
    for (const auto& id : ids_of(*part)) seen.push_back(id);
    page.cursor = part->next;
    ++pages;
  } while (!page.cursor.empty());
  EXPECT_EQ(pages, 4U);
  Ids expected;
  for (int i = 24; i >= 0; --i) expected.push_back("id" + std::to_string(100 + i));
  EXPECT_EQ(seen, expected);
  // A page that is exactly full has none after it.
  const auto whole = store_->query({}, {.limit = 25});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->next, "");
}

TEST_P(HistoryContract, EachFieldOfAFilterNarrows) {
  write({stored({.id = "a",
                 .time_ms = 100,
                 .label = "negative",
                 .score = 0.25F,
                 .stream = "s",
                 .channel = "ios",
                 .subject = "ann"}),
         stored({.id = "b", .time_ms = 200, .label = "positive", .score = 0.5F, .stream = "s", .channel = "web"}),
         stored({.id = "c",
                 .time_ms = 300,
                 .label = "negative",
                 .score = 0.75F,
                 .text = "other words",
                 .stream = "t",
                 .channel = "ios"})},
        3);
  EXPECT_EQ(found({.from_ms = 200}), (Ids{"c", "b"}));
  EXPECT_EQ(found({.to_ms = 200}), (Ids{"a"}));
  EXPECT_EQ(found({.id = "b"}), (Ids{"b"}));
  EXPECT_EQ(found({.stream = "s"}), (Ids{"b", "a"}));
  EXPECT_EQ(found({.stream = "s", .channel = "ios"}), (Ids{"a"}));
  EXPECT_EQ(found({.label = "negative"}), (Ids{"c", "a"}));
  EXPECT_EQ(found({.subject = "ann"}), (Ids{"a"}));
  EXPECT_EQ(found({.subject = ""}), (Ids{"c", "b"}));
  EXPECT_EQ(found({.text_sha256 = sha256_hex("other words")}), (Ids{"c"}));
  EXPECT_EQ(found({.min_score = 0.5F}), (Ids{"c", "b"}));
  EXPECT_EQ(found({.max_score = 0.5F}), (Ids{"b", "a"}));
  EXPECT_EQ(found({.model = "default"}).size(), 3U);
  EXPECT_EQ(found({.model_version = "000000000000"}), (Ids{}));
  EXPECT_EQ(found({.corrected = true}), (Ids{}));
  const auto count = store_->count({.stream = "s"});
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 2U);
}

TEST_P(HistoryContract, QuotesAndStatementsInAFilterAreText) {
  write({stored({.id = "a'; DROP TABLE record; --", .time_ms = 1, .text = "x", .stream = "o'hara \"s\" $1 ?1"})}, 1);
  EXPECT_EQ(found({.id = "a'; DROP TABLE record; --"}).size(), 1U);
  EXPECT_EQ(found({.stream = "o'hara \"s\" $1 ?1"}).size(), 1U);
  EXPECT_EQ(found({.stream = "' OR 1=1 --"}), (Ids{}));
  for (const char* hostile :
       {"\"", "'", "NEAR(", "a OR b", "x*'", "words:x", "^x", "-x", "(", "\\", "a\\'b", ":*", "*"}) {
    EXPECT_TRUE(store_->query({.search = hostile}, {})) << hostile;
  }
}

TEST_P(HistoryContract, SearchFindsTextsWithAllWordsWhateverTheirCaseOrderAndAccents) {
  write({stored({.id = "a", .time_ms = 1, .text = "The café's battery died, twice!"}),
         stored({.id = "b", .time_ms = 2, .text = "Battery life is great"}),
         stored({.id = "c", .time_ms = 3, .text = "電池が悪い 🙁"}),
         stored({.id = "d", .time_ms = 4, .text = "battery", .stream = "t"}),
         stored({.id = "e", .time_ms = 5, .text = "battery hash"}, TextPolicy::kHash)},
        5);
  EXPECT_EQ(found({.search = "BATTERY"}), (Ids{"d", "b", "a"}));
  EXPECT_EQ(found({.search = "died battery"}), (Ids{"a"}));
  EXPECT_EQ(found({.search = "cafes"}), (Ids{"a"}));
  EXPECT_EQ(found({.search = "bat*"}), (Ids{"d", "b", "a"}));
  EXPECT_EQ(found({.search = "bat"}), (Ids{}));
  EXPECT_EQ(found({.search = "電池"}), (Ids{"c"}));
  EXPECT_EQ(found({.search = "🙁"}), (Ids{"c"}));
  EXPECT_EQ(found({.stream = "t", .search = "battery"}), (Ids{"d"}));
  EXPECT_EQ(found({.search = "!?"}), (Ids{}));
}

TEST_P(HistoryContract, ASearchThatMostRecordsAnswerIsInTheOrderOfTimePageByPage) {
  constexpr int kRecords = 6000;  // more than are looked up one by one
  std::vector<StoredRecord> records;
  Ids all;
  Ids of_stream;
  for (int i = 0; i < kRecords; ++i) {
    // Times run against the order of writing, and every second one is shared by two.
    records.push_back(stored({.id = fmt::format("{:04}", i),
                              .time_ms = (kRecords - i) / 2,
                              .text = i % 3 == 0 ? "a common word" : "common enough",
                              .stream = i % 100 == 0 ? "rare" : "usual"}));
  }
  write(records, kRecords);
  std::ranges::sort(records, std::greater(),
                    [](const StoredRecord& stored) { return std::pair(stored.record.time_ms, stored.record.id); });
  Ids with_word;
  for (const auto& [record, hash, correction] : records) {
    all.push_back(record.id);
    if (record.text == "a common word") with_word.push_back(record.id);
    if (record.stream == "rare") of_stream.push_back(record.id);
  }
  EXPECT_EQ(found({.search = "common"}), all);
  EXPECT_EQ(found({.search = "word common"}), with_word);
  EXPECT_EQ(found({.stream = "rare", .search = "common"}), of_stream);
  EXPECT_EQ(found({.search = "common nowhere"}), (Ids{}));
}

TEST_P(HistoryContract, WithoutAStoredTextTheDiskHasNone) {
  write({stored({.id = "n", .time_ms = 1, .text = "canaryone stays away"}, TextPolicy::kNone),
         stored({.id = "h", .time_ms = 2, .text = "canarytwo stays away"}, TextPolicy::kHash),
         stored({.id = "f", .time_ms = 3, .text = "canarythree is kept"}, TextPolicy::kFull)},
        3);
  const auto stats = store_->stats();
  ASSERT_TRUE(stats) << stats.error().to_string();
  EXPECT_EQ(stats->records, 3U);
  EXPECT_EQ(stats->texts, 1U);
  EXPECT_EQ(found({.text_sha256 = sha256_hex("canarytwo stays away")}), (Ids{"h"}));
  store_.reset();
  const auto on_disk = home_->bytes_on_disk();
  if (!on_disk) return;  // its server's files are not ours
  const std::string& bytes = *on_disk;
  EXPECT_EQ(bytes.find("canaryone"), bytes.npos);
  EXPECT_EQ(bytes.find("canarytwo"), bytes.npos);
  EXPECT_NE(bytes.find("canarythree"), bytes.npos);
}

TEST_P(HistoryContract, ErasedRecordsAreGoneWithTheirFiguresAndCorrectionsAndDoNotComeBack) {
  write({stored({.id = "a", .time_ms = kNoonMs, .text = "one", .subject = "ann"}),
         stored({.id = "b", .time_ms = kNoonMs, .text = "two", .subject = "ann"}),
         stored({.id = "c", .time_ms = kNoonMs, .text = "three", .subject = "bob"})},
        3);
  ASSERT_TRUE(store_->add_feedback({.record_id = "a", .label = "positive"}));
  ASSERT_TRUE(store_->add_feedback({.record_id = "c", .label = "positive"}));
  ASSERT_TRUE(store_->add_feedback({.text = "of ann herself", .label = "positive", .subject = "ann"}));

  const auto would = store_->erase({.subject = "ann"}, {.dry_run = true});
  ASSERT_TRUE(would) << would.error().to_string();
  EXPECT_EQ(would->records, 2U);
  EXPECT_EQ(would->corrections, 2U);
  EXPECT_EQ(found({}), (Ids{"c", "b", "a"}));

  const auto erased = store_->erase({.subject = "ann"}, {});
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->records, 2U);
  EXPECT_EQ(erased->corrections, 2U);
  write({stored({.id = "a", .time_ms = kNoonMs, .text = "one", .subject = "ann"})}, 0);  // a replay of the spool
  EXPECT_EQ(found({}), (Ids{"c"}));
  EXPECT_EQ(found({.search = "one"}), (Ids{}));
  const auto trend = store_->trend({.bucket = TimeBucket::kDay});
  ASSERT_TRUE(trend);
  ASSERT_EQ(trend->points.size(), 1U);
  EXPECT_EQ(trend->points[0].total().texts, 1U);
  const auto stats = store_->stats();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->records, 1U);
  EXPECT_EQ(stats->texts, 1U);
  EXPECT_EQ(stats->corrections, 1U);
}

TEST_P(HistoryContract, CorrectionsGoByWhatTheFilterSaysOfTheirRecords) {
  write({stored({.id = "a", .time_ms = kNoonMs, .text = "one", .stream = "old", .subject = "ann"}),
         stored({.id = "b", .time_ms = kNoonMs, .text = "two", .stream = "new", .subject = "ann"}),
         stored({.id = "c", .time_ms = kNoonMs, .text = "three", .stream = "old"})},
        3);
  const auto correct = [&](const Feedback& feedback) { ASSERT_TRUE(store_->add_feedback(feedback)); };
  correct({.record_id = "a", .label = "positive"});
  correct({.record_id = "b", .label = "positive"});
  correct({.record_id = "c", .label = "positive", .subject = "ann"});
  correct({.text = "by itself", .label = "positive", .stream = "old", .subject = "ann"});
  correct({.text = "by itself", .label = "positive", .stream = "new", .subject = "ann"});
  correct({.text = "by itself", .label = "positive", .stream = "new", .subject = "bob"});
  const auto correction_of = [&](const std::string& id) {
    const auto page = store_->query({.id = id}, {});
    return page && page->items.size() == 1 ? page->items[0].correction : "absent";
  };

  // The corrections are older than the record, which stays, and so do they.
  auto erased = store_->erase({.to_ms = kNoonMs, .id = "a", .subject = "ann"}, {});
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->corrections, 0U);
  erased = store_->erase({.stream = "new", .subject = "ann"}, {});
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->records, 1U);
  EXPECT_EQ(erased->corrections, 2U);
  EXPECT_EQ(correction_of("a"), "positive");
  EXPECT_EQ(correction_of("c"), "positive");

  erased = store_->erase({.subject = "ann"}, {});
  ASSERT_TRUE(erased);
  EXPECT_EQ(erased->records, 1U);
  EXPECT_EQ(erased->corrections, 3U);
  EXPECT_EQ(correction_of("c"), "") << "what ann said of another's text is hers";
  const auto left = store_->feedback({}, {});
  ASSERT_TRUE(left);
  ASSERT_EQ(left->items.size(), 1U);
  EXPECT_EQ(left->items[0].subject, "bob");
}

TEST_P(HistoryContract, NothingOfAnErasedTextIsLeftOnTheDisk) {
  std::vector<StoredRecord> records;
  for (int i = 0; i < 500; ++i) {
    const bool secret = i % 3 == 0;
    records.push_back(stored({.id = "id" + std::to_string(i),
                              .time_ms = kNoonMs + i,
                              .text = (secret ? "xcanary" : "harmless") + std::to_string(i) + " common words",
                              .subject = secret ? "zaphod" : "other"}));
  }
  write(records, 500);
  ASSERT_TRUE(store_->add_feedback({.record_id = "id3", .label = "positive"}));
  const auto erased = store_->erase({.subject = "zaphod"}, {});
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->records, 167U);
  EXPECT_TRUE(erased->scrubbed);
  store_.reset();
  const auto on_disk = home_->bytes_on_disk();
  if (!on_disk) return;  // its server's files are not ours
  const std::string& bytes = *on_disk;
  EXPECT_NE(bytes.find("harmless1 "), bytes.npos);
  EXPECT_EQ(bytes.find("xcanary"), bytes.npos);
  EXPECT_EQ(bytes.find("zaphod"), bytes.npos);
}

TEST_P(HistoryContract, RetentionByAgeRemovesWhatIsOlder) {
  write({stored({.id = "a", .time_ms = kNoonMs - 2}), stored({.id = "b", .time_ms = kNoonMs - 1}),
         stored({.id = "c", .time_ms = kNoonMs})},
        3);
  ASSERT_TRUE(store_->add_feedback({.record_id = "a", .label = "positive"}));
  const auto erased = store_->retain({.max_age_ms = kDayMs}, kNoonMs - 1 + kDayMs);
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->records, 1U);
  EXPECT_EQ(found({}), (Ids{"c", "b"}));
  const auto corrections = store_->feedback({}, {});
  ASSERT_TRUE(corrections);
  EXPECT_EQ(corrections->items.size(), 1U);
}

TEST_P(HistoryContract, RetentionBySizeRemovesTheOldest) {
  std::vector<StoredRecord> records;
  for (int i = 0; i < 4000; ++i) {
    records.push_back(stored({.id = std::to_string(10000 + i), .time_ms = kNoonMs + i, .text = std::string(500, 'x')}));
  }
  write(records, 4000);
  constexpr std::uint64_t kLimit = 1'500'000;
  const auto erased = store_->retain({.max_bytes = kLimit}, kNoonMs);
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_GT(erased->records, 500U);
  EXPECT_LT(erased->records, 4000U);
  const auto left = found({});
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.size(), 4000U - erased->records);
  EXPECT_EQ(left.front(), "13999");
  EXPECT_EQ(left.back(), std::to_string(10000 + erased->records));
}

TEST_P(HistoryContract, ACorrectionTellsWhatItsRecordTellsAndTheLatestCounts) {
  write({stored({.id = "a",
                 .time_ms = kNoonMs,
                 .label = "negative",
                 .text = "not bad",
                 .stream = "s",
                 .channel = "ios",
                 .subject = "ann"})},
        1);
  const auto first = store_->add_feedback({.record_id = "a", .label = "neutral", .note = "hm", .source = "page"});
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->text, "not bad");
  EXPECT_EQ(first->predicted, "negative");
  EXPECT_EQ(first->stream, "s");
  EXPECT_EQ(first->channel, "ios");
  EXPECT_EQ(first->subject, "ann");
  EXPECT_EQ(first->time_ms, clock_.unix_ms());
  EXPECT_EQ(first->id.size(), 26U);
  clock_.advance(std::chrono::seconds(1));
  const auto second = store_->add_feedback({.record_id = "a", .label = "positive"});
  ASSERT_TRUE(second);
  auto page = store_->query({.corrected = true}, {});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 1U);
  EXPECT_EQ(page->items[0].correction, "positive");

  const auto all = store_->feedback({}, {.limit = 1});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->items.size(), 1U);
  EXPECT_EQ(all->items[0].id, second->id);
  const auto rest = store_->feedback({}, {.limit = 1, .cursor = all->next});
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->items.size(), 1U);
  EXPECT_EQ(rest->items[0].note, "hm");
  EXPECT_EQ(rest->items[0].source, "page");
  EXPECT_EQ(rest->next, "");

  const auto erased = store_->erase_feedback(second->id);
  ASSERT_TRUE(erased);
  EXPECT_TRUE(*erased);
  page = store_->query({.id = "a"}, {});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->items.at(0).correction, "neutral");
}

TEST_P(HistoryContract, ACorrectionThatComesBeforeItsRecordIsNotLostOnIt) {
  ASSERT_TRUE(store_->add_feedback({.time_ms = 2, .record_id = "a", .text = "not bad", .label = "positive"}));
  ASSERT_TRUE(store_->add_feedback({.time_ms = 1, .record_id = "a", .text = "not bad", .label = "neutral"}));
  ASSERT_TRUE(store_->add_feedback({.text = "of no record", .label = "neutral"}));
  write({stored({.id = "a", .time_ms = kNoonMs, .text = "not bad"}), stored({.id = "b", .time_ms = kNoonMs})}, 2);
  const auto page = store_->query({.corrected = true}, {});
  ASSERT_TRUE(page) << page.error().to_string();
  ASSERT_EQ(page->items.size(), 1U);
  EXPECT_EQ(page->items[0].record.id, "a");
  EXPECT_EQ(page->items[0].correction, "positive");
}

TEST_P(HistoryContract, ACorrectionNeedsATextAndALabel) {
  write({stored({.id = "h", .time_ms = 1, .text = "hashed"}, TextPolicy::kHash)}, 1);
  EXPECT_EQ(store_->add_feedback({.record_id = "h", .label = "positive"}).error().code(), ErrorCode::kInvalidData);
  EXPECT_EQ(store_->add_feedback({.record_id = "unknown", .label = "positive"}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_->add_feedback({.text = "a text"}).error().code(), ErrorCode::kInvalidData);
  EXPECT_TRUE(store_->add_feedback({.record_id = "h", .text = "hashed", .label = "positive"}));
  EXPECT_TRUE(store_->add_feedback({.text = "a text", .label = "positive"}));
}

TEST_P(HistoryContract, ARepeatedCorrectionIsTheSame) {
  ASSERT_TRUE(store_->add_feedback({.id = "f1", .text = "t", .label = "x"}));
  ASSERT_TRUE(store_->add_feedback({.id = "f1", .text = "t", .label = "x"}));
  const auto all = store_->feedback({}, {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->items.size(), 1U);
}

TEST_P(HistoryContract, WhatIsNoCursorOrLimitIsRefused) {
  for (const char* cursor : {"x", "====", "djI6", "djE6", "djE6eHg6YQ", "\xFF", "djE6MTIzNDU2Nzg5MDEyMzQ1Njc4OTA6YQ"}) {
    const auto page = store_->query({}, {.cursor = cursor});
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(store_->query({}, {.limit = 0}));
  EXPECT_FALSE(store_->query({}, {.limit = kMaxPageItems + 1}));
}

TEST_P(HistoryContract, BytesThatNoStoreHoldsAreReplacedAndTheRestStands) {
  pipeline::ClassifiedRecord record = classified({.id = "a", .time_ms = 1});
  record.text = std::string("nul\0 and \xFF broken", 17);
  record.stream = std::string("s\0", 2);
  record.score = std::numeric_limits<float>::quiet_NaN();
  write({stored_form(record, TextPolicy::kFull)}, 1);
  const auto page = store_->query({}, {});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->items.at(0).record.text, "nul\uFFFD and \uFFFD broken");
  EXPECT_EQ(page->items.at(0).record.stream, "s\uFFFD");
  EXPECT_EQ(page->items.at(0).record.score, 0);
  EXPECT_EQ(page->items.at(0).text_sha256, sha256_hex(record.text));
}

TEST_P(HistoryContract, TheAccessLogTellsWhatWasDoneWithoutAWordOfIt) {
  ASSERT_TRUE(store_->log_access({.time_ms = 5, .action = "export", .detail = "label=negative", .records = 12}));
  ASSERT_TRUE(store_->log_access({.time_ms = 6, .action = "delete", .detail = "everything", .records = 1}));
  const auto log = store_->access_log(10);
  ASSERT_TRUE(log);
  ASSERT_EQ(log->size(), 2U);
  EXPECT_EQ(log->at(0).action, "delete");
  EXPECT_EQ(log->at(1).records, 12U);
}

TEST_P(HistoryContract, ADeletionIsInTheAccessLogAndADryRunIsNot) {
  write({stored({.id = "a", .time_ms = kNoonMs, .subject = "ann"}), stored({.id = "b", .time_ms = kNoonMs + kDayMs})},
        2);
  ASSERT_TRUE(store_->erase({.stream = "default", .subject = "ann"}, {.dry_run = true}));
  EXPECT_TRUE(store_->access_log(10)->empty());
  ASSERT_TRUE(store_->erase({.stream = "default", .subject = "ann"}, {}));
  ASSERT_TRUE(store_->retain({.max_age_ms = kDayMs}, kNoonMs + 3 * kDayMs));
  const auto log = store_->access_log(10);
  ASSERT_TRUE(log) << log.error().to_string();
  ASSERT_EQ(log->size(), 2U);
  EXPECT_EQ(log->at(1).action, "delete");
  EXPECT_EQ(log->at(1).time_ms, clock_.unix_ms());
  EXPECT_EQ(log->at(1).records, 1U);
  EXPECT_EQ(log->at(1).detail, "stream=default subject=(not kept)");
  EXPECT_EQ(log->at(0).action, "retention");
  EXPECT_EQ(log->at(0).records, 1U);
}

}  // namespace
}  // namespace valence::store::testing
