/// \file
/// HTTP messages as the server's own types: the transport makes requests and sends responses, the rest knows no socket.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace valence::server {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string path;     ///< as sent, from '/' up to '?'; percent signs not decoded
  std::string query;    ///< what follows '?', as sent
  HttpHeaders headers;  ///< names in lower case, values without white space around them
  std::string body;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool has_length = false;  ///< it said how long its body is, or that it comes in chunks
  bool has_body = false;    ///< that length is not 0
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;

  // Set by whoever answers, when the head has come.
  std::string id;
  int route = -1;
  std::vector<std::string> parameters = {};  ///< what the path has for the route's placeholders

  /// The value of the first header of that name (lower case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = {};  ///< empty: none
  std::string body = {};
  HttpHeaders headers = {};
  bool close = false;  ///< the connection ends after it
};

/// "Not Found" for 404; "" for a code that the server does not use.
[[nodiscard]] std::string_view reason_phrase(int status);

/// Decodes %XX, and '+' to a space where `plus` says so. Nothing for a broken escape, or if what comes out is not
/// UTF-8.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus);

/// One request being answered. The answer is respond(), or start() with any number of write() and a finish(). May be
/// called from any thread, and after the client has left.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  virtual void respond(HttpResponse response) = 0;

  /// The head of an answer whose body comes in pieces.
  virtual void start(HttpResponse head) = 0;
  virtual void write(std::string piece) = 0;
  virtual void finish() = 0;
  /// Bytes of pieces that the client has not taken yet.
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;
  /// `drained` runs on the connection's thread whenever all pieces have been handed to the system. Set it before
  /// start(); it is forgotten with the request.
  virtual void on_drained(std::function<void()> drained) = 0;

  /// Ends the connection as it is: the client does not read.
  virtual void cut() = 0;

  /// Of a streamed request body: asks for the next piece.
  virtual void read_more() = 0;
  /// Runs `work` on the connection's thread, after what it is doing now.
  virtual void post(std::function<void()> work) = 0;
  virtual void post_after(std::chrono::milliseconds delay, std::function<void()> work) = 0;

  /// Raised when the client has closed its side.
  [[nodiscard]] virtual std::shared_ptr<const std::atomic<bool>> abandoned() const = 0;
};

/// Takes a request's body piece by piece.
class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  virtual ~BodyReader() = default;

  /// The next piece; the one after it comes when Exchange::read_more() has been called. `last`: the body is complete.
  virtual void take(std::string_view piece, bool last) = 0;
  /// The body broke off: the client left, was too slow, or sent no valid chunks. Nothing more will come.
  virtual void broken() = 0;
};

/// What becomes of a request whose head has been read.
struct BodyPlan {
  std::size_t max_bytes = 0;            ///< a longer body is answered with 413
  std::optional<HttpResponse> refusal;  ///< the answer, whatever the body is
  bool streamed = false;                ///< handle() returns the reader of the body
};

/// The program behind the transport. Called from the transport's threads.
class HttpHandler {
 public:
  HttpHandler() = default;
  HttpHandler(const HttpHandler&) = delete;
  HttpHandler& operator=(const HttpHandler&) = delete;
  virtual ~HttpHandler() = default;

  /// `request` has no body yet; its id is set here.
  [[nodiscard]] virtual BodyPlan plan(HttpRequest& request) = 0;
  /// Answers through `exchange`, now or later. Returns a reader if plan() said `streamed`.
  virtual std::shared_ptr<BodyReader> handle(HttpRequest request, std::shared_ptr<Exchange> exchange) = 0;
  /// The answer to what is no request, was too slow or too long. `status` is 400, 408, 413 or 431. `request`: what
  /// plan() has seen of it; null where its head is not complete.
  [[nodiscard]] virtual HttpResponse protocol_error(int status, std::string_view what, const HttpRequest* request) = 0;
};

}  // namespace valence::server
