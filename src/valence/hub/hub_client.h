/// \file
/// The hub's side of a conversation: who gets the token, which redirects are followed, what its refusals mean.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/hub/blob_name.h"
#include "valence/hub/settings.h"
#include "valence/net/http_client.h"
#include "valence/net/retry.h"

namespace valence::hub {

struct HubClientOptions {
  std::string user_agent;
  std::chrono::seconds patience{300};  ///< how long to go on trying while nothing arrives; 0: one attempt
  /// The same until anything has answered once, for a name may be misspelt or blocked; nothing: `patience` alone.
  std::optional<std::chrono::seconds> first_contact = std::chrono::seconds(10);
  const std::atomic<bool>* stop = nullptr;            ///< must outlive the client
  std::function<void(const std::string&)> note = {};  ///< told before every wait; may be empty
};

/// Why an attempt brought nothing.
struct HubFailure {
  Error error;
  bool may_pass = false;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
  int status = 0;  ///< of the answer; 0 without one
};

/// What the hub says of a file before sending it.
struct FileMetadata {
  net::Url location;  ///< where its bytes are, often a signed URL of another host
  BlobName name;
  std::optional<std::uint64_t> size_bytes;
  bool on_hub = false;  ///< the bytes come from the hub itself, which gave the ETag
};

/// Not thread-safe. The token goes to the origin of HF_ENDPOINT and to https://huggingface.co and https://hf.co, as
/// with huggingface_hub, and to no other. Redirects: at most ten, never from https to http.
class HubClient {
 public:
  static Result<HubClient> create(const HubSettings& settings, HubClientOptions options);

  /// The body of `target` ("/api/models/...") on the endpoint: at most `max_bytes`. Tries again while patience lasts.
  Result<std::string> get_text(const std::string& target, std::size_t max_bytes);

  /// Asks for "/org/name/resolve/<commit>/<file>" without following to other hosts, and reads X-Linked-Etag or ETag,
  /// X-Linked-Size or Content-Length, X-Repo-Commit and Location. One attempt.
  /// Source: huggingface_hub, file_download.py (get_hf_file_metadata).
  tl::expected<FileMetadata, HubFailure> file_metadata(const std::string& target, std::string_view commit);

  /// The bytes at `location`, after redirects; `receive` sees only answers of status 200 and 206. One attempt.
  tl::expected<net::HttpHead, HubFailure> get(const net::Url& location, std::vector<net::HttpHeader> headers,
                                              const net::BodyReceiver& receive);

  /// `attempt()`, a tl::expected<T, HubFailure>, again and again while its failures may pass and the schedule allows.
  template <class Attempt>
  auto insist(net::RetrySchedule& schedule, Attempt attempt) -> Result<typename decltype(attempt())::value_type> {
    for (;;) {
      auto outcome = attempt();
      if (outcome) return std::move(*outcome);
      VALENCE_TRY_STATUS(wait_after(schedule, outcome.error()));
    }
  }
  [[nodiscard]] net::RetrySchedule new_schedule() const {
    return {options_.patience, net::RetrySchedule::Clock::now()};
  }
  [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  [[nodiscard]] const net::Url& endpoint() const { return endpoint_; }

 private:
  enum class Follow { kOnHub, kAnywhere };
  struct Reply {
    net::HttpHead head;
    net::Url url;                       ///< who answered
    std::optional<net::Url> elsewhere;  ///< with kOnHub: the redirect that was not followed
  };

  HubClient(net::HttpClient http, const HubSettings& settings, HubClientOptions options);
  tl::expected<Reply, HubFailure> send(net::HttpRequest request, Follow follow, const net::BodyReceiver& receive);
  [[nodiscard]] bool is_hub(const net::Origin& origin) const;
  [[nodiscard]] HubFailure refusal(const net::Url& url, const net::HttpHead& head) const;
  /// Waits before the next attempt; the error when there is to be none.
  Status wait_after(net::RetrySchedule& schedule, const HubFailure& failure);

  net::HttpClient http_;
  HubClientOptions options_;
  net::Url endpoint_;
  std::vector<net::Origin> hub_origins_;
  std::optional<Secret> token_;
  std::chrono::seconds metadata_timeout_;
  std::chrono::seconds download_timeout_;
  bool has_been_answered_ = false;
  net::RetrySchedule::Clock::time_point created_ = net::RetrySchedule::Clock::now();
};

}  // namespace valence::hub
