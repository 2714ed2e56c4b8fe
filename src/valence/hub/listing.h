/// \file
/// What a repository holds at a revision, as the hub's API tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/blob_name.h"

namespace valence::hub {

struct RepoFile {
  std::string name;                         ///< is_safe_file_name
  std::optional<std::uint64_t> size_bytes;  ///< what the API tells; files of some mirrors have neither size
  std::optional<BlobName> blob;             ///< nor name
};

struct RepoListing {
  std::string commit;           ///< is_commit_hash
  std::vector<RepoFile> files;  ///< sorted by name, each once
};

inline constexpr std::size_t kMaxListingBytes = std::size_t{16} << 20;

/// Reads the answer of GET /api/models/{repo}/revision/{revision}?blobs=true. `source` names it in errors, which are
/// kRemote. A name that could leave the repository's folder refuses the whole listing: whoever sent it means ill.
/// Source: huggingface_hub, hf_api.py (ModelInfo, RepoSibling, BlobLfsInfo).
Result<RepoListing> parse_listing(std::string_view json, const std::string& source);

}  // namespace valence::hub
