#include "valence/hub/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "valence/base/descriptor.h"
#include "valence/base/file.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxRefBytes = 100;
// Of one repository; the hub advises at most 100,000 files in one.
constexpr std::size_t kMaxEntries = 200'000;
constexpr std::string_view kCacheTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Models of the Hugging Face hub, which can be fetched again: valence models pull org/name\n";

tl::unexpected<Error> fail_on(const fs::path& path, std::string_view what, int errno_value) {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno_value)));
}

/// A name beside `path` that no other process uses.
fs::path temporary_beside(const fs::path& path) {
  fs::path temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  return temporary;
}

std::optional<std::string> read_ref(const fs::path& path) {
  auto text = read_file(path, kMaxRefBytes);
  if (!text) return std::nullopt;
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  return is_commit_hash(*text) ? std::optional(std::move(*text)) : std::nullopt;
}

/// Calls `visit` with every entry below `directory` that is no directory. Links to directories are not entered.
void for_each_file(const fs::path& directory, auto visit) {
  std::error_code failed;
  std::size_t seen = 0;
  for (auto it = fs::recursive_directory_iterator(directory, fs::directory_options::skip_permission_denied, failed);
       !failed && it != fs::recursive_directory_iterator() && seen < kMaxEntries; it.increment(failed), ++seen) {
    std::error_code ignored;
    if (!it->is_directory(ignored) || it->is_symlink(ignored)) visit(it->path());
  }
}

CachedFile describe_file(const fs::path& path, std::string name) {
  CachedFile file{.name = std::move(name), .blob = path, .size_bytes = std::nullopt};
  std::error_code failed;
  // The first hop only: huggingface_hub may make a blob itself a link, into a store that repositories share.
  const fs::path target = fs::read_symlink(path, failed);
  if (!failed) file.blob = (path.parent_path() / target).lexically_normal();
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
    file.size_bytes = static_cast<std::uint64_t>(info.st_size);
    file.last_used = info.st_atime;
  }
  return file;
}

/// Absolute and without detours, so that of paths below it equal ones are spelled alike.
fs::path plain_root(const fs::path& root) {
  std::error_code failed;
  fs::path absolute = fs::absolute(root, failed);
  if (failed) return root;
  // Only the file system knows what is above a link.
  const bool goes_up = std::ranges::find(absolute, fs::path("..")) != absolute.end();
  if (goes_up) absolute = fs::weakly_canonical(absolute, failed);
  if (failed) return root;
  const fs::path plain = absolute.lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

bool is_real_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(fs::symlink_status(path, ignored));
}

}  // namespace

std::uint64_t CachedSnapshot::size_bytes() const {
  std::uint64_t total = 0;
  std::set<fs::path> counted;
  for (const CachedFile& file : files) {
    if (counted.insert(file.blob).second) total += file.size_bytes.value_or(0);
  }
  return total;
}

std::time_t CachedSnapshot::last_used() const {
  std::time_t latest = 0;
  for (const CachedFile& file : files) latest = std::max(latest, file.last_used);
  return latest;
}

std::string CachedSnapshot::name() const {
  const bool is_default = std::ranges::find(refs, kDefaultRevision) != refs.end();
  if (is_default) return repo;
  return fmt::format("{}@{}", repo, refs.empty() ? commit : refs.front());
}

HubCache::HubCache(const fs::path& root) : root_(plain_root(root)) {}

fs::path HubCache::blob_path(std::string_view repo, const BlobName& name) const {
  return repo_dir(repo) / "blobs" / name.hex;
}

fs::path HubCache::snapshot_dir(std::string_view repo, std::string_view commit) const {
  return repo_dir(repo) / "snapshots" / commit;
}

fs::path HubCache::lock_path(std::string_view repo, const BlobName& name) const {
  return root_ / ".locks" / cache_folder_of(repo) / fmt::format("{}.lock", name.hex);
}

std::optional<std::string> HubCache::commit_of(const RepoRef& ref) const {
  if (is_commit_hash(ref.revision)) return ref.revision;
  return read_ref(repo_dir(ref.repo) / "refs" / ref.revision);
}

Result<fs::path> HubCache::find(const RepoRef& ref) const {
  std::error_code ignored;
  if (const auto commit = commit_of(ref)) {
    if (fs::path path = snapshot_dir(ref.repo, *commit); fs::is_directory(path, ignored)) return path;
  }
  std::vector<std::string> others;
  for (const CachedSnapshot& snapshot : snapshots_of(ref.repo)) others.push_back(snapshot.name());
  const std::string instead = others.empty() ? "" : fmt::format(", or take what is here: {}", fmt::join(others, ", "));
  return fail(ErrorCode::kNotFound, ref.to_string(),
              fmt::format("is not in the Hugging Face cache ({})", root_.string()),
              fmt::format("fetch it with: valence models pull {}{}", ref.to_string(), instead));
}

Result<CachedSnapshot> HubCache::read(const RepoRef& ref) const {
  VALENCE_TRY(const fs::path path, find(ref));
  return read_snapshot(ref.repo, path.filename().string());
}

CachedSnapshot HubCache::read_snapshot(const std::string& repo, const std::string& commit) const {
  CachedSnapshot snapshot{.repo = repo, .commit = commit, .refs = {}, .path = snapshot_dir(repo, commit), .files = {}};
  for_each_file(snapshot.path, [&](const fs::path& path) {
    snapshot.files.push_back(describe_file(path, path.lexically_relative(snapshot.path).generic_string()));
  });
  std::ranges::sort(snapshot.files, {}, &CachedFile::name);
  const fs::path refs = repo_dir(repo) / "refs";
  for_each_file(refs, [&](const fs::path& path) {
    if (read_ref(path) == commit) snapshot.refs.push_back(path.lexically_relative(refs).generic_string());
  });
  std::ranges::sort(snapshot.refs);
  return snapshot;
}

std::vector<CachedSnapshot> HubCache::snapshots_of(const std::string& repo) const {
  std::vector<CachedSnapshot> found;
  std::error_code failed;
  for (auto it = fs::directory_iterator(repo_dir(repo) / "snapshots", failed);
       !failed && it != fs::directory_iterator() && found.size() < kMaxEntries; it.increment(failed)) {
    const std::string commit = it->path().filename().string();
    if (is_commit_hash(commit) && is_real_directory(it->path())) found.push_back(read_snapshot(repo, commit));
  }
  std::ranges::sort(found, {}, &CachedSnapshot::commit);
  return found;
}

Result<std::vector<CachedSnapshot>> HubCache::scan() const {
  std::vector<CachedSnapshot> found;
  std::error_code failed;
  if (!fs::exists(root_, failed)) return found;
  for (auto it = fs::directory_iterator(root_, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    const auto repo = repo_of_cache_folder(it->path().filename().string());
    if (!repo) continue;
    for (CachedSnapshot& snapshot : snapshots_of(*repo)) found.push_back(std::move(snapshot));
  }
  if (failed) return fail_on(root_, "cannot be listed", failed.value());
  std::ranges::sort(
      found, [](const auto& a, const auto& b) { return std::tie(a.repo, a.commit) < std::tie(b.repo, b.commit); });
  return found;
}

Status HubCache::link(std::string_view repo, std::string_view commit, std::string_view file,
                      const BlobName& blob) const {
  const fs::path path = snapshot_dir(repo, commit) / file;
  VALENCE_TRY_STATUS(make_directories(path.parent_path()));
  const fs::path target = blob_path(repo, blob).lexically_relative(path.parent_path());
  std::error_code failed;
  if (fs::read_symlink(path, failed) == target && !failed) return {};
  // Renaming replaces what is there in one step; a reader finds the old link or the new one.
  const fs::path temporary = temporary_beside(path);
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return fail_on(path, "cannot be made a link", errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int refused = errno;
    ::unlink(temporary.c_str());
    return fail_on(path, "cannot be put in place", refused);
  }
  return {};
}

Status HubCache::set_ref(const RepoRef& ref, std::string_view commit) const {
  if (ref.revision == commit || commit_of(ref) == commit) return {};
  const fs::path path = repo_dir(ref.repo) / "refs" / ref.revision;
  VALENCE_TRY_STATUS(make_directories(path.parent_path()));
  const fs::path temporary = temporary_beside(path);
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
    const auto written = file.get() < 0 ? -1 : ::write(file.get(), commit.data(), commit.size());
    if (written != static_cast<ssize_t>(commit.size())) return fail_on(temporary, "cannot be written", errno);
    ::fsync(file.get());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_on(path, "cannot be put in place", errno);
  sync_directory(path.parent_path());
  return {};
}

Status HubCache::create() const {
  VALENCE_TRY_STATUS(make_directories(root_));
  const fs::path tag = root_ / "CACHEDIR.TAG";
  const Descriptor file(::open(tag.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  // A tag that is there or cannot be written is no reason to fail.
  if (file.get() >= 0) [[maybe_unused]]
    const auto ignored = ::write(file.get(), kCacheTag.data(), kCacheTag.size());
  return {};
}

Status make_directories(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return fail_on(path, "cannot be made", failed.value());
  return {};
}

}  // namespace valence::hub
