/// \file
/// Whether the files of cached snapshots still are what the hub sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/cache.h"

namespace valence::hub {

enum class FileState {
  kGood,        ///< hashes to its name
  kDamaged,     ///< does not
  kMissing,     ///< the link leads nowhere
  kUnreadable,  ///< the operating system refused
  kUnnamed,     ///< has no hash in its name: a copy where links are not supported, or put there by hand
};

struct VerifiedFile {
  std::string snapshot;  ///< CachedSnapshot::name()
  std::string name;      ///< in the repository
  std::filesystem::path blob;
  FileState state = FileState::kGood;
  std::string what;  ///< empty when good: what is wrong, as a clause
};

struct VerifyReport {
  std::vector<VerifiedFile> files;
  std::uint64_t hashed_bytes = 0;

  [[nodiscard]] std::size_t count(FileState state) const;
  /// Files that are damaged, missing or unreadable.
  [[nodiscard]] std::size_t bad() const;
};

/// Reads every file of the snapshots to its end, one that several share once, and hashes it as its blob's name says.
/// `advance` is told of the bytes read of a file and stops everything by returning false (kCancelled).
Result<VerifyReport> verify(std::span<const CachedSnapshot> snapshots,
                            const std::function<bool(std::uint64_t bytes, std::string_view file)>& advance);

/// Takes a damaged file out of the cache, so that the next pull fetches it again. Only a blob that lies in its own
/// repository's folder: kInvalidData for any other.
Status remove_damaged(const HubCache& cache, const VerifiedFile& file);

}  // namespace valence::hub
