#include "valence/hub/remove.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "valence/base/file.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

/// A blob of this repository, by its path alone: links may name anything.
bool is_own_blob(const fs::path& blob, const fs::path& blobs_dir) {
  return blob.parent_path() == blobs_dir && parse_blob_name(blob.filename().string());
}

/// What is freed by removing `path` itself, which may be a link.
std::uint64_t own_size(const fs::path& path) {
  std::error_code failed;
  const bool is_file = fs::is_regular_file(fs::symlink_status(path, failed));
  const auto size = is_file ? fs::file_size(path, failed) : 0;
  return failed ? 0 : size;
}

std::uint64_t size_below(const fs::path& directory) {
  std::uint64_t total = 0;
  std::error_code failed;
  for (auto it = fs::recursive_directory_iterator(directory, failed);
       !failed && it != fs::recursive_directory_iterator(); it.increment(failed)) {
    total += own_size(it->path());
  }
  return total;
}

Status remove_tree(const fs::path& path) {
  std::error_code failed;
  fs::remove_all(path, failed);  // does not follow links
  if (failed) return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be removed: {}", failed.message()));
  return {};
}

}  // namespace

Result<RemovalPlan> plan_removal(const HubCache& cache, const RepoRef& ref, bool only_revision) {
  const fs::path folder = cache.repo_dir(ref.repo);
  std::error_code ignored;
  const auto status = fs::symlink_status(folder, ignored);
  if (fs::is_symlink(status)) {
    return fail(ErrorCode::kInvalidData, folder.string(), "is a link, so what it holds is not the cache's own",
                "remove it by hand");
  }
  RemovalPlan plan{.repo = ref.repo, .snapshots = {}, .blobs = {}, .freed_bytes = 0, .whole_repo = false};
  const auto all = cache.snapshots_of(ref.repo);
  if (only_revision) {
    VALENCE_TRY(CachedSnapshot chosen, cache.read(ref));
    plan.snapshots.push_back(std::move(chosen));
  } else if (!fs::is_directory(status)) {
    return fail(ErrorCode::kNotFound, ref.repo,
                fmt::format("is not in the Hugging Face cache ({})", cache.root().string()),
                "valence models list shows what is");
  } else {
    plan.snapshots = all;
  }
  plan.whole_repo = plan.snapshots.size() == all.size();
  if (plan.whole_repo) {
    plan.freed_bytes = size_below(folder);
    return plan;
  }
  const fs::path blobs_dir = folder / "blobs";
  std::set<fs::path> kept;
  for (const CachedSnapshot& snapshot : all) {
    if (snapshot.commit == plan.snapshots.front().commit) continue;
    for (const CachedFile& file : snapshot.files) kept.insert(file.blob);
  }
  std::set<fs::path> gone;
  for (const CachedFile& file : plan.snapshots.front().files) {
    if (is_own_blob(file.blob, blobs_dir) && !kept.contains(file.blob)) gone.insert(file.blob);
  }
  plan.blobs.assign(gone.begin(), gone.end());
  for (const fs::path& blob : plan.blobs) plan.freed_bytes += own_size(blob);
  return plan;
}

Status remove(const HubCache& cache, const RemovalPlan& plan) {
  const fs::path folder = cache.repo_dir(plan.repo);
  for (const CachedSnapshot& snapshot : plan.snapshots) {
    for (const std::string& ref : snapshot.refs) VALENCE_TRY_STATUS(remove_tree(folder / "refs" / ref));
  }
  for (const CachedSnapshot& snapshot : plan.snapshots) VALENCE_TRY_STATUS(remove_tree(snapshot.path));
  for (const fs::path& blob : plan.blobs) VALENCE_TRY_STATUS(remove_tree(blob));
  if (!plan.whole_repo) return {};
  VALENCE_TRY_STATUS(remove_tree(folder));
  VALENCE_TRY_STATUS(remove_tree(cache.root() / ".locks" / cache_folder_of(plan.repo)));
  sync_directory(cache.root());
  return {};
}

}  // namespace valence::hub
