/// \file
/// One process at a time fetches a blob: the lock files of huggingface_hub, so that it waits for us and we for it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

#include "valence/base/descriptor.h"
#include "valence/base/error.h"

namespace valence::hub {

/// Holds the lock (flock) until it is destroyed or the process ends. The file stays, as it does there.
class BlobLock {
 public:
  /// Waits while another holds it; `on_wait` is called once if so. kCancelled when `stop` is raised meanwhile.
  static Result<BlobLock> take(const std::filesystem::path& path, const std::atomic<bool>* stop,
                               const std::function<void()>& on_wait);

 private:
  explicit BlobLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace valence::hub
