#include "valence/store/spool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <set>

#include "support/temporary_directory.h"
#include "unit/store/history_records.h"
#include "valence/store/spool_segment.h"
#include "valence/store/sqlite_store.h"

namespace valence::store::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr milliseconds kLongEnough = seconds(60);

/// A store that is away until told otherwise, in front of one that is there.
class FlakyStore final : public HistoryStore {
 public:
  explicit FlakyStore(HistoryStore& behind) : behind_(behind) {}
  std::atomic<bool> away = true;
  std::atomic<int> attempts = 0;
  /// A record with this id can never be stored.
  std::string refused_id;

  Result<std::size_t> write(std::span<const StoredRecord> records) override {
    ++attempts;
    if (away) return fail(ErrorCode::kRemote, "db", "is away");
    for (const StoredRecord& stored : records) {
      if (stored.record.id == refused_id) return fail(ErrorCode::kInvalidArgument, "db", "index row too large");
    }
    return behind_.write(records);
  }
  Result<HistoryPage> query(const HistoryFilter& f, const PageRequest& p) override { return behind_.query(f, p); }
  Result<std::uint64_t> count(const HistoryFilter& f) override { return behind_.count(f); }
  Result<Trend> trend(const TrendRequest& r) override { return behind_.trend(r); }
  Result<Feedback> add_feedback(Feedback f) override { return behind_.add_feedback(std::move(f)); }
  Result<FeedbackPage> feedback(const FeedbackFilter& f, const PageRequest& p) override {
    return behind_.feedback(f, p);
  }
  Result<bool> erase_feedback(const std::string& id) override { return behind_.erase_feedback(id); }
  Result<Erased> erase(const HistoryFilter& f, const EraseOptions& o) override { return behind_.erase(f, o); }
  Result<Erased> retain(const Retention& r, std::int64_t now) override { return behind_.retain(r, now); }
  Result<HistoryStats> stats() override { return behind_.stats(); }
  Status log_access(const AccessEntry& e) override { return behind_.log_access(e); }
  Result<std::vector<AccessEntry>> access_log(std::size_t n) override { return behind_.access_log(n); }

 private:
  HistoryStore& behind_;
};

std::vector<pipeline::ClassifiedRecord> records_of(int first, int count) {
  std::vector<pipeline::ClassifiedRecord> records;
  for (int i = first; i < first + count; ++i) {
    records.push_back(classified({.id = "id" + std::to_string(100'000 + i), .time_ms = i, .text = "canary text"}));
  }
  return records;
}

class SpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = SqliteStore::open(directory_.path() / "history.db");
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    flaky_ = std::make_unique<FlakyStore>(*store_);
    options_.directory = directory_.path() / "spool";
    options_.text = TextPolicy::kFull;
  }

  std::unique_ptr<Spool> open(HistoryStore& store) {
    auto spool = Spool::open(options_, store);
    EXPECT_TRUE(spool) << spool.error().to_string();
    return spool ? std::move(*spool) : nullptr;
  }

  std::uint64_t stored_count() { return store_->count({}).value_or(0); }

  std::vector<std::filesystem::path> segments(const char* suffix = ".spool") {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      if (entry.path().extension() == suffix) paths.push_back(entry.path());
    }
    return paths;
  }

  std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  valence::testing::TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<FlakyStore> flaky_;
  SpoolOptions options_;
};

TEST_F(SpoolTest, WhatIsTakenReachesTheStoreAndLeavesNoFileBehind) {
  const auto spool = open(*store_);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(spool->write(records_of(i * 10, 10)));
  const Status drained = spool->drain(kLongEnough);
  ASSERT_TRUE(drained) << drained.error().to_string();
  EXPECT_EQ(stored_count(), 500U);
  EXPECT_TRUE(segments().empty());
  EXPECT_EQ(spool->stats().taken, 500U);
  EXPECT_EQ(spool->stats().drained, 500U);
  EXPECT_EQ(spool->stats().waiting_bytes, 0U);
}

TEST_F(SpoolTest, WhoSettlesFindsWhatWasTakenWithoutWaitingForCompany) {
  options_.group_delay = options_.batch_delay = std::chrono::hours(1);
  const auto spool = open(*store_);
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(spool->write(records_of(i * 10, 10)));
    spool->settle(kLongEnough);
    EXPECT_EQ(stored_count(), static_cast<std::uint64_t>(i) * 10);
  }
}

TEST_F(SpoolTest, NobodySettlesForAStoreThatFails) {
  const auto spool = open(*flaky_);
  ASSERT_TRUE(spool->write_durably(records_of(0, 10), kLongEnough));
  spool->settle(kLongEnough);
  EXPECT_TRUE(spool->stats().store_failing);
}

TEST_F(SpoolTest, WhileTheStoreIsAwayRecordsWaitOnDiskAndThenAllArriveOnce) {
  options_.segment_bytes = 4096;  // several segments
  const auto spool = open(*flaky_);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(spool->write_durably(records_of(i * 10, 10), kLongEnough));
  EXPECT_GT(segments().size(), 3U);
  const Status held = spool->drain(milliseconds(1));
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code(), ErrorCode::kDeadlineExceeded);
  flaky_->away = false;
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 200U);
  EXPECT_FALSE(spool->stats().store_failing);
}

TEST_F(SpoolTest, AFullSpoolRefusesAndCounts) {
  options_.max_bytes = 20'000;
  const auto spool = open(*flaky_);
  int taken = 0;
  while (spool->write_durably(records_of(taken, 1), kLongEnough)) ++taken;
  EXPECT_GT(taken, 10);
  const Status refused = spool->write(records_of(taken, 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kOverloaded);
  EXPECT_EQ(spool->stats().refused, 4U);
  EXPECT_LE(spool->stats().waiting_bytes, options_.max_bytes);
  flaky_->away = false;
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), static_cast<std::uint64_t>(taken));
  EXPECT_TRUE(spool->write(records_of(taken, 3)));
}

TEST_F(SpoolTest, WhatWasNotHandedOnWaitsForTheNextRun) {
  {
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write(records_of(0, 25)));
    spool->close(milliseconds(0));
    EXPECT_FALSE(spool->write(records_of(25, 1)));
  }
  EXPECT_FALSE(segments().empty());
  const auto spool = open(*store_);
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 25U);
}

TEST_F(SpoolTest, OnlyOneProcessHasADirectory) {
  const auto first = open(*store_);
  const auto second = Spool::open(options_, *store_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kOverloaded);
}

TEST_F(SpoolTest, TextsThatMayNotBeStoredAreInNoSegment) {
  for (const TextPolicy policy : {TextPolicy::kNone, TextPolicy::kHash}) {
    options_.text = policy;
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write_durably(records_of(0, 5), kLongEnough));
    for (const auto& path : segments()) EXPECT_EQ(bytes_of(path).find("canary"), std::string::npos);
  }
}

TEST_F(SpoolTest, ASegmentCutAnywhereGivesTheRecordsThatAreWhole) {
  {
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write_durably(records_of(0, 3), kLongEnough));
  }
  ASSERT_EQ(segments().size(), 1U);
  const auto path = segments().front();
  const std::string whole = bytes_of(path);
  std::vector<std::size_t> ends;
  SegmentReader reader(whole);
  while (reader.next()) ends.push_back(reader.offset());
  ASSERT_EQ(ends.size(), 3U);
  EXPECT_EQ(reader.end(), SegmentReader::End::kClean);
  for (std::size_t size = 0; size <= whole.size(); size += 7) {
    SegmentReader cut(std::string_view(whole).substr(0, size));
    std::size_t frames = 0;
    while (cut.next()) ++frames;
    EXPECT_EQ(frames, static_cast<std::size_t>(std::ranges::count_if(ends, [&](auto end) { return end <= size; })));
  }
  // Through a spool: in the middle of the third record, and with the zeros that a power loss leaves.
  std::ofstream(path, std::ios::binary) << whole.substr(0, ends[1] + 5);
  directory_.write("spool/000000000099.spool", whole.substr(0, ends[0]) + std::string(500, '\0'));
  const auto spool = open(*store_);
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 2U);
  EXPECT_EQ(spool->stats().damaged_segments, 0U);
}

TEST_F(SpoolTest, ADamagedSegmentGivesWhatComesBeforeAndIsSetAside) {
  {
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write_durably(records_of(0, 3), kLongEnough));
  }
  const auto path = segments().front();
  std::string bytes = bytes_of(path);
  bytes[bytes.size() / 2] ^= 0x20;  // in the second record
  std::ofstream(path, std::ios::binary) << bytes;
  directory_.write("spool/000000000099.spool", "something else altogether");
  const auto spool = open(*store_);
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 1U);
  EXPECT_EQ(spool->stats().damaged_segments, 2U);
  EXPECT_EQ(segments(".damaged").size(), 2U);
  ASSERT_TRUE(spool->write_durably(records_of(10, 1), kLongEnough));
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 2U);
}

TEST_F(SpoolTest, ARecordThatTheStoreNeverTakesIsSetAsideAlone) {
  std::vector<std::string> lines;
  options_.log = [&lines](const std::string& line) { lines.push_back(line); };
  flaky_->away = false;
  flaky_->refused_id = "id100123";
  {
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write(records_of(0, 300)));
    ASSERT_TRUE(spool->drain(kLongEnough));
    EXPECT_EQ(stored_count(), 299U);
    EXPECT_EQ(spool->stats().set_aside, 1U);
    EXPECT_FALSE(spool->stats().store_failing);
    EXPECT_EQ(spool->stats().waiting_bytes, 0U);
  }
  EXPECT_LE(flaky_->attempts, 2 * 9 + 2);  // halves of 300, and nothing is tried for ever
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines.front().find("id100123"), std::string::npos);
  ASSERT_EQ(segments(".damaged").size(), 1U);
  // Put back, it is a segment like any other.
  std::filesystem::rename(segments(".damaged").front(), options_.directory / "000000000077.spool");
  const auto spool = open(*store_);
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 300U);
}

TEST_F(SpoolTest, AStoreThatFailsAndIsBackIsLoggedOnce) {
  std::vector<std::string> lines;
  options_.log = [&lines](const std::string& line) { lines.push_back(line); };
  {
    const auto spool = open(*flaky_);
    ASSERT_TRUE(spool->write_durably(records_of(0, 10), kLongEnough));
    while (flaky_->attempts < 3) std::this_thread::yield();
    flaky_->away = false;
    ASSERT_TRUE(spool->drain(kLongEnough));
  }
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[0].find("is away"), std::string::npos);
  EXPECT_NE(lines[1].find("again"), std::string::npos);
}

TEST_F(SpoolTest, WhatComesWhileItDrainsDoesNotHoldItUp) {
  options_.segment_life = std::chrono::hours(1);
  const auto spool = open(*store_);
  ASSERT_TRUE(spool->write(records_of(0, 10)));
  std::atomic<bool> over = false;
  std::thread writer([&] {
    for (int i = 1; !over; ++i) {
      if (!spool->write_durably(records_of(i * 10, 10), kLongEnough)) break;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto before = segments();
    const Status drained = spool->drain(kLongEnough);
    EXPECT_TRUE(drained) << drained.error().to_string();
    const auto after = segments();
    for (const auto& path : before) EXPECT_EQ(std::ranges::count(after, path), 0) << path;
  }
  over = true;
  writer.join();
}

TEST_F(SpoolTest, ARecordLargerThanTheReadersBufferPasses) {
  const auto spool = open(*store_);
  auto records = records_of(0, 3);
  records[1].text = std::string(3 << 20, 'x');
  ASSERT_TRUE(spool->write(records));
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(stored_count(), 3U);
}

TEST_F(SpoolTest, ManyWritersAtOnceLoseNothing) {
  options_.segment_bytes = 64 << 10;
  const auto spool = open(*store_);
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 50; ++i) {
        if (!spool->write_durably(records_of(writer * 1000 + i * 5, 5), kLongEnough)) ++failed;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  ASSERT_TRUE(spool->drain(kLongEnough));
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(stored_count(), 8U * 50 * 5);
}

}  // namespace
}  // namespace valence::store::testing
