#include "valence/hub/hub_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <thread>

namespace valence::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMaxRedirects = 10;
// A refusal's text is not read; one that does not end is not waited for.
constexpr std::size_t kMaxIgnoredBytes = std::size_t{1} << 20;
constexpr std::size_t kShownMessageBytes = 300;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<std::uint64_t> parse_size(std::optional<std::string_view> digits) {
  if (!digits) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, failed] = std::from_chars(digits->data(), digits->data() + digits->size(), size);
  return failed == std::errc() && end == digits->data() + digits->size() ? std::optional(size) : std::nullopt;
}

HubFailure lasting(Error error) { return {.error = std::move(error)}; }

/// "https://host/path": a query may be a signature, which is nobody's business.
std::string place_of(const net::Url& url) {
  return url.origin.to_string() + url.target.substr(0, std::min(url.target.find('?'), std::size_t{200}));
}

}  // namespace

Result<HubClient> HubClient::create(const HubSettings& settings, HubClientOptions options) {
  VALENCE_TRY(net::HttpClient http, net::HttpClient::create({.user_agent = options.user_agent,
                                                             .ca_file = settings.ca_file,
                                                             .ca_dir = settings.ca_dir,
                                                             .stop = options.stop}));
  return HubClient(std::move(http), settings, std::move(options));
}

HubClient::HubClient(net::HttpClient http, const HubSettings& settings, HubClientOptions options)
    : http_(std::move(http)),
      options_(std::move(options)),
      endpoint_(settings.endpoint),
      hub_origins_{settings.endpoint.origin, {"https", "huggingface.co", 443}, {"https", "hf.co", 443}},
      token_(settings.token),
      metadata_timeout_(settings.metadata_timeout),
      download_timeout_(settings.download_timeout) {}

bool HubClient::is_hub(const net::Origin& origin) const {
  return std::ranges::find(hub_origins_, origin) != hub_origins_.end();
}

HubFailure HubClient::refusal(const net::Url& url, const net::HttpHead& head) const {
  const int status = head.status;
  const std::string code(head.find("x-error-code").value_or(""));
  std::string said(head.find("x-error-message").value_or("").substr(0, kShownMessageBytes));
  while (said.ends_with('.')) said.pop_back();
  if (!said.empty()) said = fmt::format(" ({})", said);
  std::string what = fmt::format("the answer is HTTP {}{}", status, said);
  std::string hint;
  std::optional<seconds> retry_after;
  if (const auto asked = head.find("retry-after")) retry_after = net::parse_retry_after(*asked);
  if (!is_hub(url.origin)) {
    // A signed address that has run out is renewed by asking the hub again.
    const bool is_expired = status == 401 || status == 403;
    return {.error = Error(ErrorCode::kRemote, place_of(url), std::move(what)),
            .may_pass = is_expired || net::is_passing_status(status),
            .retry_after = retry_after,
            .status = status};
  }
  if (code == "GatedRepo") {
    what = fmt::format("is gated{}", said);
    hint = token_ ? "accept its conditions on the hub with the account that the token belongs to"
                  : "accept its conditions on the hub, then give an access token in HF_TOKEN";
  } else if (code == "RevisionNotFound") {
    what = "has no such revision";
    hint = "the repository's page lists its branches and tags";
  } else if (code == "EntryNotFound") {
    what = "has no such file";
  } else if (code == "RepoNotFound" || status == 404 || (status == 401 && !token_)) {
    what = fmt::format("is not there, or private{}", said);
    hint = token_ ? "check the name, and that the token may read it"
                  : "check the name; a private one needs an access token in HF_TOKEN";
  } else if (status == 401) {
    what = fmt::format("the access token is not accepted{}", said);
    hint = "make a new one in the hub's settings and give it in HF_TOKEN";
  } else if (status == 403) {
    what = fmt::format("access is refused{}", said);
    hint = "check what the token may read";
  }
  return {.error = Error(ErrorCode::kRemote, place_of(url), std::move(what), std::move(hint)),
          .may_pass = net::is_passing_status(status),
          .retry_after = retry_after,
          .status = status};
}

tl::expected<HubClient::Reply, HubFailure> HubClient::send(net::HttpRequest request, Follow follow,
                                                           const net::BodyReceiver& receive) {
  const std::vector<net::HttpHeader> headers = request.headers;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    request.headers = headers;
    if (token_ && is_hub(request.url.origin))
      request.headers.push_back({"Authorization", "Bearer " + token_->reveal()});
    std::size_t ignored = 0;
    auto head = http_.send(request, [&](const net::HttpHead& answer, std::span<const std::byte> piece) -> Status {
      if (answer.status == 200 || answer.status == 206) return receive(answer, piece);
      ignored += piece.size();
      if (ignored <= kMaxIgnoredBytes) return {};
      return fail(ErrorCode::kRemote, place_of(request.url),
                  fmt::format("HTTP {} with an endless text", answer.status));
    });
    if (!head) {
      return tl::unexpected(HubFailure{.error = std::move(head.error().error), .may_pass = head.error().may_pass});
    }
    has_been_answered_ = true;
    if (!is_redirect(head->status)) {
      if (head->status != 200 && head->status != 206) return tl::unexpected(refusal(request.url, *head));
      return Reply{.head = std::move(*head), .url = request.url, .elsewhere = std::nullopt};
    }
    const auto location = head->find("location");
    auto next = net::resolve_redirect(request.url, location.value_or(""));
    if (!location || !next) {
      return tl::unexpected(lasting({ErrorCode::kRemote, place_of(request.url),
                                     fmt::format("HTTP {} leads to no http or https address", head->status)}));
    }
    if (request.url.origin.is_secure() && !next->origin.is_secure()) {
      return tl::unexpected(lasting(
          {ErrorCode::kRemote, place_of(request.url),
           fmt::format("leads from https to {}, where anybody could change the file", next->origin.to_string())}));
    }
    if (follow == Follow::kOnHub && next->origin != request.url.origin && !is_hub(next->origin)) {
      return Reply{.head = std::move(*head), .url = request.url, .elsewhere = std::move(*next)};
    }
    request.url = std::move(*next);
  }
  return tl::unexpected(
      lasting({ErrorCode::kRemote, place_of(request.url), fmt::format("more than {} redirects", kMaxRedirects)}));
}

Result<std::string> HubClient::get_text(const std::string& target, std::size_t max_bytes) {
  net::Url url = endpoint_;
  url.target += target;
  std::string text;
  const net::BodyReceiver receive = [&](const net::HttpHead&, std::span<const std::byte> piece) -> Status {
    if (text.size() + piece.size() > max_bytes) {
      return fail(ErrorCode::kRemote, place_of(url), fmt::format("the answer has more than {} bytes", max_bytes));
    }
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  };
  net::RetrySchedule schedule = new_schedule();
  VALENCE_TRY(const Reply reply, insist(schedule, [&] {
                text.clear();
                return send({.url = url, .stall_timeout = metadata_timeout_}, Follow::kAnywhere, receive);
              }));
  return text;
}

tl::expected<FileMetadata, HubFailure> HubClient::file_metadata(const std::string& target, std::string_view commit) {
  net::Url url = endpoint_;
  url.target += target;
  auto reply = send({.method = net::HttpRequest::Method::kHead, .url = url, .stall_timeout = metadata_timeout_},
                    Follow::kOnHub, [](const net::HttpHead&, std::span<const std::byte>) { return Status(); });
  if (!reply) return tl::unexpected(std::move(reply.error()));
  const net::HttpHead& head = reply->head;
  const auto refuse = [&](std::string what) {
    return tl::unexpected(lasting({ErrorCode::kRemote, place_of(url), std::move(what),
                                   "check HF_ENDPOINT and any proxy: this is not how the hub answers"}));
  };
  const auto served = head.find("x-repo-commit");
  if (!served) return refuse("the answer has no X-Repo-Commit");
  if (*served != commit) return refuse("the answer is about another commit than the one asked for");
  const auto linked = head.find("x-linked-etag");
  const auto etag = linked ? linked : head.find("etag");
  if (!etag) return refuse("the answer has no ETag");
  const auto name = parse_blob_name(normalized_etag(*etag));
  if (!name) return refuse("the answer's ETag is neither a SHA-256 nor a git object id");
  auto size = parse_size(head.find("x-linked-size"));
  if (!size && !reply->elsewhere) size = head.content_length();
  return FileMetadata{.location = reply->elsewhere.value_or(reply->url),
                      .name = *name,
                      .size_bytes = size,
                      .on_hub = !reply->elsewhere};
}

tl::expected<net::HttpHead, HubFailure> HubClient::get(const net::Url& location, std::vector<net::HttpHeader> headers,
                                                       const net::BodyReceiver& receive) {
  auto reply = send({.url = location, .headers = std::move(headers), .stall_timeout = download_timeout_},
                    Follow::kAnywhere, receive);
  if (!reply) return tl::unexpected(std::move(reply.error()));
  return std::move(reply->head);
}

Status HubClient::wait_after(net::RetrySchedule& schedule, const HubFailure& failure) {
  if (!failure.may_pass) return fail(failure.error);
  const auto now = net::RetrySchedule::Clock::now();
  const auto wait = schedule.next_wait(now, failure.retry_after);
  if (wait && options_.first_contact && !has_been_answered_ && now + *wait > created_ + *options_.first_contact) {
    const Error& error = failure.error;
    return fail(error.code(), error.where(), error.what(),
                "nothing has answered there so far: check the address, the network and any proxy (HF_ENDPOINT, "
                "HTTPS_PROXY); --retry-for tries for longer");
  }
  if (!wait) {
    const Error& error = failure.error;
    std::string what = error.what();
    if (failure.retry_after) what += fmt::format("; it asks to come back in {} s", failure.retry_after->count());
    return fail(error.code(), error.where(), std::move(what),
                error.hint().empty() ? "try again later: what has arrived is kept" : error.hint());
  }
  if (options_.note && *wait > seconds(1)) {
    options_.note(
        fmt::format("{}: {}; trying again in {} s", failure.error.where(), failure.error.what(), wait->count()));
  }
  constexpr milliseconds kLookEvery{50};  // at the flag that stops us
  const auto until = net::RetrySchedule::Clock::now() + *wait;
  while (net::RetrySchedule::Clock::now() < until) {
    if (stopped()) return fail(ErrorCode::kCancelled, failure.error.where(), "the request was stopped");
    std::this_thread::sleep_for(kLookEvery);
  }
  return {};
}

}  // namespace valence::hub
