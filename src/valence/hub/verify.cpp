#include "valence/hub/verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "valence/base/descriptor.h"
#include "valence/hub/blob_hash.h"

namespace valence::hub {
namespace {

VerifiedFile found(const CachedFile& file, FileState state, std::string what) {
  return {.name = file.name, .blob = file.blob, .state = state, .what = std::move(what)};
}

Result<VerifiedFile> verify_file(const CachedFile& file, const std::function<bool(std::uint64_t)>& advance) {
  if (!file.size_bytes) return found(file, FileState::kMissing, "its link leads to no file");
  const auto name = parse_blob_name(file.blob.filename().string());
  if (!name) return found(file, FileState::kUnnamed, "its name holds no hash to compare with");
  const Descriptor opened(::open(file.blob.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (opened.get() < 0 || ::fstat(opened.get(), &info) != 0) {
    return found(file, FileState::kUnreadable, fmt::format("cannot be read: {}", system_error_text(errno)));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  BlobHash hash(name->kind, size);
  if (const Status read = hash_descriptor(hash, opened.get(), size, file.blob, advance); !read) {
    if (read.error().code() == ErrorCode::kCancelled) return fail(read.error());
    return found(file, FileState::kUnreadable, read.error().what());
  }
  if (hash.hex() == name->hex) return found(file, FileState::kGood, "");
  return found(file, FileState::kDamaged, "its bytes do not hash to its name");
}

}  // namespace

std::size_t VerifyReport::count(FileState state) const {
  return static_cast<std::size_t>(std::ranges::count(files, state, &VerifiedFile::state));
}

std::size_t VerifyReport::bad() const {
  return count(FileState::kDamaged) + count(FileState::kMissing) + count(FileState::kUnreadable);
}

Result<VerifyReport> verify(const CachedSnapshot& snapshot,
                            const std::function<bool(std::uint64_t, std::string_view)>& advance) {
  VerifyReport report;
  for (const CachedFile& file : snapshot.files) {
    VALENCE_TRY(VerifiedFile verified, verify_file(file, [&](std::uint64_t bytes) {
                  report.hashed_bytes += bytes;
                  return advance(bytes, file.name);
                }));
    report.files.push_back(std::move(verified));
  }
  return report;
}

}  // namespace valence::hub
