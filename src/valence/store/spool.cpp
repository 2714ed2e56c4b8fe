#include "valence/store/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/store/record_codec.h"
#include "valence/store/spool_segment.h"

namespace valence::store {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kSuffix = ".spool";
constexpr milliseconds kFirstRetry{50};
/// A group of as many bytes goes to the disk at once.
constexpr std::size_t kFullGroupBytes = std::size_t{256} << 10;
/// As much on the disk goes to the store at once.
constexpr std::uint64_t kFullBatchBytes = std::uint64_t{512} << 10;
/// Bytes that the drainer reads at a time, at least; a larger record makes the buffer grow.
constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;

tl::unexpected<Error> fail_on(const fs::path& path, std::string_view what, int errno_value) {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno_value)),
              errno_value == ENOSPC ? "free space on that disk" : "");
}

std::optional<std::uint64_t> number_of(const fs::path& path) {
  if (path.extension() != kSuffix) return std::nullopt;
  const std::string stem = path.stem().string();
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return failed == std::errc() && end == stem.data() + stem.size() ? std::optional(number) : std::nullopt;
}

std::string name_of_segment(std::uint64_t number) { return fmt::format("{:012}{}", number, kSuffix); }

/// 0, or the errno of what failed.
int write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

/// A power loss leaves zeros where a length was written and its bytes were not.
bool is_zeros(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

}  // namespace

Spool::Spool(SpoolOptions options, HistoryStore& store) : options_(std::move(options)), store_(store) {}

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options, HistoryStore& store) {
  std::unique_ptr<Spool> spool(new Spool(options, store));
  VALENCE_TRY_STATUS(spool->recover());
  spool->writer_ = std::thread([it = spool.get()] { it->write_groups(); });
  spool->drainer_ = std::thread([it = spool.get()] { it->drain_segments(); });
  return spool;
}

Spool::~Spool() { close(milliseconds(0)); }

Status Spool::recover() {
  std::error_code failed;
  fs::create_directories(options_.directory, failed);
  if (failed) return fail_on(options_.directory, "cannot be created", failed.value());
  const fs::path lock_path = options_.directory / "lock";
  lock_ = Descriptor(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock_.get() < 0) return fail_on(lock_path, "cannot be opened", errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::kOverloaded, options_.directory.string(), "is in use by another valence",
                "give each its own spool directory");
  }
  for (const auto& entry : fs::directory_iterator(options_.directory, failed)) {
    const auto number = number_of(entry.path());
    if (!number) continue;
    Segment segment{.number = *number, .path = entry.path()};
    segment.durable_bytes = entry.file_size(failed);
    segments_.push_back(std::move(segment));
  }
  if (failed) return fail_on(options_.directory, "cannot be listed", failed.value());
  std::ranges::sort(segments_, {}, &Segment::number);
  if (!segments_.empty()) next_number_ = segments_.back().number + 1;
  first_number_ = next_number_;
  return {};
}

Status Spool::write(std::span<const pipeline::ClassifiedRecord> records) { return write(records, {}); }

Status Spool::write(std::span<const pipeline::ClassifiedRecord> records, std::function<void()> on_disk) {
  std::string frames;  // made before the lock is taken
  std::string payload;
  for (const auto& record : records) {
    payload.clear();
    append_stored_form(payload, record, options_.text);
    if (payload.size() > kMaxFrameBytes) {
      return fail(ErrorCode::kInvalidData, "record " + record.id,
                  fmt::format("has {} bytes, of at most {} in a history", payload.size(), kMaxFrameBytes));
    }
    append_frame(frames, payload);
  }
  const std::lock_guard lock(mutex_);
  if (closing_) return fail(ErrorCode::kCancelled, "history", "is closing");
  const std::uint64_t in_memory = pending_.frames.size() + writing_.frames.size();
  if (in_memory + frames.size() > options_.max_memory_bytes || waiting_bytes() + frames.size() > options_.max_bytes) {
    stats_.refused += records.size();
    return fail(ErrorCode::kOverloaded, options_.directory.string(),
                fmt::format("{} bytes of records wait for the history, more than it may hold", waiting_bytes()),
                !disk_error_.empty() ? disk_error_ : store_error_);
  }
  const bool is_first = pending_.records == 0;
  const bool was_due = is_group_due();
  pending_.frames += frames;
  pending_.records += records.size();
  if (on_disk) pending_.on_disk.push_back(std::move(on_disk));
  stats_.taken += records.size();
  // Waking the writer for what it would let wait costs more than a record.
  if (is_first || (!was_due && is_group_due())) to_write_.notify_one();
  return {};
}

Status Spool::write_durably(std::span<const pipeline::ClassifiedRecord> records, milliseconds timeout) {
  const auto done = std::make_shared<std::promise<void>>();
  std::future<void> on_disk = done->get_future();
  VALENCE_TRY_STATUS(write(records, [done] { done->set_value(); }));
  if (on_disk.wait_for(timeout) == std::future_status::ready) return {};
  return fail(ErrorCode::kDeadlineExceeded, options_.directory.string(), "the disk has not taken the records yet",
              stats().last_error);
}

bool Spool::is_group_due() const {
  return closing_ || hurrying_ > 0 || !pending_.on_disk.empty() || pending_.frames.size() >= kFullGroupBytes;
}

void Spool::write_groups() {
  milliseconds retry = kFirstRetry;
  std::unique_lock lock(mutex_);
  while (true) {
    to_write_.wait(lock, [this] { return closing_ || pending_.records > 0; });
    if (pending_.records == 0) return;  // closing, and nothing is left
    to_write_.wait_for(lock, options_.group_delay, [this] { return is_group_due(); });
    std::swap(writing_, pending_);
    while (true) {
      lock.unlock();
      const Status put_down = put(writing_);
      lock.lock();
      if (put_down) break;
      const bool is_new = disk_error_.empty();
      disk_error_ = put_down.error().to_string();
      if (is_new) {
        lock.unlock();
        log(fmt::format("records wait in memory: {}", put_down.error().to_string()));
        lock.lock();
      }
      if (closing_) {  // a disk that refuses at the end cannot be waited for
        stats_.refused += writing_.records + pending_.records;
        return;
      }
      to_write_.wait_for(lock, retry, [this] { return closing_; });
      retry = std::min(2 * retry, options_.longest_retry);
    }
    retry = kFirstRetry;
    disk_error_.clear();
    segments_.back().durable_bytes = file_bytes_;
    if (file_bytes_ >= options_.segment_bytes) segments_.back().is_open = false;
    const Group done = std::exchange(writing_, {});
    to_drain_.notify_one();
    lock.unlock();
    for (const auto& on_disk : done.on_disk) on_disk();
    lock.lock();
  }
}

Status Spool::put(const Group& group) {
  {
    std::unique_lock lock(mutex_);
    const bool has_open = !segments_.empty() && segments_.back().is_open && !wants_new_segment_;
    if (!has_open && !segments_.empty()) segments_.back().is_open = false;
    if (!has_open) {
      lock.unlock();
      VALENCE_TRY_STATUS(open_segment());
    }
  }
  // At the place behind the last whole group: an attempt that failed half-way is written over.
  int failed = write_at(file_.get(), group.frames, file_bytes_);
  if (failed == 0 && ::fdatasync(file_.get()) != 0) failed = errno;
  if (failed != 0) {
    const fs::path path = options_.directory / name_of_segment(next_number_ - 1);
    if (::ftruncate(file_.get(), static_cast<off_t>(file_bytes_)) != 0) failed = errno;
    return fail_on(path, "cannot be written", failed);
  }
  file_bytes_ += group.frames.size();
  return {};
}

Status Spool::open_segment() {
  const fs::path path = options_.directory / name_of_segment(next_number_);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return fail_on(path, "cannot be created", errno);
  if (const int failed = write_at(file.get(), kSegmentMagic, 0); failed != 0) {
    ::unlink(path.c_str());
    return fail_on(path, "cannot be written", failed);
  }
  sync_directory(options_.directory);
  file_ = std::move(file);
  file_bytes_ = kSegmentMagic.size();
  const std::lock_guard lock(mutex_);
  wants_new_segment_ = false;
  segments_.push_back({.number = next_number_++,
                       .path = path,
                       .durable_bytes = kSegmentMagic.size(),
                       .is_open = true,
                       .opened = SteadyClock::now()});
  return {};
}

void Spool::drain_segments() {
  milliseconds retry = kFirstRetry;
  std::unique_lock lock(mutex_);
  while (true) {
    retire_drained_segments(lock);
    const auto has_work = [this] {
      return !segments_.empty() && segments_.front().drained_bytes < segments_.front().durable_bytes;
    };
    if (drain_stopped_) return;
    if (!has_work()) {
      changed_.notify_all();
      // Wakes up now and then for a segment whose time has come.
      to_drain_.wait_for(lock, options_.segment_life,
                         [&] { return drain_stopped_ || has_work() || may_retire_first(); });
      continue;
    }
    wait_for_batch(lock);
    if (drain_stopped_) return;
    const Segment segment = segments_.front();
    std::uint64_t bytes = 0;
    std::uint64_t records = 0;
    bool damaged = false;
    lock.unlock();
    const Status handed_on = drain_batch(segment, bytes, records, damaged);
    lock.lock();
    segments_.front().drained_bytes += bytes;
    stats_.drained += records;
    if (segment.number >= first_number_) handed_on_ += records;
    segments_.front().is_damaged |= damaged;
    if (handed_on) {
      const bool is_back = !std::exchange(store_error_, {}).empty();
      retry = kFirstRetry;
      changed_.notify_all();
      if (is_back) {
        lock.unlock();
        log("the history takes records again");
        lock.lock();
      }
      continue;
    }
    const bool is_new = store_error_.empty();
    store_error_ = handed_on.error().to_string();
    changed_.notify_all();
    if (is_new) {
      lock.unlock();
      log(fmt::format("records wait in the spool: {}", handed_on.error().to_string()));
      lock.lock();
    }
    to_drain_.wait_for(lock, retry, [this] { return drain_stopped_; });
    retry = std::min(2 * retry, options_.longest_retry);
  }
}

void Spool::wait_for_batch(std::unique_lock<std::mutex>& lock) {
  to_drain_.wait_for(lock, options_.batch_delay, [this] {
    const Segment& first = segments_.front();
    return drain_stopped_ || closing_ || hurrying_ > 0 || segments_.size() > 1 ||
           first.durable_bytes - first.drained_bytes >= kFullBatchBytes;
  });
}

Status Spool::drain_batch(const Segment& segment, std::uint64_t& drained_bytes, std::uint64_t& drained_records,
                          bool& damaged) {
  const Descriptor file(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return fail_on(segment.path, "cannot be opened", errno);
  std::vector<StoredRecord> batch;
  std::vector<StoredFrame> frames;
  std::uint64_t offset = segment.drained_bytes;
  std::uint64_t consumed = 0;
  std::uint64_t wanted = kReadBytes;
  while (true) {
    const std::uint64_t left = segment.durable_bytes - offset;
    read_buffer_.resize(std::min(wanted, left));
    const ssize_t got = ::pread(file.get(), read_buffer_.data(), read_buffer_.size(), static_cast<off_t>(offset));
    if (got < 0) return fail_on(segment.path, "cannot be read", errno);
    std::string_view bytes(read_buffer_.data(), static_cast<std::size_t>(got));
    const bool is_all = bytes.size() == left || bytes.size() < read_buffer_.size();
    if (offset == 0) {
      if (!bytes.starts_with(kSegmentMagic)) {
        damaged = !kSegmentMagic.starts_with(bytes) && !is_zeros(bytes);
        drained_bytes = segment.durable_bytes;
        return {};
      }
      bytes.remove_prefix(kSegmentMagic.size());
      consumed = kSegmentMagic.size();
    }
    while (batch.size() < options_.batch_records) {
      const Frame frame = first_frame(bytes);
      if (frame.end != SegmentReader::End::kNone) {
        if (frame.end == SegmentReader::End::kDamaged) damaged = !is_zeros(bytes) || !is_all;
        const bool is_over = frame.end == SegmentReader::End::kDamaged || is_all;
        // What follows damage, and a frame that was cut off, was never said to be taken.
        if (is_over) consumed = segment.durable_bytes - segment.drained_bytes;
        break;
      }
      auto record = parse_record(frame.payload);
      if (record) {
        batch.push_back(std::move(*record));
        frames.push_back({.offset = offset + consumed, .payload = frame.payload});
      } else {
        damaged = true;
      }
      const std::size_t size = kFrameHeaderBytes + frame.payload.size();
      bytes.remove_prefix(size);
      consumed += size;
    }
    if (!batch.empty() || consumed > 0 || wanted > kMaxFrameBytes + kFrameHeaderBytes) break;
    wanted = kMaxFrameBytes + kFrameHeaderBytes + kSegmentMagic.size();  // the first record is larger than the buffer
  }
  if (!batch.empty()) VALENCE_TRY_STATUS(hand_on(segment, batch, frames));
  drained_bytes = consumed;
  drained_records = batch.size();
  return {};
}

Status Spool::hand_on(const Segment& segment, std::span<const StoredRecord> records,
                      std::span<const StoredFrame> frames) {
  const auto added = store_.write(records);
  if (added) return {};
  if (added.error().code() != ErrorCode::kInvalidArgument) return fail(added.error());
  if (records.size() == 1) return set_aside(segment, records.front(), frames.front(), added.error());
  const std::size_t half = records.size() / 2;
  VALENCE_TRY_STATUS(hand_on(segment, records.first(half), frames.first(half)));
  return hand_on(segment, records.subspan(half), frames.subspan(half));
}

Status Spool::set_aside(const Segment& segment, const StoredRecord& record, const StoredFrame& frame,
                        const Error& reason) {
  // A segment of its own, so that its owner may put it back under the name of one.
  const fs::path path = options_.directory / fmt::format("{:012}-{}.damaged", segment.number, frame.offset);
  std::string bytes(kSegmentMagic);
  append_frame(bytes, frame.payload);
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  int failed = file.get() < 0 ? errno : write_at(file.get(), bytes, 0);
  if (failed == 0 && ::fdatasync(file.get()) != 0) failed = errno;
  if (failed != 0) return fail_on(path, "cannot be written", failed);
  sync_directory(options_.directory);
  {
    const std::lock_guard lock(mutex_);
    ++stats_.set_aside;
  }
  log(fmt::format("record {} is set aside as {}: {}", in_quotes(record.record.id), path.string(), reason.to_string()));
  return {};
}

void Spool::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

bool Spool::may_retire_first() const {
  if (segments_.empty() || segments_.front().drained_bytes < segments_.front().durable_bytes) return false;
  if (!segments_.front().is_open) return true;
  if (writing_.records > 0) return false;  // the writer is about to append to it
  return hurrying_ > 0 || SteadyClock::now() - segments_.front().opened >= options_.segment_life;
}

void Spool::retire_drained_segments(std::unique_lock<std::mutex>& lock) {
  while (may_retire_first()) {
    segments_.front().is_open = false;  // the writer takes another
    const Segment segment = segments_.front();
    lock.unlock();
    if (segment.is_damaged) {
      fs::path aside = segment.path;
      std::error_code ignored;
      fs::rename(segment.path, aside.replace_extension(".damaged"), ignored);
    } else {
      ::unlink(segment.path.c_str());
    }
    lock.lock();
    stats_.damaged_segments += segment.is_damaged ? 1 : 0;
    segments_.pop_front();  // after the file: who waits in drain() may look
  }
}

std::uint64_t Spool::waiting_bytes() const {
  std::uint64_t bytes = pending_.frames.size() + writing_.frames.size();
  for (const Segment& segment : segments_) bytes += segment.durable_bytes - segment.drained_bytes;
  return bytes;
}

bool Spool::is_drained() const { return segments_.empty() && pending_.records == 0 && writing_.records == 0; }

void Spool::settle(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t taken = stats_.taken;
  ++hurrying_;
  to_write_.notify_one();
  to_drain_.notify_one();
  changed_.wait_for(lock, timeout, [&] {
    return handed_on_ >= taken || waiting_bytes() == 0 || !store_error_.empty() || !disk_error_.empty();
  });
  --hurrying_;
}

Status Spool::drain(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  ++hurrying_;
  to_write_.notify_one();
  to_drain_.notify_one();
  const auto deadline = SteadyClock::now() + timeout;
  const std::uint64_t taken = stats_.taken;
  bool drained = changed_.wait_until(lock, deadline, [&] { return handed_on_ >= taken || is_drained(); });
  if (drained && !segments_.empty()) {
    const std::uint64_t last = segments_.back().number;
    wants_new_segment_ = segments_.back().is_open;
    to_drain_.notify_one();
    drained = changed_.wait_until(lock, deadline, [&] { return segments_.empty() || segments_.front().number > last; });
  }
  --hurrying_;
  if (drained) return {};
  return fail(ErrorCode::kDeadlineExceeded, options_.directory.string(),
              fmt::format("{} bytes of records wait for the history", waiting_bytes()),
              !disk_error_.empty() ? disk_error_ : store_error_);
}

void Spool::close(milliseconds timeout) {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    to_write_.notify_one();
    to_drain_.notify_one();
  }
  writer_.join();
  {
    std::unique_lock lock(mutex_);
    ++hurrying_;
    to_drain_.notify_one();
    changed_.wait_for(lock, timeout, [this] { return segments_.empty(); });
    drain_stopped_ = true;
    to_drain_.notify_one();
  }
  drainer_.join();
}

SpoolStats Spool::stats() const {
  const std::lock_guard lock(mutex_);
  SpoolStats stats = stats_;
  stats.waiting_bytes = waiting_bytes();
  stats.store_failing = !store_error_.empty();
  stats.disk_failing = !disk_error_.empty();
  stats.last_error = stats.disk_failing ? disk_error_ : store_error_;
  return stats;
}

}  // namespace valence::store
