#include "valence/data/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <random>
#include <thread>

#include "support/temporary_directory.h"
#include "valence/base/file.h"

namespace valence::data {
namespace {

namespace fs = std::filesystem;

constexpr auto kAlways = OutputFile::Note::kAlways;

class OutputFileTest : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] std::string content(const std::string& name) const {
    return read_file(path(name), 1 << 20).value_or("(none)");
  }
  std::unique_ptr<OutputFile> open(const std::string& name, const OutputFileOptions& options = {}) const {
    auto file = OutputFile::open(path(name), options);
    EXPECT_TRUE(file.has_value()) << file.error().to_string();
    return file ? std::move(*file) : nullptr;
  }
  static void write(OutputFile& file, std::string_view record) {
    file.sink().buffer() += record;
    ASSERT_TRUE(file.sink().end_record().has_value());
  }

  testing::TemporaryDirectory folder_;
  const OutputFileOptions fresh_ = {.run = RunIdentity{.inputs = {}, .settings = {{"--top-k", "1"}}}};
  const OutputFileOptions resuming_ = {.run = fresh_.run, .resume = true};
};

TEST_F(OutputFileTest, NothingHasTheFinalNameBeforeTheCommit) {
  const auto file = open("out.csv", fresh_);
  write(*file, "row\n");
  ASSERT_TRUE(file->checkpoint(1, kAlways).has_value());
  EXPECT_FALSE(fs::exists(path("out.csv")));
  EXPECT_EQ(content("out.csv.partial"), "row\n");
  EXPECT_EQ(file->partial_path(), path("out.csv.partial"));
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_EQ(content("out.csv"), "row\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1) << "neither partial nor journal stays";
}

TEST_F(OutputFileTest, OldFileStaysWholeUntilItIsReplacedAndKeepsItsMode) {
  folder_.write("out.csv", "old\n");
  ::chmod(path("out.csv").c_str(), 0640);
  const auto file = open("out.csv");
  write(*file, "new\n");
  EXPECT_EQ(content("out.csv"), "old\n");
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_EQ(content("out.csv"), "new\n");
  EXPECT_EQ(fs::status(path("out.csv")).permissions(), fs::perms(0640));
}

TEST_F(OutputFileTest, InterruptedRunLeavesWholeRecords) {
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "one\n");
    file->sink().buffer() += "tw";
  }
  EXPECT_FALSE(fs::exists(path("out.csv")));
  EXPECT_EQ(content("out.csv.partial"), "one\n");
  EXPECT_TRUE(has_partial(path("out.csv")));
  EXPECT_FALSE(has_partial(path("other.csv")));
}

TEST_F(OutputFileTest, SymbolicLinkLeadsToItsTarget) {
  fs::create_directory(path("real"));
  fs::create_symlink("real/out.csv", path("link.csv"));
  const auto file = open("link.csv");
  EXPECT_EQ(file->partial_path(), path("real/out.csv.partial"));
  write(*file, "row\n");
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_TRUE(fs::is_symlink(path("link.csv")));
  EXPECT_EQ(content("real/out.csv"), "row\n");
}

TEST_F(OutputFileTest, DeviceIsWrittenDirectly) {
  const auto file = OutputFile::open("/dev/null", {});
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ((*file)->partial_path(), std::nullopt);
  write(**file, "row\n");
  EXPECT_TRUE((*file)->commit().has_value());
  EXPECT_FALSE(fs::exists("/dev/null.partial"));
}

TEST_F(OutputFileTest, FullDeviceIsAnIoErrorAtTheCommit) {
  const auto file = OutputFile::open("/dev/full", {});
  ASSERT_TRUE(file.has_value());
  write(**file, "row\n");
  EXPECT_EQ((*file)->commit().error().to_string(), "/dev/full: cannot be written: No space left on device.");
}

TEST_F(OutputFileTest, FifoIsWrittenDirectlyOnceItHasAReader) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] {
    const int fd = ::open(path("fifo").c_str(), O_RDONLY | O_CLOEXEC);
    std::array<char, 100> buffer{};
    for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      received.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::close(fd);
  });
  {
    const auto file = open("fifo");
    write(*file, "row\n");
    EXPECT_TRUE(file->commit().has_value());
  }
  reader.join();
  EXPECT_EQ(received, "row\n");
}

TEST_F(OutputFileTest, WaitForAFifosReaderCanBeStopped) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  std::atomic<bool> stop = true;
  const auto file = OutputFile::open(path("fifo"), {.stop = &stop});
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), ErrorCode::kCancelled);
}

TEST_F(OutputFileTest, SocketIsConnectedTo) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path("socket").string();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, name.data(), name.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  {
    const auto file = open("socket");
    write(*file, "row\n");
    EXPECT_TRUE(file->commit().has_value());
  }
  const int peer = ::accept(listener, nullptr, nullptr);
  std::array<char, 10> buffer{};
  EXPECT_EQ(::read(peer, buffer.data(), buffer.size()), 4);
  ::close(peer);
  ::close(listener);
}

TEST_F(OutputFileTest, DirectoryAndMissingFolderAreErrors) {
  EXPECT_EQ(OutputFile::open(folder_.path(), {}).error().what(), "is a directory, expected a file");
  const auto file = OutputFile::open(path("no/out.csv"), {});
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), ErrorCode::kIo);
  EXPECT_EQ(file.error().what(), "cannot be created: No such file or directory");
}

TEST_F(OutputFileTest, TwoProgramsCannotWriteOnePartial) {
  const auto file = open("out.csv");
  write(*file, "row\n");
  const auto second = OutputFile::open(path("out.csv"), {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().what(), "is being written by another program");
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_EQ(content("out.csv"), "row\n") << "and the second has not harmed the first";
}

TEST_F(OutputFileTest, LinkInThePartialsPlaceIsNotFollowed) {
  folder_.write("precious", "keep");
  fs::create_symlink("precious", path("out.csv.partial"));
  EXPECT_FALSE(OutputFile::open(path("out.csv"), {}).has_value());
  EXPECT_EQ(content("precious"), "keep");
}

TEST_F(OutputFileTest, ResumedRunGoesOnBehindItsLastCheckpoint) {
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "one\n");
    ASSERT_TRUE(file->checkpoint(5, kAlways).has_value()) << "four records were skipped as bad";
    write(*file, "two\n");
    ASSERT_TRUE(file->sink().flush().has_value());
  }
  const auto file = open("out.csv", resuming_);
  EXPECT_EQ(file->resumed_records(), 5U);
  EXPECT_TRUE(file->appending());
  EXPECT_EQ(content("out.csv.partial"), "one\n") << "what no checkpoint speaks of is made again";
  write(*file, "TWO\n");
  ASSERT_TRUE(file->checkpoint(6, kAlways).has_value());
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_EQ(content("out.csv"), "one\nTWO\n");
}

TEST_F(OutputFileTest, ClosingPartOfAnInterruptedDocumentIsCutOff) {
  {
    const auto file = open("out.json", fresh_);
    write(*file, "[1");
    ASSERT_TRUE(file->sink().finish_with("]\n").has_value());
    ASSERT_TRUE(file->checkpoint(1, kAlways).has_value());
  }
  EXPECT_EQ(content("out.json.partial"), "[1]\n") << "a whole document meanwhile";
  const auto file = open("out.json", resuming_);
  write(*file, ",\n2");
  ASSERT_TRUE(file->sink().finish_with("]\n").has_value());
  ASSERT_TRUE(file->commit().has_value());
  EXPECT_EQ(content("out.json"), "[1,\n2]\n");
}

TEST_F(OutputFileTest, ResumeWithoutAPartialStartsAtTheBeginning) {
  const auto file = open("out.csv", resuming_);
  EXPECT_EQ(file->resumed_records(), 0U);
  EXPECT_FALSE(file->appending());
}

TEST_F(OutputFileTest, RunKilledBeforeItsFirstCheckpointStartsAtTheBeginning) {
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "one\n");
  }
  const auto file = open("out.csv", resuming_);
  EXPECT_EQ(file->resumed_records(), 0U);
  EXPECT_EQ(content("out.csv.partial"), "");
}

TEST_F(OutputFileTest, ResumeWithOtherOptionsIsRefusedAndHarmsNothing) {
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "one\n");
    ASSERT_TRUE(file->checkpoint(1, kAlways).has_value());
  }
  const RunIdentity changed = {.inputs = {}, .settings = {{"--top-k", "3"}}};
  const auto refused = OutputFile::open(path("out.csv"), {.run = changed, .resume = true});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().to_string(),
            path("out.csv.partial").string() +
                ": cannot be resumed: it was made with --top-k 1, not 3. Hint: give the same inputs and options, or "
                "leave out --resume to start from the beginning.");
  EXPECT_EQ(content("out.csv.partial"), "one\n");
  EXPECT_EQ(open("out.csv", resuming_)->resumed_records(), 1U);
}

TEST_F(OutputFileTest, PartialWithoutItsJournalCannotBeResumed) {
  folder_.write("out.csv.partial", "one\n");
  const auto refused = OutputFile::open(path("out.csv"), resuming_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what(), "cannot be resumed: out.csv.partial.state no such file");
  EXPECT_EQ(content("out.csv.partial"), "one\n");
}

TEST_F(OutputFileTest, FreshRunForgetsTheJournalOfTheOneBefore) {
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "a long first row\n");
    ASSERT_TRUE(file->checkpoint(9, kAlways).has_value());
  }
  {
    const auto file = open("out.csv", fresh_);
    write(*file, "another first row that is as long\n");
    ASSERT_TRUE(file->sink().flush().has_value());
  }
  EXPECT_EQ(open("out.csv", resuming_)->resumed_records(), 0U);
}

TEST_F(OutputFileTest, NoteBeyondWhatTheOutputHoldsIsNotBelieved) {
  const std::string journal = journal_header(*fresh_.run) + journal_line({.output_bytes = 4, .input_records = 1}) +
                              journal_line({.output_bytes = 8, .input_records = 2});
  folder_.write("out.csv.partial.state", journal);
  folder_.write("out.csv.partial", "one\ntw");
  {
    const auto file = open("out.csv", resuming_);
    EXPECT_EQ(file->resumed_records(), 1U);
    write(*file, "a longer row\n");
    ASSERT_TRUE(file->sink().flush().has_value());
  }
  EXPECT_EQ(open("out.csv", resuming_)->resumed_records(), 1U) << "also once the output has grown past it again";
}

TEST_F(OutputFileTest, ZerosLeftByAPowerCutAreNotBelieved) {
  folder_.write("out.csv.partial.state", journal_header(*fresh_.run) +
                                             journal_line({.output_bytes = 4, .input_records = 1}) +
                                             journal_line({.output_bytes = 8, .input_records = 2}));
  folder_.write("out.csv.partial", std::string("one\n") + std::string(4, '\0'));
  EXPECT_EQ(open("out.csv", resuming_)->resumed_records(), 1U);
}

TEST_F(OutputFileTest, StandardOutputCannotBeResumed) {
  EXPECT_EQ(OutputFile::open("-", resuming_).error().code(), ErrorCode::kInvalidArgument);
}

// The output and its journal cut at any byte, as kill -9 between or within any two writes may leave them: the resumed
// run ends with what an undisturbed one writes. Every third record gives no row, as with --on-error skip.
TEST_F(OutputFileTest, ResumedRunEqualsAnUndisturbedOneWhereverItWasKilled) {
  constexpr std::uint64_t kRecords = 40;
  const auto row_of = [](std::uint64_t record) {
    return record % 3 == 2 ? std::string() : "row " + std::to_string(record * record) + "\n";
  };
  const auto run = [&](OutputFile& file) {
    for (std::uint64_t record = file.resumed_records(); record < kRecords; ++record) {
      if (const std::string row = row_of(record); !row.empty()) write(file, row);
      ASSERT_TRUE(file.checkpoint(record + 1, kAlways).has_value());
    }
  };
  run(*open("out.csv", fresh_));
  const std::string whole = content("out.csv.partial");
  const std::string journal = content("out.csv.partial.state");
  std::mt19937 random(7);
  for (int kill = 0; kill < 300; ++kill) {
    const auto output_bytes = std::uniform_int_distribution<std::size_t>(0, whole.size())(random);
    const auto journal_bytes =
        std::uniform_int_distribution<std::size_t>(journal_header(*fresh_.run).size(), journal.size())(random);
    folder_.write("out.csv.partial", whole.substr(0, output_bytes));
    folder_.write("out.csv.partial.state", journal.substr(0, journal_bytes));
    const auto file = open("out.csv", resuming_);
    run(*file);
    ASSERT_TRUE(file->commit().has_value());
    ASSERT_EQ(content("out.csv"), whole) << "output cut at " << output_bytes << ", journal at " << journal_bytes;
  }
}

}  // namespace
}  // namespace valence::data
