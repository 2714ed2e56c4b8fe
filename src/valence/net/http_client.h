/// \file
/// One HTTP request at a time, over libcurl: no redirects, no retries, no tokens.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/net/address.h"
#include "valence/net/url.h"

namespace valence::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

inline constexpr std::uint64_t kUnlimitedBody = std::numeric_limits<std::uint64_t>::max();

struct HttpRequest {
  enum class Method { kGet, kHead, kPost };
  Method method = Method::kGet;
  Url url;
  std::vector<HttpHeader> headers = {};
  std::string body = {};                          ///< of a kPost
  std::chrono::seconds stall_timeout{10};         ///< to connect, and then without a byte
  std::chrono::milliseconds total_timeout{0};     ///< for everything from the name's resolution on; 0: none
  std::uint64_t max_body_bytes = kUnlimitedBody;  ///< of the answer; more is a failure
};

/// What came before the body.
struct HttpHead {
  int status = 0;
  std::vector<HttpHeader> headers;  ///< names in lower case, at most 64 KB together

  /// The value of the first header of that (lower-case) name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// Content-Length, when it is one number.
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
};

/// Why there is no whole answer.
struct HttpFailure {
  Error error;            ///< kRemote, kCancelled, or what the body's receiver returned
  bool may_pass = false;  ///< the network's fault: worth another try
};

/// Receives the body piece by piece, the head each time; an error ends the request. The head is whole by then.
using BodyReceiver = std::function<Status(const HttpHead& head, std::span<const std::byte> piece)>;

struct HttpClientOptions {
  std::string user_agent;
  std::string ca_file;                      ///< empty: the system's certificates
  std::string ca_dir;                       ///< empty: likewise
  const std::atomic<bool>* stop = nullptr;  ///< raised: requests end as kCancelled; must outlive the client
  /// Asked of each address before a socket to it is opened, whatever name it was resolved from and however often the
  /// name changes its mind. Without one every address will do.
  AddressGuard guard = {};
};

/// Keeps connections open from one request to the next. Certificates are verified; proxies are taken from the
/// environment as curl does, unless there is a guard: it could only look at the proxy's address. Only http and https;
/// identity encoding is asked for. Not thread-safe.
class HttpClient {
 public:
  /// libcurl is loaded here, at first use, so that commands that need no network do not pay for it. kUnsupported where
  /// it is not installed.
  static Result<HttpClient> create(HttpClientOptions options);

  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  /// Any status is an answer, not a failure. A body that is shorter than its Content-Length is a failure.
  tl::expected<HttpHead, HttpFailure> send(const HttpRequest& request, const BodyReceiver& receive);

 private:
  struct Handle;
  explicit HttpClient(std::unique_ptr<Handle> handle);

  std::unique_ptr<Handle> handle_;
};

}  // namespace valence::net
