#include "valence/hub/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/hub/repo_ref.h"

namespace valence::hub {
namespace {

constexpr std::size_t kMaxFiles = 100'000;
constexpr std::size_t kMaxTokenBytes = 16U << 20U;               // model cards come along
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 45;  // 32 TiB: sums of these stay far from overflow

/// The answer's mistakes are the other side's.
Error remote(const Error& error) {
  return {ErrorCode::kRemote, error.where(), error.what(),
          "check HF_ENDPOINT and any proxy: this is not how the hub answers"};
}

Result<std::optional<std::uint64_t>> size_of(const Json& object) {
  const auto size = object.find("size");
  if (!size) return std::optional<std::uint64_t>();
  VALENCE_TRY(const std::int64_t bytes, size->as_integer());
  if (bytes < 0 || static_cast<std::uint64_t>(bytes) > kMaxFileBytes)
    return size->invalid(fmt::format("{} is no size of a file", bytes));
  return std::optional(static_cast<std::uint64_t>(bytes));
}

Result<std::optional<BlobName>> blob_of(const Json& object, std::string_view key, BlobName::Kind kind) {
  const auto value = object.find(key);
  if (!value) return std::optional<BlobName>();
  VALENCE_TRY(const std::string hex, value->as_string());
  const auto name = parse_blob_name(hex);
  if (!name || name->kind != kind) return value->invalid("is no hash of a file");
  return name;
}

Result<RepoFile> parse_file(const Json& sibling) {
  RepoFile file;
  VALENCE_TRY(file.name, sibling.string("rfilename"));
  if (!is_safe_file_name(file.name)) {
    return sibling.invalid(
        fmt::format("the file name {} could lead out of the repository's folder", in_quotes(file.name)));
  }
  VALENCE_TRY(file.size_bytes, size_of(sibling));
  if (const auto lfs = sibling.find("lfs")) {
    // What git has of such a file is a pointer, whose id "blobId" is.
    VALENCE_TRY(file.blob, blob_of(*lfs, "sha256", BlobName::Kind::kSha256));
    VALENCE_TRY(const auto lfs_size, size_of(*lfs));
    if (lfs_size) file.size_bytes = lfs_size;
  } else {
    VALENCE_TRY(file.blob, blob_of(sibling, "blobId", BlobName::Kind::kGitSha1));
  }
  return file;
}

Result<RepoListing> parse(std::string_view json, const std::string& source) {
  VALENCE_TRY(const Json root,
              Json::parse(json, source, {.max_token_bytes = kMaxTokenBytes, .max_values = 20 * kMaxFiles}));
  RepoListing listing;
  VALENCE_TRY(listing.commit, root.string("sha"));
  if (!is_commit_hash(listing.commit))
    return root.invalid(fmt::format("sha {} is no commit", in_quotes(listing.commit)));
  VALENCE_TRY(const Json siblings, root.at("siblings"));
  VALENCE_TRY(const auto items, siblings.items());
  if (items.size() > kMaxFiles)
    return siblings.invalid(fmt::format("lists {} files, more than {}", items.size(), kMaxFiles));
  listing.files.reserve(items.size());
  for (const Json& sibling : items) {
    VALENCE_TRY(RepoFile file, parse_file(sibling));
    listing.files.push_back(std::move(file));
  }
  std::ranges::sort(listing.files, {}, &RepoFile::name);
  const auto twice = std::ranges::adjacent_find(listing.files, {}, &RepoFile::name);
  if (twice != listing.files.end()) return siblings.invalid(fmt::format("lists {} twice", in_quotes(twice->name)));
  return listing;
}

}  // namespace

Result<RepoListing> parse_listing(std::string_view json, const std::string& source) {
  auto listing = parse(json, source);
  if (!listing) return fail(remote(listing.error()));
  return listing;
}

}  // namespace valence::hub
