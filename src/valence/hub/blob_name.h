/// \file
/// What a blob in the cache is called, which is also what its bytes must hash to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace valence::hub {

/// An entity tag as the hub gives it: a file's SHA-256 where the file lies in large-file storage, its git object id
/// (the SHA-1 of "blob <size>\0" and the bytes) where git has it.
/// Source: huggingface_hub, file_download.py (hf_hub_url), and gitformat-loose.
struct BlobName {
  enum class Kind { kSha256, kGitSha1 };
  Kind kind;
  std::string hex;  ///< 64 or 40 lower-case digits: safe as a file name

  friend bool operator==(const BlobName&, const BlobName&) = default;
};

/// `hex` as a name; nothing unless it has 40 or 64 lower-case hexadecimal digits.
[[nodiscard]] std::optional<BlobName> parse_blob_name(std::string_view hex);

/// The value of an ETag header without its quotes and weakness mark: W/"x" -> x. As huggingface_hub's _normalize_etag.
[[nodiscard]] std::string_view normalized_etag(std::string_view etag);

}  // namespace valence::hub
