/// \file
/// A blob on its way into the cache: `<etag>.incomplete`, until its hash is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "valence/base/descriptor.h"
#include "valence/base/error.h"
#include "valence/hub/blob_hash.h"
#include "valence/hub/blob_name.h"

namespace valence::hub {

/// Holds the file open and hashes what goes in. What an earlier process left is continued, after it has been hashed.
/// Whoever has it holds the blob's lock. Nothing is seen under the blob's own name before commit().
class PartialBlob {
 public:
  /// `advance` is told of the bytes that are found, and stops the reading by returning false (kCancelled). A file that
  /// has more than `size_bytes` is started over.
  static Result<PartialBlob> open(std::filesystem::path target, BlobName name, std::uint64_t size_bytes,
                                  const std::function<bool(std::uint64_t)>& advance);

  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] bool is_whole() const { return received_ == size_bytes_; }
  /// An earlier process wrote a part of it.
  [[nodiscard]] bool is_continued() const { return is_continued_; }

  /// kRemote when there would be more than the blob has.
  Status append(std::span<const std::byte> bytes);
  /// Throws away what there is.
  Status restart();
  /// Compares the hash of all that was received, which then is spent: afterwards only restart(), commit() or remove().
  [[nodiscard]] bool has_right_hash();
  /// Flushes to the disk and gives the file the blob's name.
  Status commit();
  void remove();

 private:
  PartialBlob(std::filesystem::path target, BlobName name, std::uint64_t size_bytes);

  std::filesystem::path target_;
  std::filesystem::path path_;
  BlobName name_;
  std::uint64_t size_bytes_;
  std::uint64_t received_ = 0;
  bool is_continued_ = false;
  Descriptor file_;
  BlobHash hash_;
};

/// Where the part of a blob lies: `target` and ".incomplete", as huggingface_hub up to 1.x has it too.
[[nodiscard]] std::filesystem::path incomplete_path(std::filesystem::path target);

}  // namespace valence::hub
