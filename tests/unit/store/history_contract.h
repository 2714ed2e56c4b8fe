/// \file
/// How every HistoryStore behaves: one suite, instantiated over each.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/store/history_store.h"

namespace valence::store::testing {

using Ids = std::vector<std::string>;

inline constexpr std::int64_t kNoonMs = 1'768'478'400'000;  // 2026-01-15T12:00:00Z
inline constexpr std::int64_t kDayMs = 86'400'000;

/// Where a store of one kind lives during a test.
class StoreHome {
 public:
  StoreHome() = default;
  StoreHome(const StoreHome&) = delete;
  StoreHome& operator=(const StoreHome&) = delete;
  virtual ~StoreHome() = default;

  /// Opens the home's one history; what another opened before wrote is there.
  virtual Result<std::unique_ptr<HistoryStore>> open(const Clock& clock) = 0;
  /// All bytes of all files that the store owns, after it was closed; nothing where a server owns them.
  virtual std::optional<std::string> bytes_on_disk() = 0;
};

struct StoreKind {
  std::string name;
  /// Null, with a reason printed, where this kind cannot run here.
  std::function<std::unique_ptr<StoreHome>()> make_home;
};

class HistoryContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    home_ = GetParam().make_home();
    if (home_ == nullptr) GTEST_SKIP() << GetParam().name << " cannot run here";
    reopen();
  }

  void reopen() {
    store_.reset();
    auto opened = home_->open(clock_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
  }

  /// The ids that a query finds, all pages.
  std::vector<std::string> found(const HistoryFilter& filter);
  void write(const std::vector<StoredRecord>& records, std::size_t expected_new);

  ManualClock clock_{1'700'000'000'000};
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<HistoryStore> store_;
};

}  // namespace valence::store::testing
