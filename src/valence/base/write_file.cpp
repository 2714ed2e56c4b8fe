#include "valence/base/write_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "valence/base/file.h"

namespace valence {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> fail_on(const fs::path& path, std::string_view what, int errno_value) {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno_value)));
}

/// 0, or the errno of what failed.
int write_all(int fd, std::span<const std::span<const std::byte>> pieces) {
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // the kernel takes less than 2 GiB a call
  for (auto piece : pieces) {
    while (!piece.empty()) {
      const ssize_t written = ::write(fd, piece.data(), std::min(piece.size(), kMostAtOnce));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      piece = piece.subspan(static_cast<std::size_t>(written));
    }
  }
  return ::fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

/// Writes and closes `fd`.
Status fill(int fd, const fs::path& path, FilePieces pieces) {
  int failed = write_all(fd, pieces);
  if (::close(fd) != 0 && failed == 0) failed = errno;
  if (failed != 0) return fail_on(path, "cannot be written", failed);
  return {};
}

}  // namespace

Status write_new_file(const fs::path& path, FilePieces pieces) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return fail_on(path, "cannot be created", errno);
  return fill(fd, path, pieces);
}

Status write_file_atomically(const fs::path& path, FilePieces pieces) {
  fs::path partial = path;
  partial += ".partial";
  // One that a killed run left is written over.
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return fail_on(partial, "cannot be created", errno);
  Status written = fill(fd, partial, pieces);
  if (written && ::rename(partial.c_str(), path.c_str()) != 0) written = fail_on(path, "cannot be put in place", errno);
  if (!written) {
    ::unlink(partial.c_str());
    return written;
  }
  sync_directory(path.has_parent_path() ? path.parent_path() : fs::path("."));
  return {};
}

Status write_file_atomically(const fs::path& path, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return write_file_atomically(path, std::span(&bytes, 1));
}

}  // namespace valence
