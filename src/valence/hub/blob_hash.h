/// \file
/// The hash of a blob while its bytes go by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "valence/base/error.h"
#include "valence/hub/blob_name.h"

namespace valence::hub {

/// One hash under way. A git object id begins with the size, so that has to be known before the first byte.
class BlobHash {
 public:
  BlobHash(BlobName::Kind kind, std::uint64_t size_bytes);
  BlobHash(BlobHash&& other) noexcept;
  BlobHash& operator=(BlobHash&& other) noexcept;
  ~BlobHash();

  void update(std::span<const std::byte> bytes);
  /// The digest in lower-case hexadecimal; ends the hash.
  [[nodiscard]] std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Feeds `hash` the first `size_bytes` of what `fd` has open, from the beginning. `advance` is told of every piece and
/// stops the reading by returning false (kCancelled). kIo when the file is shorter or cannot be read; `name` is for
/// errors.
Status hash_descriptor(BlobHash& hash, int fd, std::uint64_t size_bytes, const std::filesystem::path& name,
                       const std::function<bool(std::uint64_t bytes)>& advance);

}  // namespace valence::hub
