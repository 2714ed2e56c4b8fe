/// \file
/// The Hugging Face cache on this machine, laid out as huggingface_hub does, which reads what this writes and back:
/// models--org--name/{blobs/<etag>, snapshots/<commit>/<file> -> ../../blobs/<etag>, refs/<revision>}.
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/blob_name.h"
#include "valence/hub/repo_ref.h"

namespace valence::hub {

struct CachedFile {
  std::string name;                         ///< in the repository: "onnx/model.onnx"
  std::filesystem::path blob;               ///< what the snapshot's link names; the file itself where it is no link
  std::optional<std::uint64_t> size_bytes;  ///< nothing: the link leads nowhere
  std::time_t last_used = 0;                ///< time of the last access, as far as the file system keeps it
};

struct CachedSnapshot {
  std::string repo;  ///< "org/name"
  std::string commit;
  std::vector<std::string> refs;  ///< branches and tags that stand for this commit, sorted
  std::filesystem::path path;
  std::vector<CachedFile> files;  ///< sorted by name

  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] std::time_t last_used() const;
  /// How -m names it: "org/name", or with "@revision" where main is another commit or not here.
  [[nodiscard]] std::string name() const;
};

class HubCache {
 public:
  /// `root` may be relative: it is taken from the directory that is current now.
  explicit HubCache(const std::filesystem::path& root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path repo_dir(std::string_view repo) const { return root_ / cache_folder_of(repo); }
  [[nodiscard]] std::filesystem::path blob_path(std::string_view repo, const BlobName& name) const;
  [[nodiscard]] std::filesystem::path snapshot_dir(std::string_view repo, std::string_view commit) const;
  [[nodiscard]] std::filesystem::path lock_path(std::string_view repo, const BlobName& name) const;

  /// The commit that the reference stands for here, whether or not its files are.
  [[nodiscard]] std::optional<std::string> commit_of(const RepoRef& ref) const;
  /// The snapshot's directory. kNotFound, with the command that fetches it.
  [[nodiscard]] Result<std::filesystem::path> find(const RepoRef& ref) const;
  /// The snapshot and its files; errors as find().
  [[nodiscard]] Result<CachedSnapshot> read(const RepoRef& ref) const;

  /// Every snapshot of every model, sorted by name. What is no part of the layout is passed over; a cache that is not
  /// there has none.
  [[nodiscard]] Result<std::vector<CachedSnapshot>> scan() const;
  /// The snapshots of one repository.
  [[nodiscard]] std::vector<CachedSnapshot> snapshots_of(const std::string& repo) const;

  /// Makes snapshots/<commit>/<file> a relative link to the blob, in one step; `file` must be a safe name.
  Status link(std::string_view repo, std::string_view commit, std::string_view file, const BlobName& blob) const;
  /// Lets refs/<revision> stand for `commit`, in one step. A revision that is the commit itself needs no reference.
  Status set_ref(const RepoRef& ref, std::string_view commit) const;
  /// Makes the cache's directory, tagged so that backup programs pass it over (https://bford.info/cachedir/).
  Status create() const;

 private:
  [[nodiscard]] CachedSnapshot read_snapshot(const std::string& repo, const std::string& commit) const;

  std::filesystem::path root_;
};

/// Makes `path` and the directories above it; kIo with its name when that is refused.
Status make_directories(const std::filesystem::path& path);

}  // namespace valence::hub
