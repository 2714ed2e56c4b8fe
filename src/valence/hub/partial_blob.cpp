#include "valence/hub/partial_blob.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "valence/base/file.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> fail_on(const fs::path& path, std::string_view what, int errno_value) {
  const std::string hint = errno_value == ENOSPC ? "make room and pull again: what has arrived is kept" : "";
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno_value)), hint);
}

}  // namespace

fs::path incomplete_path(fs::path target) {
  target += ".incomplete";
  return target;
}

PartialBlob::PartialBlob(fs::path target, BlobName name, std::uint64_t size_bytes)
    : target_(std::move(target)),
      path_(incomplete_path(target_)),
      name_(std::move(name)),
      size_bytes_(size_bytes),
      hash_(name_.kind, size_bytes) {}

Result<PartialBlob> PartialBlob::open(fs::path target, BlobName name, std::uint64_t size_bytes,
                                      const std::function<bool(std::uint64_t)>& advance) {
  PartialBlob blob(std::move(target), std::move(name), size_bytes);
  // Not through a link, which somebody else could have put there.
  blob.file_ = Descriptor(::open(blob.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  struct stat info {};
  if (blob.file_.get() < 0 || ::fstat(blob.file_.get(), &info) != 0)
    return fail_on(blob.path_, "cannot be opened", errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::kIo, blob.path_.string(), "is not a regular file", "remove it");
  const auto found = static_cast<std::uint64_t>(info.st_size);
  if (found > size_bytes) {
    VALENCE_TRY_STATUS(blob.restart());
    return blob;
  }
  VALENCE_TRY_STATUS(hash_descriptor(blob.hash_, blob.file_.get(), found, blob.path_, advance));
  blob.received_ = found;
  blob.is_continued_ = found > 0;
  return blob;
}

Status PartialBlob::append(std::span<const std::byte> bytes) {
  if (bytes.size() > size_bytes_ - received_) {
    return fail(ErrorCode::kRemote, target_.filename().string(),
                fmt::format("more than the {} bytes of the file are sent", size_bytes_));
  }
  hash_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(received_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_on(path_, "cannot be written", errno);
    received_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status PartialBlob::restart() {
  if (::ftruncate(file_.get(), 0) != 0) return fail_on(path_, "cannot be emptied", errno);
  hash_ = BlobHash(name_.kind, size_bytes_);
  received_ = 0;
  is_continued_ = false;
  return {};
}

bool PartialBlob::has_right_hash() { return hash_.hex() == name_.hex; }

Status PartialBlob::commit() {
  // EINVAL: a file system that has nothing to synchronise.
  if (::fsync(file_.get()) != 0 && errno != EINVAL) return fail_on(path_, "cannot be written to the disk", errno);
  if (::rename(path_.c_str(), target_.c_str()) != 0) return fail_on(target_, "cannot be put in place", errno);
  sync_directory(target_.parent_path());
  return {};
}

void PartialBlob::remove() { ::unlink(path_.c_str()); }

}  // namespace valence::hub
