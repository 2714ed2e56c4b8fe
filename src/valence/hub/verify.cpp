#include "valence/hub/verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include "valence/base/descriptor.h"
#include "valence/hub/blob_hash.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

VerifiedFile found(const CachedFile& file, FileState state, std::string what) {
  return {.snapshot = {}, .name = file.name, .blob = file.blob, .state = state, .what = std::move(what)};
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

Result<VerifyReport> verify(std::span<const CachedSnapshot> snapshots,
                            const std::function<bool(std::uint64_t, std::string_view)>& advance) {
  VerifyReport report;
  std::map<fs::path, std::pair<FileState, std::string>> known;
  for (const CachedSnapshot& snapshot : snapshots) {
    for (const CachedFile& file : snapshot.files) {
      VerifiedFile verified;
      if (const auto before = known.find(file.blob); before != known.end()) {
        verified = found(file, before->second.first, before->second.second);
      } else {
        VALENCE_TRY(verified, verify_file(file, [&](std::uint64_t bytes) {
                      report.hashed_bytes += bytes;
                      return advance(bytes, file.name);
                    }));
        known.emplace(file.blob, std::pair(verified.state, verified.what));
      }
      verified.snapshot = snapshot.name();
      report.files.push_back(std::move(verified));
    }
  }
  return report;
}

Status remove_damaged(const HubCache& cache, const VerifiedFile& file) {
  const fs::path repo_dir = file.blob.parent_path().parent_path();
  const bool is_own = file.blob.parent_path().filename() == "blobs" && repo_dir.parent_path() == cache.root() &&
                      repo_of_cache_folder(repo_dir.filename().string()) &&
                      parse_blob_name(file.blob.filename().string());
  if (!is_own) {
    return fail(ErrorCode::kInvalidData, file.blob.string(), "lies outside the repository's blobs",
                "remove it by hand");
  }
  std::error_code failed;
  fs::remove(file.blob, failed);
  if (failed) return fail(ErrorCode::kIo, file.blob.string(), fmt::format("cannot be removed: {}", failed.message()));
  return {};
}

}  // namespace valence::hub
