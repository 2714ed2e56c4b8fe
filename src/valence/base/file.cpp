#include "valence/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "valence/base/descriptor.h"

namespace valence {
namespace {

tl::unexpected<Error> fail_open(const std::filesystem::path& path, int errno_value) {
  if (errno_value == ENOENT || errno_value == ENOTDIR) {
    return fail(ErrorCode::kNotFound, path.string(), "no such file");
  }
  return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be opened: {}", system_error_text(errno_value)));
}

struct OpenedFile {
  int fd;
  std::uint64_t size_bytes;
};

/// Opens once and checks the descriptor, so that what was checked is what is read.
Result<OpenedFile> open_regular(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO must not hang before fstat can refuse it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_open(path, errno);
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    const int saved = errno;
    ::close(fd);
    return fail(ErrorCode::kIo, path.string(), system_error_text(saved));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::kInvalidData, path.string(),
                S_ISDIR(info.st_mode) ? "is a directory, expected a file" : "is not a regular file");
  }
  return OpenedFile{fd, static_cast<std::uint64_t>(info.st_size)};
}

constexpr std::size_t kPieceBytes = 1U << 20U;

/// As many of the next bytes of the file as there are, up to the size of `piece`.
Result<std::size_t> read_piece(const Descriptor& file, const std::filesystem::path& path, std::span<char> piece) {
  std::size_t filled = 0;
  while (filled < piece.size()) {
    const ssize_t got = ::read(file.get(), piece.data() + filled, piece.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be read: {}", system_error_text(errno)));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_size_bytes,
                              const PieceCheck& check) {
  VALENCE_TRY(const OpenedFile opened, open_regular(path));
  const Descriptor file(opened.fd);
  if (opened.size_bytes > max_size_bytes) {
    return fail(ErrorCode::kInvalidData, path.string(),
                fmt::format("has {} bytes, more than the {} allowed here", opened.size_bytes, max_size_bytes));
  }
  std::string content;
  content.reserve(opened.size_bytes);  // pages that are never filled take no memory
  while (content.size() < opened.size_bytes) {
    const std::size_t before = content.size();
    content.resize(std::min<std::size_t>(before + kPieceBytes, opened.size_bytes));
    VALENCE_TRY(const std::size_t got, read_piece(file, path, std::span(content).subspan(before)));
    content.resize(before + got);
    if (got == 0) break;  // shortened while we read: what is there is what counts
    VALENCE_TRY_STATUS(check(content, before));
  }
  return content;
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_size_bytes) {
  return read_file(path, max_size_bytes, [](std::string_view, std::size_t) -> Status { return {}; });
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  VALENCE_TRY(const OpenedFile opened, open_regular(path));
  const Descriptor file(opened.fd);
  if (opened.size_bytes == 0) return MappedFile(nullptr, 0);
  void* data = ::mmap(nullptr, opened.size_bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) {
    return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be mapped: {}", system_error_text(errno)));
  }
  return MappedFile(static_cast<const std::byte*>(data), opened.size_bytes);
}

void sync_directory(const std::filesystem::path& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const auto own = reinterpret_cast<std::uintptr_t>(data_);
  if (data_ == nullptr || begin < own || begin + part.size() > own + size_) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + part.size()) / page * page;
  // Private, read-only and of a file: nothing is lost. A refusal costs memory, not correctness.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace valence
