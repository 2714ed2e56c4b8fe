#include "valence/hub/blob_download.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "valence/hub/blob_lock.h"
#include "valence/hub/free_space.h"
#include "valence/hub/partial_blob.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

struct ContentRange {
  std::uint64_t first;
  std::optional<std::uint64_t> total;  ///< "*": not told
};

/// "bytes 100-199/1000". Source: RFC 9110, section 14.4.
std::optional<ContentRange> parse_content_range(std::string_view value) {
  if (!value.starts_with("bytes ")) return std::nullopt;
  value.remove_prefix(6);
  const auto dash = value.find('-');
  const auto slash = value.find('/');
  if (dash == value.npos || slash == value.npos || dash > slash) return std::nullopt;
  const auto number = [](std::string_view digits) -> std::optional<std::uint64_t> {
    std::uint64_t parsed = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    return failed == std::errc() && end == digits.data() + digits.size() ? std::optional(parsed) : std::nullopt;
  };
  const auto first = number(value.substr(0, dash));
  if (!first) return std::nullopt;
  return ContentRange{*first, number(value.substr(slash + 1))};
}

/// One file's download: what the hub said of it, what is here of it.
class Download {
 public:
  Download(HubClient& client, const BlobRequest& request, FileMetadata metadata, PartialBlob partial,
           const BlobEvents& events)
      : client_(client),
        request_(request),
        metadata_(std::move(metadata)),
        partial_(std::move(partial)),
        events_(events),
        most_received_(partial_.received()),
        schedule_(client.new_schedule()) {}

  /// Until all bytes are here.
  Status receive_all();
  /// From the first byte again, with new patience.
  Status start_over();
  PartialBlob& partial() { return partial_; }

 private:
  tl::expected<net::HttpHead, HubFailure> attempt();
  /// Looks at the answer before its first byte is kept.
  Status begin(const net::HttpHead& head, std::uint64_t asked_from);
  Status keep(std::span<const std::byte> piece);
  [[nodiscard]] tl::unexpected<Error> refuse(std::string what) const {
    return fail(ErrorCode::kRemote, fmt::format("{}/{}", request_.repo, request_.file.name), std::move(what));
  }

  HubClient& client_;
  const BlobRequest& request_;
  FileMetadata metadata_;
  PartialBlob partial_;
  const BlobEvents& events_;
  std::uint64_t most_received_;
  net::RetrySchedule schedule_;
  bool is_first_attempt_ = true;
  bool was_renewed_ = false;  // a signed address, without a byte since
};

std::string target_of(const BlobRequest& request) {
  return fmt::format("/{}/resolve/{}/{}", request.repo, request.commit, net::percent_encoded(request.file.name, "/"));
}

Status Download::begin(const net::HttpHead& head, std::uint64_t asked_from) {
  if (const auto encoding = head.find("content-encoding"); encoding && *encoding != "identity") {
    return refuse(fmt::format("is sent with Content-Encoding {}, which was not asked for", *encoding));
  }
  const std::uint64_t whole = metadata_.size_bytes.value_or(0);
  if (head.status == 206) {
    const auto range = parse_content_range(head.find("content-range").value_or(""));
    if (!range || range->first != asked_from || range->total.value_or(whole) != whole) {
      return refuse(fmt::format("the part that is sent is not the one from byte {} of {}", asked_from, whole));
    }
    return {};
  }
  // All of it, whatever was asked for: the server knows no ranges, or has other bytes than those we hold.
  if (partial_.received() > 0) VALENCE_TRY_STATUS(partial_.restart());
  if (const auto length = head.content_length(); length && *length != whole) {
    return refuse(fmt::format("{} bytes are sent, {} were announced", *length, whole));
  }
  return {};
}

Status Download::keep(std::span<const std::byte> piece) {
  VALENCE_TRY_STATUS(partial_.append(piece));
  if (partial_.received() > most_received_) {
    most_received_ = partial_.received();
    schedule_.progress(net::RetrySchedule::Clock::now());
    was_renewed_ = false;
  }
  events_.progress(partial_.received());
  return {};
}

tl::expected<net::HttpHead, HubFailure> Download::attempt() {
  if (!is_first_attempt_) {  // a signed address may have run out
    auto renewed = client_.file_metadata(target_of(request_), request_.commit);
    if (!renewed) return tl::unexpected(std::move(renewed.error()));
    if (renewed->name != metadata_.name)
      return tl::unexpected(HubFailure{.error = refuse("changed while it was being fetched").value()});
    metadata_.location = renewed->location;
    metadata_.on_hub = renewed->on_hub;
  }
  is_first_attempt_ = false;
  const std::uint64_t from = partial_.received();
  std::vector<net::HttpHeader> headers;
  if (from > 0) {
    headers.push_back({"Range", fmt::format("bytes={}-", from)});
    // The hub's ETag is of the hub's answers; another host has its own. The hash at the end holds for both.
    if (metadata_.on_hub) headers.push_back({"If-Range", fmt::format("\"{}\"", metadata_.name.hex)});
  }
  bool begun = false;
  auto head = client_.get(metadata_.location, std::move(headers),
                          [&](const net::HttpHead& answer, std::span<const std::byte> piece) -> Status {
                            if (!begun) VALENCE_TRY_STATUS(begin(answer, from));
                            begun = true;
                            return keep(piece);
                          });
  if (!head && head.error().status == 416) {  // what is here is not a part of what is there
    if (const Status emptied = partial_.restart(); !emptied)
      return tl::unexpected(HubFailure{.error = emptied.error()});
    head.error().may_pass = true;
  }
  if (!head && (head.error().status == 401 || head.error().status == 403)) {
    head.error().may_pass = head.error().may_pass && !was_renewed_;
    was_renewed_ = true;
  }
  if (!head || partial_.is_whole()) return head;
  return tl::unexpected(HubFailure{
      .error = refuse(fmt::format("broke off at byte {} of {}", partial_.received(), *metadata_.size_bytes)).value(),
      .may_pass = true});
}

Status Download::receive_all() {
  if (partial_.is_whole()) return {};
  VALENCE_TRY([[maybe_unused]] const net::HttpHead head, client_.insist(schedule_, [&] { return attempt(); }));
  return {};
}

Status Download::start_over() {
  VALENCE_TRY_STATUS(partial_.restart());
  most_received_ = 0;
  schedule_ = client_.new_schedule();
  return receive_all();
}

/// What the file's own answer says against what the listing said: both come from the hub.
Result<FileMetadata> metadata_of(HubClient& client, const BlobRequest& request) {
  const std::string place = fmt::format("{}/{}", request.repo, request.file.name);
  net::RetrySchedule schedule = client.new_schedule();
  VALENCE_TRY(FileMetadata metadata,
              client.insist(schedule, [&] { return client.file_metadata(target_of(request), request.commit); }));
  const auto& listed = request.file;
  if (listed.blob && *listed.blob != metadata.name) {
    return fail(ErrorCode::kRemote, place,
                fmt::format("the hub lists the hash {} and answers with {}", listed.blob->hex, metadata.name.hex));
  }
  if (listed.size_bytes && metadata.size_bytes && *listed.size_bytes != *metadata.size_bytes) {
    return fail(ErrorCode::kRemote, place,
                fmt::format("the hub lists {} bytes and answers with {}", *listed.size_bytes, *metadata.size_bytes));
  }
  if (!metadata.size_bytes) metadata.size_bytes = listed.size_bytes;
  if (!metadata.size_bytes) return fail(ErrorCode::kRemote, place, "the hub tells no size");
  return metadata;
}

}  // namespace

bool has_blob(const fs::path& blob, std::uint64_t size_bytes) {
  std::error_code failed;
  return fs::is_regular_file(blob, failed) && fs::file_size(blob, failed) == size_bytes && !failed;
}

Result<BlobName> download_blob(HubClient& client, const HubCache& cache, const BlobRequest& request,
                               const std::atomic<bool>* stop, const BlobEvents& events) {
  VALENCE_TRY(FileMetadata metadata, metadata_of(client, request));
  const BlobName name = metadata.name;
  const std::uint64_t size = *metadata.size_bytes;
  const fs::path path = cache.blob_path(request.repo, name);
  VALENCE_TRY_STATUS(make_directories(path.parent_path()));
  VALENCE_TRY(const BlobLock lock, BlobLock::take(cache.lock_path(request.repo, name), stop, [&] {
                events.note(fmt::format("{}: another program is fetching it; waiting", request.file.name));
              }));
  if (has_blob(path, size)) {
    events.progress(size);
    return name;
  }
  const auto go_on = [&](std::uint64_t) { return stop == nullptr || !stop->load(); };
  VALENCE_TRY(PartialBlob opened, PartialBlob::open(path, name, size, go_on));
  VALENCE_TRY_STATUS(check_free_space(path.parent_path(), size - opened.received()));
  const bool was_continued = opened.is_continued();
  Download download(client, request, std::move(metadata), std::move(opened), events);
  VALENCE_TRY_STATUS(download.receive_all());
  PartialBlob& partial = download.partial();
  bool is_right = partial.has_right_hash();
  if (!is_right && was_continued) {
    // The fault may lie in what an earlier process left: once more, from the beginning.
    events.note(fmt::format("{}: what was kept of an earlier download is damaged; starting over", request.file.name));
    VALENCE_TRY_STATUS(download.start_over());
    is_right = partial.has_right_hash();
  }
  if (!is_right) {
    partial.remove();
    return fail(ErrorCode::kInvalidData, fmt::format("{}/{}", request.repo, request.file.name),
                fmt::format("the bytes that arrived are not those the hub announced ({} {})",
                            name.kind == BlobName::Kind::kSha256 ? "SHA-256" : "git object", name.hex),
                "they were thrown away; pull again, and if it happens again, suspect a proxy or mirror in between");
  }
  VALENCE_TRY_STATUS(partial.commit());
  return name;
}

}  // namespace valence::hub
