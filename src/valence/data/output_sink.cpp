#include "valence/data/output_sink.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace valence::data {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{1} << 20;
// POSIX: poll() promises room in a pipe for this much, so a write of it does not wait once POLLOUT is there.
constexpr std::size_t kPipeBytes = 4096;

}  // namespace

Status OutputSink::end_record() {
  record_ends_.push_back(buffer_.size());
  return buffer_.size() < kFlushBytes ? Status() : flush();
}

Status OutputSink::flush() {
  if (failure_) return fail(*failure_);
  if (record_ends_.empty()) return {};
  std::size_t written = 0;
  Status status = put(std::string_view(buffer_).substr(0, record_ends_.back()), written);
  // Of a write that failed half-way, what ends with a whole record counts.
  const auto torn = std::upper_bound(record_ends_.begin(), record_ends_.end(), written);
  bytes_flushed_ += torn == record_ends_.begin() ? 0 : *(torn - 1);
  buffer_.erase(0, record_ends_.back());
  record_ends_.clear();
  return status;
}

Status OutputSink::finish_with(std::string_view closing) {
  VALENCE_TRY_STATUS(flush());
  std::size_t written = 0;
  return put(closing, written);
}

Status OutputSink::close() {
  VALENCE_TRY_STATUS(flush());
  if (!compressor_) return {};
  compressed_.clear();
  compressor_->finish(compressed_);
  compressor_.reset();
  std::size_t written = 0;
  return write_out(compressed_, written);
}

Status OutputSink::put(std::string_view bytes, std::size_t& written) {
  if (!compressor_) return write_out(bytes, written);
  compressed_.clear();
  compressor_->add(bytes, compressed_);
  std::size_t compressed_written = 0;
  VALENCE_TRY_STATUS(write_out(compressed_, compressed_written));
  written = bytes.size();
  return {};
}

Status OutputSink::write_out(std::string_view bytes, std::size_t& written) {
  while (written < bytes.size()) {
    std::size_t size = bytes.size() - written;
    if (is_pipe_) {
      VALENCE_TRY_STATUS(wait_for_room());
      size = std::min(size, kPipeBytes);
    }
    const ssize_t got = ::write(fd_, bytes.data() + written, size);
    if (got >= 0) {
      written += static_cast<std::size_t>(got);
      continue;
    }
    switch (errno) {
      case EINTR:
        continue;
      case EAGAIN:  // shared with a program that made it non-blocking
        VALENCE_TRY_STATUS(wait_for_room());
        continue;
      case EPIPE:
      case ECONNRESET:
        reader_gone_ = true;
        return remember(ErrorCode::kCancelled, "its reader has closed it");
      default:
        return remember(ErrorCode::kIo, fmt::format("cannot be written: {}", system_error_text(errno)));
    }
  }
  return {};
}

OutputSink::OutputSink(int fd, std::string name, const std::atomic<bool>* stop, Compression compression)
    : fd_(fd), name_(std::move(name)), stop_(stop), compressor_(make_compressor(compression)) {
  struct stat info {};
  is_pipe_ = ::fstat(fd_, &info) == 0 && !S_ISREG(info.st_mode);
}

Status OutputSink::wait_for_room() {
  constexpr int kLookAgainMs = 100;
  pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
  while (::poll(&waiting, 1, kLookAgainMs) <= 0) {
    if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) {
      return remember(ErrorCode::kCancelled, "writing was stopped");
    }
  }
  return {};
}

Status OutputSink::remember(ErrorCode code, std::string what) {
  failure_ = Error(code, name_, std::move(what));
  return fail(*failure_);
}

}  // namespace valence::data
