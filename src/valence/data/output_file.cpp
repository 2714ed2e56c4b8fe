#include "valence/data/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>

#include "valence/base/check.h"
#include "valence/base/file.h"

namespace valence::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNoteBytes = std::uint64_t{256} << 10;
constexpr std::chrono::seconds kNoteEvery{1};
constexpr std::uint64_t kMaxJournalBytes = std::uint64_t{256} << 20;

/// Where a chain of symbolic links leads, whether or not something is there.
fs::path follow_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel
  std::error_code error;
  for (int links = 0; links < kMostLinks && fs::is_symlink(fs::symlink_status(path, error)); ++links) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) break;
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  return path;
}

fs::path with_suffix(fs::path path, std::string_view suffix) {
  path += suffix;
  return path;
}

/// The descriptor that /dev/stdout, /dev/fd/3 and the like name. It may lead to a regular file, but who says so means
/// the open descriptor with its offset, not a file to be replaced.
std::optional<int> named_descriptor(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    int fd = -1;
    const char* digits = path.c_str() + folder.size();
    if (path.starts_with(folder) && std::from_chars(digits, path.c_str() + path.size(), fd).ec == std::errc())
      return fd;
  }
  return std::nullopt;
}

Result<int> connect_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalidArgument, path, "is too long for the name of a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int saved = errno;
  if (fd >= 0) ::close(fd);
  return fail(ErrorCode::kIo, path, fmt::format("cannot be connected to: {}", system_error_text(saved)));
}

/// A FIFO opens for writing once it has a reader; until then the stop flag is looked at.
Result<int> open_for_writing(const std::string& path, const std::atomic<bool>* stop) {
  constexpr std::chrono::milliseconds kLookAgain{50};
  while (true) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) {
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    struct stat info {};
    const int saved = errno;
    const bool is_waiting_fifo = saved == ENXIO && ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
    if (!is_waiting_fifo && saved != EINTR) {
      return fail(ErrorCode::kIo, path, fmt::format("cannot be opened: {}", system_error_text(saved)));
    }
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kCancelled, path, "stopped while waiting for a reader");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

bool write_whole(int fd, std::string_view text) {
  const ssize_t written = ::write(fd, text.data(), text.size());
  if (written >= 0 && written < static_cast<ssize_t>(text.size())) errno = ENOSPC;
  return written == static_cast<ssize_t>(text.size());
}

/// False when the output is shorter, or when a power cut left zeros in what was whole once.
bool ends_whole_at(int fd, std::uint64_t size_bytes, std::uint64_t actual_bytes) {
  if (size_bytes > actual_bytes) return false;
  char last = '\n';
  return size_bytes == 0 || (::pread(fd, &last, 1, static_cast<off_t>(size_bytes - 1)) == 1 && last != '\0');
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::open(const std::string& path, const OutputFileOptions& options) {
  VALENCE_ASSERT(!options.resume || options.run, "resuming needs to know the run");
  VALENCE_ASSERT(!options.run || options.compression == Compression::kNone, "a journal counts uncompressed bytes");
  std::unique_ptr<OutputFile> file(new OutputFile());
  file->is_compressed_ = options.compression != Compression::kNone;
  struct stat info {};
  const bool exists = path != "-" && ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode))
    return fail(ErrorCode::kInvalidArgument, path, "is a directory, expected a file");
  if (exists && S_ISREG(info.st_mode) && ::access(path.c_str(), W_OK) != 0) {
    // The rename would get round the file's permissions, which the user may have set for a reason.
    return fail(ErrorCode::kIo, path, fmt::format("cannot be replaced: {}", system_error_text(errno)));
  }
  if (path == "-" || named_descriptor(path) || (exists && !S_ISREG(info.st_mode))) {
    VALENCE_TRY_STATUS(file->open_direct(path, options));
  } else {
    VALENCE_TRY_STATUS(file->open_partial(follow_links(path), options));
  }
  return file;
}

Status OutputFile::open_direct(const std::string& path, const OutputFileOptions& options) {
  if (options.resume) {
    return fail(ErrorCode::kInvalidArgument, path == "-" ? "stdout" : path,
                "cannot be resumed: only a regular file can, given with -o");
  }
  struct stat info {};
  if (path == "-") {
    fd_ = STDOUT_FILENO;
  } else if (const auto descriptor = named_descriptor(path)) {
    fd_ = ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 3);
    if (fd_ < 0) return fail(ErrorCode::kIo, path, fmt::format("cannot be opened: {}", system_error_text(errno)));
  } else if (::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) {
    VALENCE_TRY(fd_, connect_socket(path));
  } else {
    VALENCE_TRY(fd_, open_for_writing(path, options.stop));
  }
  sink_ = std::make_unique<OutputSink>(fd_, path == "-" ? "stdout" : path, options.stop, options.compression);
  return {};
}

Status OutputFile::open_partial(fs::path target, const OutputFileOptions& options) {
  target_ = std::move(target);
  partial_path_ = with_suffix(target_, ".partial");
  journal_path_ = with_suffix(*partial_path_, ".state");
  std::error_code ignored;
  const bool continues = options.resume && fs::exists(*partial_path_, ignored);
  VALENCE_TRY_STATUS(lock_partial());
  if (options.run) {
    VALENCE_TRY_STATUS(continues ? continue_journal(*options.run) : start_journal(*options.run));
  } else {
    fs::remove(journal_path_, ignored);  // of an earlier run: it would speak of other bytes
  }
  if (::ftruncate(fd_, static_cast<off_t>(resumed_.output_bytes)) != 0 ||
      ::lseek(fd_, static_cast<off_t>(resumed_.output_bytes), SEEK_SET) < 0) {
    return fail_on(*partial_path_, "cannot be cut to its whole records");
  }
  struct stat final_file {};
  if (::stat(target_.c_str(), &final_file) == 0) ::fchmod(fd_, final_file.st_mode & 07777U);
  sink_ = std::make_unique<OutputSink>(fd_, partial_path_->string(), options.stop, options.compression);
  noted_bytes_ = resumed_.output_bytes;
  noted_records_ = resumed_.input_records;
  noted_at_ = std::chrono::steady_clock::now();
  return {};
}

Status OutputFile::lock_partial() {
  while (true) {
    // No O_TRUNC: another program may be writing it, which only the lock tells.
    fd_ = ::open(partial_path_->c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd_ < 0) return fail_on(*partial_path_, "cannot be created");
    struct stat opened {};
    if (::fstat(fd_, &opened) != 0 || !S_ISREG(opened.st_mode)) {
      return fail(ErrorCode::kIo, partial_path_->string(), "is in the way: it is no regular file");
    }
    // A file system without locks (ENOLCK, EOPNOTSUPP) is no reason not to write.
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return fail(ErrorCode::kIo, partial_path_->string(), "is being written by another program");
    }
    // The other one may have renamed what we opened to its final name before it let go of the lock.
    struct stat named {};
    if (::stat(partial_path_->c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) {
      return {};
    }
    ::close(std::exchange(fd_, -1));
  }
}

Status OutputFile::start_journal(const RunIdentity& run) {
  // Before the output is cut: were it the other way round, a kill in between would leave notes on bytes that are gone.
  journal_fd_ = ::open(journal_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (journal_fd_ < 0 || !write_whole(journal_fd_, journal_header(run))) {
    return fail_on(journal_path_, "cannot be written");
  }
  return {};
}

Status OutputFile::continue_journal(const RunIdentity& run) {
  const auto text = read_file(journal_path_, kMaxJournalBytes);
  if (!text) {
    return fail(text.error().code(), partial_path_->string(),
                fmt::format("cannot be resumed: {} {}", journal_path_.filename().string(), text.error().what()),
                "leave out --resume to start from the beginning");
  }
  VALENCE_TRY(const JournalContent journal, parse_journal(*text, journal_path_.string()));
  VALENCE_TRY_STATUS(check_same_run(journal.run, run, partial_path_->string()));
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return fail_on(*partial_path_, "cannot be looked at");
  std::size_t journal_bytes = journal.header_bytes;
  for (const auto& [checkpoint, end] : journal.checkpoints) {
    if (!ends_whole_at(fd_, checkpoint.output_bytes, static_cast<std::uint64_t>(info.st_size))) break;
    resumed_ = checkpoint;
    journal_bytes = end;
  }
  // Notes that reach further than the output must go before it grows past them again.
  journal_fd_ = ::open(journal_path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (journal_fd_ < 0 || ::ftruncate(journal_fd_, static_cast<off_t>(journal_bytes)) != 0) {
    return fail_on(journal_path_, "cannot be written");
  }
  return {};
}

Status OutputFile::checkpoint(std::uint64_t input_records, Note note) {
  VALENCE_TRY_STATUS(sink_->flush());
  if (journal_fd_ < 0) return {};
  const std::uint64_t bytes = resumed_.output_bytes + sink_->bytes_flushed();
  const auto now = std::chrono::steady_clock::now();
  const bool is_due = bytes - noted_bytes_ >= kNoteBytes || now - noted_at_ >= kNoteEvery;
  if (note == Note::kWhenDue && !is_due) return {};
  if (!write_whole(journal_fd_, journal_line({.output_bytes = bytes, .input_records = input_records}))) {
    return fail_on(journal_path_, "cannot be written");
  }
  noted_bytes_ = bytes;
  noted_at_ = now;
  noted_records_ = input_records;
  return {};
}

Status OutputFile::commit() {
  VALENCE_TRY_STATUS(sink_->close());
  if (!partial_path_) return {};
  // EINVAL: a file system that has nothing to synchronise.
  if (::fsync(fd_) != 0 && errno != EINVAL) return fail_on(*partial_path_, "cannot be written to the disk");
  if (::rename(partial_path_->c_str(), target_.c_str()) != 0) {
    return fail_on(target_, "cannot be renamed from its .partial");
  }
  is_committed_ = true;
  std::error_code ignored;
  fs::remove(journal_path_, ignored);
  return {};
}

OutputFile::~OutputFile() {
  if (partial_path_ && sink_ && !is_committed_) {
    if (!sink_->has_failed()) static_cast<void>(sink_->flush());
    // A full disk may have torn the last record.
    const auto whole_bytes = static_cast<off_t>(resumed_.output_bytes + sink_->bytes_flushed());
    if (sink_->has_failed() && !is_compressed_) [[maybe_unused]]
      const int cut = ::ftruncate(fd_, whole_bytes);
  }
  if (journal_fd_ >= 0) ::close(journal_fd_);
  if (fd_ >= 0 && fd_ != STDOUT_FILENO) ::close(fd_);
}

tl::unexpected<Error> OutputFile::fail_on(const fs::path& path, std::string_view what) const {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno)));
}

bool has_partial(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(with_suffix(follow_links(path), ".partial"), ignored);
}

}  // namespace valence::data
