#include "unit/store/postgres_server.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "unit/store/history_records.h"
#include "valence/store/postgres_store.h"
#include "valence/store/spool.h"

namespace valence::store::testing {
namespace {

namespace fs = std::filesystem;

/// Debian keeps the server's programs out of PATH; the newest version there is.
std::string server_programs() {
  std::vector<std::string> found;
  std::error_code absent;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", absent)) {
    if (fs::exists(version.path() / "bin/initdb")) found.push_back((version.path() / "bin").string());
  }
  std::ranges::sort(found);
  return found.empty() ? "" : found.back();
}

}  // namespace

PostgresServer* PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> kServer = start();
  return kServer.get();
}

std::unique_ptr<PostgresServer> PostgresServer::start() {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->programs_ = server_programs();
  if (server->programs_.empty()) {
    std::printf("no PostgreSQL server is installed (Debian: postgresql-15)\n");
    return nullptr;
  }
  const std::string directory = server->directory_.path().string();
  if (::geteuid() == 0) {  // it refuses to run as root
    const passwd* const nobody = ::getpwnam("postgres") != nullptr ? ::getpwnam("postgres") : ::getpwnam("nobody");
    if (nobody == nullptr || ::chown(directory.c_str(), nobody->pw_uid, nobody->pw_gid) != 0) {
      std::printf("no user to run PostgreSQL as\n");
      return nullptr;
    }
    server->as_user_ = "setpriv --reuid=" + std::to_string(nobody->pw_uid) +
                       " --regid=" + std::to_string(nobody->pw_gid) + " --clear-groups ";
  }
  const bool made =
      server->run("initdb -D " + directory + "/data -U tester -A trust -E UTF8 --locale=C.UTF-8 --no-sync");
  if (!made || !server->start_again()) {
    std::printf("PostgreSQL does not start here\n");
    return nullptr;
  }
  return server;
}

PostgresServer::~PostgresServer() { stop(); }

bool PostgresServer::run(const std::string& command) const {
  const std::string whole =
      "cd / && " + as_user_ + programs_ + "/" + command + " >>" + directory_.path().string() + "/log 2>&1";
  return std::system(whole.c_str()) == 0;
}

std::string PostgresServer::new_database() {
  const std::string directory = directory_.path().string();
  const std::string name = "test" + std::to_string(++databases_);
  EXPECT_TRUE(run("createdb -h " + directory + " -U tester " + name));
  return "postgresql://tester@/" + name + "?host=" + directory;
}

bool PostgresServer::stop() { return run("pg_ctl -D " + directory_.path().string() + "/data -m immediate -w stop"); }

bool PostgresServer::start_again() {
  const std::string directory = directory_.path().string();
  // Nothing listens on a network; the log goes to a file of its own.
  return run("pg_ctl -D " + directory + "/data -w -l " + directory + "/server.log -o \"-c listen_addresses='' -k " +
             directory + "\" start");
}

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Postgres, WhileTheServerIsDownRecordsWaitAndThenAllAreThereOnce) {
  const auto server = PostgresServer::start();
  if (server == nullptr) GTEST_SKIP();
  // The release's 60 seconds: VALENCE_DOWN_SECONDS=60.
  const char* const asked = std::getenv("VALENCE_DOWN_SECONDS");
  const auto down_for = seconds(asked == nullptr ? 2 : std::atoi(asked));
  PostgresStore store(server->new_database(), {});
  const valence::testing::TemporaryDirectory directory;
  SpoolOptions options;
  options.directory = directory.path() / "spool";
  options.text = TextPolicy::kFull;
  options.longest_retry = milliseconds(200);
  auto spool = Spool::open(options, store);
  ASSERT_TRUE(spool) << spool.error().to_string();
  std::uint64_t written = 0;
  const auto write_one = [&] {
    const Status taken = (*spool)->write_durably(
        std::vector{classified({.id = "id" + std::to_string(1'000'000 + written), .time_ms = 5})}, seconds(60));
    ASSERT_TRUE(taken) << taken.error().to_string();
    ++written;
  };
  for (int i = 0; i < 200; ++i) write_one();
  ASSERT_TRUE(server->stop());  // in the middle of a batch, as like as not
  const auto back_at = std::chrono::steady_clock::now() + down_for;
  while (std::chrono::steady_clock::now() < back_at) write_one();
  EXPECT_TRUE((*spool)->stats().store_failing);
  EXPECT_GT((*spool)->stats().waiting_bytes, 0U);
  ASSERT_TRUE(server->start_again());
  for (int i = 0; i < 200; ++i) write_one();
  const Status drained = (*spool)->drain(seconds(60));
  ASSERT_TRUE(drained) << drained.error().to_string();
  const auto count = store.count({});
  ASSERT_TRUE(count) << count.error().to_string();
  EXPECT_EQ(*count, written);
  const auto trend = store.trend({.bucket = TimeBucket::kMonth});
  ASSERT_TRUE(trend);
  EXPECT_EQ(trend->points.at(0).total().texts, written);
  EXPECT_EQ((*spool)->stats().refused, 0U);
  std::printf("%llu records, none lost, none twice\n", static_cast<unsigned long long>(written));
}

TEST(Postgres, AServerThatIsAwayIsARemoteError) {
  PostgresStore store("postgresql://tester@/none?host=/nowhere", {});
  const auto found = store.count({});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kRemote);
}

TEST(Postgres, ANewerSchemaIsRefused) {
  PostgresServer* const server = PostgresServer::shared();
  if (server == nullptr) GTEST_SKIP();
  const std::string address = server->new_database();
  auto connection = PostgresConnection::open(address);
  ASSERT_TRUE(connection) << connection.error().to_string();
  ASSERT_TRUE(
      connection->execute("CREATE SCHEMA valence; CREATE TABLE meta(version integer); INSERT INTO meta VALUES (99)"));
  PostgresStore store(address, {});
  const auto found = store.count({});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kUnsupported);
}

TEST(Postgres, ADeletionStandsWhereItCannotBeTidiedAfter) {
  PostgresServer* const server = PostgresServer::shared();
  if (server == nullptr) GTEST_SKIP();
  const std::string address = server->new_database();
  PostgresStore store(address, {});
  ASSERT_TRUE(store.write(std::vector{stored({.id = "a", .time_ms = 1}), stored({.id = "b", .time_ms = 2})}));
  auto other = PostgresConnection::open(address);
  ASSERT_TRUE(other) << other.error().to_string();
  ASSERT_TRUE(other->execute("BEGIN; LOCK TABLE feedback IN SHARE UPDATE EXCLUSIVE MODE"));  // as VACUUM does
  const auto erased = store.erase({.id = "a"}, {});
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->records, 1U);
  EXPECT_FALSE(erased->scrubbed);
  ASSERT_TRUE(other->execute("ROLLBACK"));
  const auto next = store.erase({.id = "b"}, {});
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->scrubbed);
}

TEST(Postgres, ARetentionGoesInBatches) {
  PostgresServer* const server = PostgresServer::shared();
  if (server == nullptr) GTEST_SKIP();
  PostgresStore store(server->new_database(), {});
  std::vector<StoredRecord> records;
  for (int i = 0; i < 12'000; ++i) records.push_back(stored({.id = std::to_string(i), .time_ms = i}));
  ASSERT_TRUE(store.write(records));
  const auto erased = store.retain({.max_age_ms = 1}, 11'001);
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->records, 11'000U);
  const auto log = store.access_log(10);
  ASSERT_TRUE(log);
  ASSERT_EQ(log->size(), 3U);
  EXPECT_EQ(log->at(0).records, 1'000U);
  EXPECT_EQ(log->at(2).records, 5'000U);
  EXPECT_EQ(store.count({}).value_or(0), 1'000U);
}

}  // namespace
}  // namespace valence::store::testing
