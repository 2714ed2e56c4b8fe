#include "valence/net/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <new>

namespace valence::net {
namespace {

constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 10;

/// The functions of libcurl that are called here. Linking it would load some thirty libraries at every start of the
/// program: 5 ms of `valence --help`'s 11.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) set = nullptr;
  decltype(&::curl_easy_perform) perform = nullptr;
  decltype(&::curl_easy_getinfo) get = nullptr;
  decltype(&::curl_easy_strerror) text_of = nullptr;
  decltype(&::curl_slist_append) list_append = nullptr;
  decltype(&::curl_slist_free_all) list_free = nullptr;

  static Result<CurlLibrary> load();
};

template <class Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<CurlLibrary> CurlLibrary::load() {
  constexpr auto kHint = "install libcurl (Debian: libcurl4)";
  void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);  // stays loaded
  if (library == nullptr) return fail(ErrorCode::kUnsupported, "libcurl.so.4", "cannot be loaded", kHint);
  CurlLibrary curl;
  const bool complete = find_function(library, "curl_global_init", curl.global_init) &&
                        find_function(library, "curl_easy_init", curl.easy_init) &&
                        find_function(library, "curl_easy_cleanup", curl.easy_cleanup) &&
                        find_function(library, "curl_easy_reset", curl.easy_reset) &&
                        find_function(library, "curl_easy_setopt", curl.set) &&
                        find_function(library, "curl_easy_perform", curl.perform) &&
                        find_function(library, "curl_easy_getinfo", curl.get) &&
                        find_function(library, "curl_easy_strerror", curl.text_of) &&
                        find_function(library, "curl_slist_append", curl.list_append) &&
                        find_function(library, "curl_slist_free_all", curl.list_free);
  if (!complete || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return fail(ErrorCode::kUnsupported, "libcurl.so.4", "does not work here", kHint);
  }
  return curl;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// One request's answer on its way in, as libcurl's callbacks see it.
struct Exchange {
  const BodyReceiver& receive;
  const std::atomic<bool>* stop;
  const AddressGuard& guard;
  std::uint64_t max_body_bytes;
  std::uint64_t body_bytes = 0;
  std::string refused_address{};  ///< of the last socket that the guard forbade
  HttpHead head{};
  std::size_t header_bytes = 0;
  std::optional<Error> refused{};  ///< why a callback ended the request
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaderBytes) {
    exchange.refused =
        Error(ErrorCode::kRemote, "", fmt::format("the answer has more than {} bytes of headers", kMaxHeaderBytes));
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // of a proxy's or an interim answer (100) first, then of the answer itself
    exchange.head = {};
    const auto space = line.find(' ');
    const std::string_view digits = space == line.npos ? "" : line.substr(space + 1, 3);
    std::from_chars(digits.data(), digits.data() + digits.size(), exchange.head.status);
  } else if (const auto colon = line.find(':'); colon != line.npos) {
    std::string name(trimmed(line.substr(0, colon)));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    exchange.head.headers.push_back({std::move(name), std::string(trimmed(line.substr(colon + 1)))});
  }
  return line.size();
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  exchange.body_bytes += bytes;
  if (exchange.body_bytes > exchange.max_body_bytes) {
    exchange.refused =
        Error(ErrorCode::kRemote, "", fmt::format("the answer is longer than {} bytes", exchange.max_body_bytes));
    return bytes == 0 ? 1 : 0;
  }
  const Status taken = exchange.receive(exchange.head, std::as_bytes(std::span(data, bytes)));
  if (taken) return bytes;
  exchange.refused = taken.error();
  return bytes == 0 ? 1 : 0;  // anything but `bytes` ends the transfer
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& exchange = *static_cast<Exchange*>(user);
  return exchange.stop != nullptr && exchange.stop->load() ? 1 : 0;
}

/// The socket to one resolved address, or none where the guard forbids it: libcurl then tries the next address.
curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* target) {
  auto& exchange = *static_cast<Exchange*>(user);
  const auto address = address_of(target->addr);
  if (!address || !exchange.guard(*address)) {
    exchange.refused_address = address ? address->to_string() : "an address of an unknown family";
    return CURL_SOCKET_BAD;
  }
  return ::socket(target->family, target->socktype | SOCK_CLOEXEC, target->protocol);
}

/// Failures that no repetition cures: a certificate, a name of ours.
bool is_lasting(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OUT_OF_MEMORY:
      return true;
    default:  // an open set: libcurl adds codes
      return false;
  }
}

}  // namespace

struct HttpClient::Handle {
  Handle(const CurlLibrary& library, HttpClientOptions given)
      : curl(library), easy(library.easy_init()), options(std::move(given)) {
    if (easy == nullptr) throw std::bad_alloc();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl.easy_cleanup(easy); }

  void prepare(const HttpRequest& request, const std::string& url, const curl_slist* headers, Exchange& exchange,
               char* error_text) const;

  CurlLibrary curl;
  CURL* easy;
  HttpClientOptions options;
};

void HttpClient::Handle::prepare(const HttpRequest& request, const std::string& url, const curl_slist* headers,
                                 Exchange& exchange, char* error_text) const {
  curl.easy_reset(easy);  // keeps connections
  curl.set(easy, CURLOPT_URL, url.c_str());
  curl.set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl.set(easy, CURLOPT_NOBODY, request.method == HttpRequest::Method::kHead ? 1L : 0L);
  curl.set(easy, CURLOPT_HTTPHEADER, headers);
  curl.set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl.set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl.set(easy, CURLOPT_NOSIGNAL, 1L);
  curl.set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.stall_timeout.count()));
  curl.set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl.set(easy, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
  if (request.total_timeout.count() > 0)
    curl.set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout.count()));
  if (request.method == HttpRequest::Method::kPost) {
    curl.set(easy, CURLOPT_POST, 1L);
    curl.set(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl.set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (options.guard) {
    curl.set(easy, CURLOPT_PROXY, "");
    curl.set(easy, CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    curl.set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&exchange));
  }
  if (!options.ca_file.empty()) curl.set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.ca_dir.empty()) curl.set(easy, CURLOPT_CAPATH, options.ca_dir.c_str());
  curl.set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl.set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  curl.set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl.set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  curl.set(easy, CURLOPT_NOPROGRESS, 0L);
  curl.set(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl.set(easy, CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  curl.set(easy, CURLOPT_ERRORBUFFER, error_text);
}

std::optional<std::string_view> HttpHead::find(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeader::name);
  return found == headers.end() ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::optional<std::uint64_t> HttpHead::content_length() const {
  const auto digits = find("content-length");
  if (!digits) return std::nullopt;
  std::uint64_t length = 0;
  const auto [end, failed] = std::from_chars(digits->data(), digits->data() + digits->size(), length);
  return failed == std::errc() && end == digits->data() + digits->size() ? std::optional(length) : std::nullopt;
}

HttpClient::HttpClient(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::create(HttpClientOptions options) {
  VALENCE_TRY(const CurlLibrary curl, CurlLibrary::load());
  return HttpClient(std::make_unique<Handle>(curl, std::move(options)));
}

tl::expected<HttpHead, HttpFailure> HttpClient::send(const HttpRequest& request, const BodyReceiver& receive) {
  const CurlLibrary& curl = handle_->curl;
  curl_slist* list = nullptr;
  const auto add = [&](const std::string& line) { list = curl.list_append(list, line.c_str()); };
  add("Accept-Encoding: identity");
  add("Expect:");  // a body of ours is short: libcurl would wait a second for permission to send it
  for (const HttpHeader& header : request.headers) add(fmt::format("{}: {}", header.name, header.value));
  const std::unique_ptr<curl_slist, decltype(curl.list_free)> headers(list, curl.list_free);

  Exchange exchange{.receive = receive,
                    .stop = handle_->options.stop,
                    .guard = handle_->options.guard,
                    .max_body_bytes = request.max_body_bytes};
  char error_text[CURL_ERROR_SIZE] = "";
  const std::string url = request.url.to_string();
  handle_->prepare(request, url, headers.get(), exchange, error_text);
  const CURLcode code = curl.perform(handle_->easy);
  const std::string place = request.url.origin.to_string();
  if (exchange.refused) {
    const Error& refused = *exchange.refused;  // of a callback of ours, which knows no place, or of the receiver
    return tl::unexpected(HttpFailure{refused.where().empty() ? refused.in(place) : refused, false});
  }
  if (code == CURLE_COULDNT_CONNECT && !exchange.refused_address.empty()) {
    return tl::unexpected(HttpFailure{{ErrorCode::kInvalidArgument, place,
                                       fmt::format("leads to {}, where no request may go", exchange.refused_address)},
                                      false});
  }
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return tl::unexpected(HttpFailure{{ErrorCode::kCancelled, place, "the request was stopped"}, false});
  if (code != CURLE_OK) {
    std::string what = *error_text == '\0' ? curl.text_of(code) : error_text;
    while (what.ends_with('.')) what.pop_back();
    return tl::unexpected(HttpFailure{{ErrorCode::kRemote, place, std::move(what)}, !is_lasting(code)});
  }
  return std::move(exchange.head);
}

}  // namespace valence::net
