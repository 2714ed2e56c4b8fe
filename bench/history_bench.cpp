// What a large history costs: written, opened, reported. Seeded: each run writes the same records, so that the figures
// of `valence history report` can be held against SQL on the file (docs/history.md).
//
//   history_bench PLACE [RECORDS] [TEXT]    a new file, or postgresql://...; [1000000]; none, hash or full [full]
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/random.h"
#include "valence/store/open_history.h"
#include "valence/store/trend_report.h"

namespace valence::store {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr std::int64_t kBegin = 1'704'067'200'000;  // 2024-01-01
constexpr std::int64_t kSpan = 731LL * 86'400'000;  // 24 months: 2024 is a leap year
constexpr std::size_t kBatch = 2000;                // as the spool hands them on
constexpr std::array<const char*, 3> kLabels{"negative", "neutral", "positive"};
constexpr std::array<const char*, 3> kStreams{"reviews", "tickets", "social"};
constexpr std::array<const char*, 4> kChannels{"ios", "android", "web", ""};
constexpr std::array<const char*, 24> kWords{"battery", "screen", "delivery", "price",   "refund", "support",
                                             "love",    "hate",   "slow",     "fast",    "broken", "lovely",
                                             "late",    "early",  "update",   "crash",   "camera", "sound",
                                             "charger", "box",    "return",   "helpful", "rude",   "cheap"};

[[noreturn]] void stop(const Error& error) {
  fmt::print(stderr, "{}\n", error.to_string());
  std::exit(2);
}

double seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Shares drift with time, so that months differ, and differ between streams.
pipeline::ClassifiedRecord record_of(std::uint64_t number, std::uint64_t records, Random& random) {
  pipeline::ClassifiedRecord record;
  record.id = fmt::format("bench-{:012}", number);
  record.time_ms = kBegin + static_cast<std::int64_t>(static_cast<double>(kSpan) * static_cast<double>(number) /
                                                      static_cast<double>(records));
  const std::uint64_t stream = random.below(kStreams.size());
  record.stream = kStreams[stream];
  record.channel = kChannels[random.below(kChannels.size())];
  record.subject = fmt::format("customer-{}", random.below(50'000));
  const std::uint64_t negative = 8 + 4 * stream + 10 * number / records;  // percent
  const std::uint64_t draw = random.below(100);
  const std::size_t label = draw < negative ? 0 : draw < negative + 20 ? 1 : 2;
  record.label = kLabels[label];
  record.score = 0.5F + static_cast<float>(random.below(500'000)) * 1e-6F;
  const float rest = (1 - record.score) / 2;
  for (std::size_t i = 0; i < kLabels.size(); ++i)
    record.scores.push_back({kLabels[i], i == label ? record.score : rest});
  for (int i = 0; i < 12; ++i) record.text += std::string(i == 0 ? "" : " ") + kWords[random.below(kWords.size())];
  record.model = "default";
  record.model_version = "0123456789ab";
  record.config_version = "0123456789ab";
  record.tokens = 14;
  return record;
}

void write_all(HistoryStore& store, std::uint64_t records, TextPolicy policy) {
  Random random(kSeed);
  std::vector<StoredRecord> batch;
  for (std::uint64_t number = 0; number < records; ++number) {
    batch.push_back(stored_form(record_of(number, records, random), policy));
    if (batch.size() < kBatch && number + 1 < records) continue;
    if (const auto written = store.write(batch); !written) stop(written.error());
    batch.clear();
  }
}

int run(const std::string& place, std::uint64_t records, TextPolicy policy) {
  const SystemClock clock;
  {
    auto store = open_history(place, HistoryAccess::kKeep, clock);
    if (!store) stop(store.error());
    const double seconds = seconds_of([&] { write_all(**store, records, policy); });
    fmt::print("written    {:8.2f} s  {:.0f} records/s\n", seconds, static_cast<double>(records) / seconds);
  }
  std::unique_ptr<HistoryStore> store;
  fmt::print("opened     {:8.3f} s\n", seconds_of([&] {
               auto opened = open_history(place, HistoryAccess::kKeep, clock);
               if (!opened) stop(opened.error());
               store = *std::move(opened);
             }));
  const auto timed = [](const char* what, const auto& work) {
    fmt::print("{:<10} {:8.3f} s\n", what, seconds_of([&] {
                 if (const auto done = work(); !done) stop(done.error());
               }));
  };
  timed("report", [&] { return make_trend_report(*store, {}); });
  timed("trend", [&] { return store->trend({.bucket = TimeBucket::kDay}); });
  timed("page", [&] { return store->query({}, {}); });
  timed("search", [&] { return store->query({.search = "battery crash"}, {}); });
  timed("stats", [&] { return store->stats(); });
  return 0;
}

}  // namespace
}  // namespace valence::store

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "history_bench PLACE [RECORDS] [none|hash|full]\n");
    return 2;
  }
  const auto policy = valence::store::parse_text_policy(argc > 3 ? argv[3] : "full");
  if (!policy) return 2;
  return valence::store::run(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000, *policy);
}
