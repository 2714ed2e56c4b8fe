#include "valence/data/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace valence::data {
namespace {

// A signal that arrives between the look at the stop flag and the wait would be missed, so a wait is never longer.
constexpr int kLongestWaitMs = 250;

class DescriptorSource : public ByteSource {
 public:
  DescriptorSource(int fd, bool owns_fd, std::string name, const std::atomic<bool>* stop)
      : fd_(fd), owns_fd_(owns_fd), name_(std::move(name)), stop_(stop) {
    struct stat info {};
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
      is_regular_ = true;
      // Standard input may be a file that a program before us has read the beginning of.
      const off_t position = ::lseek(fd, 0, SEEK_CUR);
      size_bytes_ = static_cast<std::uint64_t>(info.st_size - (position > 0 ? position : 0));
    }
  }
  ~DescriptorSource() override {
    if (owns_fd_) ::close(fd_);
  }

  Result<ReadOutcome> read(std::span<char> buffer, Wait wait) override {
    while (true) {
      if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) {
        return fail(ErrorCode::kCancelled, name_, "reading was stopped");
      }
      if (!is_regular_ && !is_ready(wait)) {
        if (wait == Wait::kNo) return ReadOutcome{ReadState::kWouldBlock};
        continue;
      }
      const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
      if (got > 0) {
        bytes_read_ += static_cast<std::uint64_t>(got);
        return ReadOutcome{ReadState::kData, static_cast<std::size_t>(got)};
      }
      if (got == 0) return ReadOutcome{ReadState::kEnd};
      if (errno != EINTR && errno != EAGAIN) {
        return fail(ErrorCode::kIo, name_,
                    fmt::format("cannot be read at byte {}: {}", bytes_read_, system_error_text(errno)));
      }
    }
  }

  [[nodiscard]] std::uint64_t bytes_read() const override { return bytes_read_; }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return size_bytes_; }

 private:
  /// True also when poll() itself fails: read() then tells why.
  [[nodiscard]] bool is_ready(Wait wait) const {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, wait == Wait::kYes ? kLongestWaitMs : 0);
    return ready > 0 || (ready < 0 && errno != EINTR);
  }

  int fd_;
  bool owns_fd_;
  std::string name_;
  const std::atomic<bool>* stop_;
  bool is_regular_ = false;
  std::uint64_t bytes_read_ = 0;
  std::optional<std::uint64_t> size_bytes_;
};

}  // namespace

std::string shown_name(const std::string& path) { return path == "-" ? "stdin" : path; }

std::unique_ptr<ByteSource> byte_source_of_descriptor(int fd, std::string name, const std::atomic<bool>* stop) {
  return std::make_unique<DescriptorSource>(fd, false, std::move(name), stop);
}

Result<std::unique_ptr<ByteSource>> open_byte_source(const std::string& path, const std::atomic<bool>* stop) {
  if (path == "-") return byte_source_of_descriptor(STDIN_FILENO, shown_name(path), stop);
  // O_NONBLOCK: a FIFO without a writer is waited for in read(), where the stop flag is heard, rather than here.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return fail(ErrorCode::kNotFound, path, "no such file");
  if (fd < 0) return fail(ErrorCode::kIo, path, fmt::format("cannot be opened: {}", system_error_text(errno)));
  auto source = std::make_unique<DescriptorSource>(fd, true, path, stop);
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return fail(ErrorCode::kInvalidData, path, "is a directory, expected a file");
  }
  return source;
}

}  // namespace valence::data
