// Any bytes as the hub's list of a repository's files: refused with words, or names that stay in their folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "valence/hub/file_choice.h"
#include "valence/hub/listing.h"
#include "valence/hub/repo_ref.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace valence::hub;
  const auto listing = parse_listing({reinterpret_cast<const char*>(data), size}, "hub");
  if (!listing) {
    require(listing.error().code() == valence::ErrorCode::kRemote && !listing.error().what().empty());
    return 0;
  }
  require(is_commit_hash(listing->commit));
  const std::filesystem::path root("/cache/snapshots/commit");
  for (const RepoFile& file : listing->files) {
    const auto path = (root / file.name).lexically_normal();
    require(path.string().starts_with(root.string() + "/"));
    require(!file.blob || file.blob->hex.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  for (const auto format : {WeightFormat::kSafetensors, WeightFormat::kOnnx, WeightFormat::kGguf}) {
    const auto chosen = choose_files(*listing, {.format = format}, "org/name");
    require(!chosen || (!chosen->empty() && chosen->size() <= listing->files.size()));
  }
  return 0;
}
