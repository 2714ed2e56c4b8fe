#include "valence/hub/blob_name.h"

#include <algorithm>

namespace valence::hub {

std::optional<BlobName> parse_blob_name(std::string_view hex) {
  const bool all_hex =
      std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  constexpr std::size_t kSha256Digits = 64;
  constexpr std::size_t kSha1Digits = 40;
  if (!all_hex) return std::nullopt;
  if (hex.size() == kSha256Digits) return BlobName{BlobName::Kind::kSha256, std::string(hex)};
  if (hex.size() == kSha1Digits) return BlobName{BlobName::Kind::kGitSha1, std::string(hex)};
  return std::nullopt;
}

std::string_view normalized_etag(std::string_view etag) {
  while (!etag.empty() && (etag.front() == 'W' || etag.front() == '/')) etag.remove_prefix(1);
  while (!etag.empty() && etag.front() == '"') etag.remove_prefix(1);
  while (!etag.empty() && etag.back() == '"') etag.remove_suffix(1);
  return etag;
}

}  // namespace valence::hub
