/// \file
/// A model from the hub into the cache: which files, then their bytes, then the name they are found by.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/cache.h"
#include "valence/hub/file_choice.h"
#include "valence/hub/hub_client.h"

namespace valence::hub {

struct PlannedFile {
  RepoFile file;
  bool is_cached = false;
  std::uint64_t partial_bytes = 0;  ///< of an earlier run that was stopped
};

struct PullPlan {
  RepoRef ref;
  std::string commit;
  std::vector<PlannedFile> files;

  [[nodiscard]] std::uint64_t total_bytes() const;
  /// What is not here yet.
  [[nodiscard]] std::uint64_t missing_bytes() const;
};

/// Told while files arrive; either may be empty.
struct PullEvents {
  /// Bytes of the plan that are here, those that were here before included.
  std::function<void(std::uint64_t done_bytes, std::string_view file)> progress = {};
  std::function<void(const std::string&)> note = {};
};

/// Asks the hub what the repository has and compares with the cache. Errors: kRemote, and those of choose_files.
Result<PullPlan> plan_pull(HubClient& client, const HubCache& cache, const RepoRef& ref, const ChoiceOptions& choice);

/// Fetches what is missing and returns the snapshot's directory. Several processes may pull the same at once.
///
/// A file appears under its name when its hash is the one the hub gave, and refs/<revision> moves when all files have:
/// whoever resolves the name finds the old snapshot or the new one, whole. What had arrived when an error or a signal
/// (kCancelled) ended this stays, and is continued by the next pull.
/// Errors: kRemote; kInvalidData when the bytes are not those the hub announced; kIo.
Result<std::filesystem::path> fetch(HubClient& client, const HubCache& cache, const PullPlan& plan,
                                    const std::atomic<bool>* stop, const PullEvents& events);

}  // namespace valence::hub
