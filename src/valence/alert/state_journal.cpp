#include "valence/alert/state_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <thread>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/write_file.h"

namespace valence::alert {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{64} << 20U;
constexpr std::uint64_t kCompactAboveBytes = std::uint64_t{1} << 20U;
constexpr std::uint64_t kHistoryShare = 4;  // compacted when less than a quarter of the file counts
constexpr std::chrono::milliseconds kLockPoll{5};
// The first line: what the file is, and of which version.
constexpr std::string_view kHeader = "{\"valence\":\"alert state\",\"version\":1}\n";

tl::unexpected<Error> io_error(const std::filesystem::path& path, std::string_view what) {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno)));
}

std::string line_of(const StateJournal::Entry& entry) {
  std::string line = "{\"key\":";
  append_json_string(line, entry.key);
  line += fmt::format(",\"value\":{}}}\n", entry.value.empty() ? "null" : entry.value);
  return line;
}

Result<StateJournal::Entry> parse_line(std::string_view line) {
  VALENCE_TRY(const Json json, Json::parse(line, "line", kBodyLimits));
  StateJournal::Entry entry;
  VALENCE_TRY(entry.key, json.string("key"));
  if (const auto value = json.find("value")) entry.value = value->dump();
  return entry;
}

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ::ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(fd) != 0) return io_error(path, "cannot be made durable");
  return {};
}

Result<std::string> read_from(int fd, std::uint64_t begin, std::uint64_t end, const std::filesystem::path& path) {
  std::string bytes(end - begin, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ::ssize_t got =
        ::pread(fd, bytes.data() + filled, bytes.size() - filled, static_cast<::off_t>(begin + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot be read");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

Result<StateJournal> StateJournal::open(std::filesystem::path path, std::chrono::milliseconds lock_wait) {
  StateJournal journal(std::move(path), lock_wait);
  if (journal.path_.has_parent_path()) {
    std::error_code refused;
    std::filesystem::create_directories(journal.path_.parent_path(), refused);
    if (refused) return fail(ErrorCode::kIo, journal.path_.parent_path().string(), refused.message());
  }
  VALENCE_TRY(const Descriptor lock, journal.lock());
  VALENCE_TRY_STATUS(journal.catch_up(nullptr));
  return journal;
}

Result<Descriptor> StateJournal::lock() const {
  const std::string name = path_.string() + ".lock";
  Descriptor lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return io_error(name, "cannot be opened");
  // flock() itself has no time limit, and a process that is stopped keeps its lock.
  const auto give_up_at = std::chrono::steady_clock::now() + lock_wait_;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) return io_error(name, "cannot be locked");
    if (std::chrono::steady_clock::now() >= give_up_at)
      return fail(ErrorCode::kOverloaded, name,
                  fmt::format("another program has held it for more than {} ms", lock_wait_.count()),
                  "look for a valence that hangs, e.g. with fuser");
    std::this_thread::sleep_for(kLockPoll);
  }
  return lock;
}

Status StateJournal::catch_up(std::vector<Entry>* news) {
  struct ::stat found {};
  const bool replaced = file_.get() < 0 || ::stat(path_.c_str(), &found) != 0 || found.st_ino != inode_;
  if (replaced) {
    file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (file_.get() < 0) return io_error(path_, "cannot be opened");
    read_bytes_ = 0;
  }
  if (::fstat(file_.get(), &found) != 0) return io_error(path_, "cannot be read");
  inode_ = found.st_ino;
  const auto size = static_cast<std::uint64_t>(found.st_size);
  if (size > kMaxFileBytes)
    return fail(ErrorCode::kInvalidData, path_.string(), fmt::format("is larger than {} bytes", kMaxFileBytes),
                "move it away: alerts then start afresh");
  if (size == 0) {
    VALENCE_TRY_STATUS(write_all(file_.get(), kHeader, path_));
    read_bytes_ = kHeader.size();
  }
  if (size < read_bytes_ && size > 0) read_bytes_ = 0;  // cut by someone else
  if (size <= read_bytes_) return {};
  VALENCE_TRY(const std::string bytes, read_from(file_.get(), read_bytes_, size, path_));
  if (read_bytes_ == 0 && !std::string_view(bytes).starts_with(kHeader) &&
      !kHeader.starts_with(std::string_view(bytes))) {
    return fail(ErrorCode::kInvalidData, path_.string(), "is no state of alerts of this version",
                "move it away: alerts then start afresh");
  }
  std::map<std::string, std::string> before;
  if (replaced) before.swap(values_);
  std::size_t at = read_bytes_ == 0 ? std::min(kHeader.size(), bytes.size()) : 0;
  while (at < bytes.size()) {
    const auto end = bytes.find('\n', at);
    if (end == bytes.npos) break;
    auto entry = parse_line(std::string_view(bytes).substr(at, end - at));
    at = end + 1;
    if (!entry) {
      ++damaged_lines_;
      continue;
    }
    if (news != nullptr && !replaced) news->push_back(*entry);
    if (entry->value.empty()) {
      values_.erase(entry->key);
    } else {
      values_[entry->key] = std::move(entry->value);
    }
  }
  if (news != nullptr && replaced) {
    for (const auto& [key, value] : values_) {
      if (const auto old = before.find(key); old == before.end() || old->second != value) news->push_back({key, value});
    }
    for (const auto& [key, value] : before) {
      if (!values_.contains(key)) news->push_back({key, ""});
    }
  }
  if (at < bytes.size()) {  // what a crash cut short; the next line must not be glued to it
    if (::ftruncate(file_.get(), static_cast<::off_t>(read_bytes_ + at)) != 0)
      return io_error(path_, "cannot be shortened");
  }
  read_bytes_ += at;
  if (read_bytes_ < kHeader.size()) {
    if (::ftruncate(file_.get(), 0) != 0) return io_error(path_, "cannot be shortened");
    VALENCE_TRY_STATUS(write_all(file_.get(), kHeader, path_));
    read_bytes_ = kHeader.size();
  }
  return {};
}

Status StateJournal::put(const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  VALENCE_TRY(const Descriptor lock, this->lock());
  VALENCE_TRY_STATUS(catch_up(nullptr));
  std::string lines;
  for (const Entry& entry : entries) lines += line_of(entry);
  const Status written = write_all(file_.get(), lines, path_);
  if (!written) {  // a full disk may have taken half a line
    [[maybe_unused]] const int ignored = ::ftruncate(file_.get(), static_cast<::off_t>(read_bytes_));
    return written;
  }
  read_bytes_ += lines.size();
  for (const Entry& entry : entries) {
    if (entry.value.empty()) {
      values_.erase(entry.key);
    } else {
      values_[entry.key] = entry.value;
    }
  }
  std::uint64_t live_bytes = kHeader.size();
  if (read_bytes_ <= kCompactAboveBytes) return {};
  for (const auto& [key, value] : values_) live_bytes += key.size() + value.size();
  return read_bytes_ > kHistoryShare * live_bytes ? rewrite() : Status();
}

Result<std::vector<StateJournal::Entry>> StateJournal::refresh() {
  std::vector<Entry> news;
  struct ::stat found {};
  if (::stat(path_.c_str(), &found) == 0 && found.st_ino == inode_ &&
      static_cast<std::uint64_t>(found.st_size) == read_bytes_)
    return news;
  VALENCE_TRY(const Descriptor lock, this->lock());
  VALENCE_TRY_STATUS(catch_up(&news));
  return news;
}

Status StateJournal::compact() {
  VALENCE_TRY(const Descriptor lock, this->lock());
  VALENCE_TRY_STATUS(catch_up(nullptr));
  return rewrite();
}

Status StateJournal::rewrite() {
  std::string text(kHeader);
  for (const auto& [key, value] : values_) text += line_of({key, value});
  VALENCE_TRY_STATUS(write_file_atomically(path_, text));
  file_ = Descriptor();
  return catch_up(nullptr);
}

}  // namespace valence::alert
