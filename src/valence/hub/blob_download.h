/// \file
/// One file of a repository into the cache's blobs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "valence/base/error.h"
#include "valence/hub/blob_name.h"
#include "valence/hub/cache.h"
#include "valence/hub/hub_client.h"
#include "valence/hub/listing.h"

namespace valence::hub {

struct BlobRequest {
  std::string repo;
  std::string commit;
  RepoFile file;
};

struct BlobEvents {
  std::function<void(std::uint64_t received_bytes)> progress;  ///< of this file, what was here before included
  std::function<void(const std::string&)> note;
};

/// The blob's name, once it is in the cache. Continues what an earlier process left, fetches again what breaks off,
/// verifies the hash, and starts over once when a continued file turns out wrong.
Result<BlobName> download_blob(HubClient& client, const HubCache& cache, const BlobRequest& request,
                               const std::atomic<bool>* stop, const BlobEvents& events);

/// Whether the cache has the blob whole, as far as its size tells. (`verify` looks at its bytes.)
[[nodiscard]] bool has_blob(const std::filesystem::path& blob, std::uint64_t size_bytes);

}  // namespace valence::hub
