#include "valence/hub/pull.h"

#include <fmt/format.h>

#include <system_error>

#include "valence/hub/blob_download.h"
#include "valence/hub/free_space.h"
#include "valence/hub/partial_blob.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

PlannedFile compare_with_cache(const HubCache& cache, const std::string& repo, RepoFile file) {
  PlannedFile planned{.file = std::move(file)};
  if (!planned.file.blob || !planned.file.size_bytes) return planned;
  const fs::path blob = cache.blob_path(repo, *planned.file.blob);
  planned.is_cached = has_blob(blob, *planned.file.size_bytes);
  std::error_code failed;
  const auto partial = fs::file_size(incomplete_path(blob), failed);
  if (!failed && !planned.is_cached && partial <= *planned.file.size_bytes) planned.partial_bytes = partial;
  return planned;
}

}  // namespace

std::uint64_t PullPlan::total_bytes() const {
  std::uint64_t total = 0;
  for (const PlannedFile& planned : files) total += planned.file.size_bytes.value_or(0);
  return total;
}

std::uint64_t PullPlan::missing_bytes() const {
  std::uint64_t missing = 0;
  for (const PlannedFile& planned : files) {
    if (!planned.is_cached) missing += planned.file.size_bytes.value_or(0) - planned.partial_bytes;
  }
  return missing;
}

Result<PullPlan> plan_pull(HubClient& client, const HubCache& cache, const RepoRef& ref, const ChoiceOptions& choice) {
  const std::string target =
      fmt::format("/api/models/{}/revision/{}?blobs=true", ref.repo, net::percent_encoded(ref.revision));
  VALENCE_TRY(const std::string json, client.get_text(target, kMaxListingBytes));
  VALENCE_TRY(const RepoListing listing,
              parse_listing(json, fmt::format("{}/api/models/{}", client.endpoint().to_string(), ref.repo)));
  if (is_commit_hash(ref.revision) && listing.commit != ref.revision) {
    return fail(ErrorCode::kRemote, ref.to_string(),
                fmt::format("the hub answers with another commit, {}", listing.commit));
  }
  VALENCE_TRY(auto chosen, choose_files(listing, choice, ref.repo));
  PullPlan plan{.ref = ref, .commit = listing.commit, .files = {}};
  for (RepoFile& file : chosen) plan.files.push_back(compare_with_cache(cache, ref.repo, std::move(file)));
  return plan;
}

Result<fs::path> fetch(HubClient& client, const HubCache& cache, const PullPlan& plan, const std::atomic<bool>* stop,
                       const PullEvents& events) {
  VALENCE_TRY_STATUS(check_free_space(cache.root(), plan.missing_bytes()));
  VALENCE_TRY_STATUS(cache.create());
  std::uint64_t done = 0;
  for (const PlannedFile& planned : plan.files) {
    const RepoFile& file = planned.file;
    const BlobEvents blob_events{.progress =
                                     [&](std::uint64_t received) {
                                       if (events.progress) events.progress(done + received, file.name);
                                     },
                                 .note =
                                     [&](const std::string& text) {
                                       if (events.note) events.note(text);
                                     }};
    BlobName blob = file.blob.value_or(BlobName{});
    if (!planned.is_cached) {
      VALENCE_TRY(blob, download_blob(client, cache, {plan.ref.repo, plan.commit, file}, stop, blob_events));
    }
    VALENCE_TRY_STATUS(cache.link(plan.ref.repo, plan.commit, file.name, blob));
    done += file.size_bytes.value_or(0);
    blob_events.progress(0);
  }
  VALENCE_TRY_STATUS(cache.set_ref(plan.ref, plan.commit));
  return cache.snapshot_dir(plan.ref.repo, plan.commit);
}

}  // namespace valence::hub
