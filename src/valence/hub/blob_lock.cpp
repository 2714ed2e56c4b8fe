#include "valence/hub/blob_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "valence/hub/cache.h"

namespace valence::hub {
namespace {

/// Whether `fd` still is what lies at `path`: some versions of filelock remove the file when they are done.
bool is_in_place(int fd, const std::filesystem::path& path) {
  struct stat held {};
  struct stat there {};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
         held.st_dev == there.st_dev;
}

}  // namespace

Result<BlobLock> BlobLock::take(const std::filesystem::path& path, const std::atomic<bool>* stop,
                                const std::function<void()>& on_wait) {
  VALENCE_TRY_STATUS(make_directories(path.parent_path()));
  constexpr std::chrono::milliseconds kLookEvery{50};
  for (bool told = false;;) {
    // Group-writable, so that others who share the cache can wait for it.
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664));
    if (file.get() < 0) {
      return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be opened: {}", system_error_text(errno)));
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      if (is_in_place(file.get(), path)) return BlobLock(std::move(file));
      continue;
    }
    // ENOLCK, ENOSYS and their like: a file system without locks. Names by content keep the cache right without.
    if (errno != EWOULDBLOCK && errno != EINTR) return BlobLock(std::move(file));
    if (stop != nullptr && stop->load())
      return fail(ErrorCode::kCancelled, path.string(), "the wait for another download was stopped");
    if (!told) on_wait();
    told = true;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace valence::hub
