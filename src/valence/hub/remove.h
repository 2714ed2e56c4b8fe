/// \file
/// Models out of the cache again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/cache.h"

namespace valence::hub {

/// What a removal would take away. All paths lie in the repository's folder of the cache.
struct RemovalPlan {
  std::string repo;
  std::vector<CachedSnapshot> snapshots;     ///< that go
  std::vector<std::filesystem::path> blobs;  ///< of these, not used by a snapshot that stays
  std::uint64_t freed_bytes = 0;             ///< without blobs that are links into a shared store
  bool whole_repo = false;                   ///< nothing stays: unfinished downloads and references go too
};

/// With a revision the one snapshot it stands for, else all of the repository. kNotFound when the cache has neither;
/// kInvalidData when the repository's folder is a link, and so not the cache's own.
Result<RemovalPlan> plan_removal(const HubCache& cache, const RepoRef& ref, bool only_revision);

/// References go first, then snapshots, then blobs: whoever resolves the name meanwhile finds all of it or nothing.
Status remove(const HubCache& cache, const RemovalPlan& plan);

}  // namespace valence::hub
