/// \file
/// Between whoever classifies and the history: files that take records at once, and a thread that hands them on.
///
/// Records go to memory, then in groups to segment files with one fsync a group, then in batches to the store; a
/// segment is removed when the store has all of it. What a crash makes the store see twice it knows by its id, so that
/// every record that reached a segment is in the history exactly once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/descriptor.h"
#include "valence/pipeline/classified_record.h"
#include "valence/store/history_store.h"

namespace valence::store {

struct SpoolOptions {
  std::filesystem::path directory;
  TextPolicy text = TextPolicy::kHash;                       ///< applied before anything is kept
  std::uint64_t max_bytes = std::uint64_t{256} << 20;        ///< on disk and in memory; more is refused
  std::uint64_t max_memory_bytes = std::uint64_t{16} << 20;  ///< that wait for the disk
  std::uint64_t segment_bytes = std::uint64_t{4} << 20;
  std::size_t batch_records = 2000;               ///< most that the store gets at once
  std::chrono::milliseconds longest_retry{5000};  ///< between attempts while the store refuses
  /// How long a group waits for company when nobody waits for the disk: an fsync costs as much as many records.
  std::chrono::milliseconds group_delay{100};
  /// The same of a batch for the store, whose transactions cost more.
  std::chrono::milliseconds batch_delay{1000};
  /// Drained segments go after this even where they are not full: their texts should not lie about.
  std::chrono::milliseconds segment_life{10'000};
  /// Of one line: that the store or the disk begins to fail or works again, that a record was set aside. From the
  /// spool's threads; must not call the spool.
  std::function<void(const std::string& line)> log = {};
};

struct SpoolStats {
  std::uint64_t taken = 0;             ///< records, since opened
  std::uint64_t refused = 0;           ///< records that found it full
  std::uint64_t drained = 0;           ///< records that the store has confirmed, those of earlier runs included
  std::uint64_t waiting_bytes = 0;     ///< on disk and in memory; 0 when the store has everything
  std::uint64_t damaged_segments = 0;  ///< set aside as *.damaged
  std::uint64_t set_aside = 0;         ///< records that the store refuses for what they are; each its own *.damaged
  bool store_failing = false;
  bool disk_failing = false;
  std::string last_error;  ///< of the store or the disk, while one of them fails
};

/// Thread-safe. write() takes records into memory and never waits; kOverloaded when the spool is full.
class Spool final : public pipeline::RecordSink {
 public:
  /// Creates the directory, takes it for this process alone (kOverloaded where another has it) and begins with what is
  /// in it. `store` must outlive the spool.
  static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options, HistoryStore& store);
  ~Spool() override;

  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records) override;
  /// The same; `on_disk` is called once, from the spool's thread, when the records survive a crash and a power loss.
  /// Not called when this returns an error. Must not block or throw.
  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records, std::function<void()> on_disk);
  /// Returns when they do; kDeadlineExceeded when the disk takes longer: they may still come through.
  [[nodiscard]] Status write_durably(std::span<const pipeline::ClassifiedRecord> records,
                                     std::chrono::milliseconds timeout);

  /// Returns when the store has all that was taken before, or will not have it soon: it fails, or `timeout` has passed.
  /// For readers who want to find what was just written.
  void settle(std::chrono::milliseconds timeout);

  /// Returns when the store has all that was taken before and no file of the spool holds it; before an erasure, so that
  /// nothing of it is still on its way; what comes while it waits does not hold it up. kDeadlineExceeded, with what
  /// does.
  [[nodiscard]] Status drain(std::chrono::milliseconds timeout);

  /// Takes no more, writes to disk what is in memory, hands on what the store takes within `timeout`. What is left then
  /// waits on disk for the next run. Called by the destructor, without time to drain.
  void close(std::chrono::milliseconds timeout);

  [[nodiscard]] SpoolStats stats() const;

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::filesystem::path path;
    std::uint64_t durable_bytes = 0;
    std::uint64_t drained_bytes = 0;
    bool is_open = false;     // being written
    bool is_damaged = false;  // set aside rather than removed
    Clock::TimePoint opened{};
  };
  struct Group {
    std::string frames;
    std::uint64_t records = 0;
    std::vector<std::function<void()>> on_disk;
  };

  Spool(SpoolOptions options, HistoryStore& store);
  Status recover();
  void write_groups();
  /// Whether the group that is pending should not wait any longer.
  [[nodiscard]] bool is_group_due() const;
  void wait_for_batch(std::unique_lock<std::mutex>& lock);
  /// One attempt, without the lock: to the open segment, on the disk when it returns.
  Status put(const Group& group);
  Status open_segment();
  void drain_segments();
  /// Hands on the next batch of the first segment, without the lock. Nothing when there is none.
  Status drain_batch(const Segment& segment, std::uint64_t& drained_bytes, std::uint64_t& drained_records,
                     bool& damaged);
  /// A record on its way, as its segment has it.
  struct StoredFrame {
    std::uint64_t offset = 0;  // in the segment
    std::string_view payload;
  };
  /// To the store; one that it refuses for what it is, is set aside and does not keep the others.
  Status hand_on(const Segment& segment, std::span<const StoredRecord> records, std::span<const StoredFrame> frames);
  Status set_aside(const Segment& segment, const StoredRecord& record, const StoredFrame& frame, const Error& reason);
  void log(const std::string& line) const;
  [[nodiscard]] bool may_retire_first() const;
  void retire_drained_segments(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::uint64_t waiting_bytes() const;
  [[nodiscard]] bool is_drained() const;

  SpoolOptions options_;
  HistoryStore& store_;
  Descriptor lock_;  // of the directory

  mutable std::mutex mutex_;
  std::condition_variable to_write_;  // there is a group, it is due, or closing
  std::condition_variable to_drain_;  // there are durable bytes, somebody is in a hurry, or closing
  std::condition_variable changed_;   // something was drained or closed
  Group pending_;
  Group writing_;
  std::deque<Segment> segments_;   // the last may be open
  std::uint64_t next_number_ = 1;  // of the writer, once it runs
  bool closing_ = false;
  bool drain_stopped_ = false;
  int hurrying_ = 0;                // who waits in drain() or settle()
  bool wants_new_segment_ = false;  // the open one is to end: somebody waits for its records to be gone
  std::uint64_t first_number_ = 1;  // of this run's segments
  std::uint64_t handed_on_ = 0;     // records of this run that the store has, or never will
  SpoolStats stats_;
  std::string store_error_;
  std::string disk_error_;

  Descriptor file_;               // the open segment; of the writer
  std::uint64_t file_bytes_ = 0;  // of whole groups in it
  std::string read_buffer_;       // of the drainer

  std::thread writer_;
  std::thread drainer_;
};

}  // namespace valence::store
