/// \file
/// Bytes of a connection -> HTTP/1 requests, strictly.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "valence/server/http.h"

namespace valence::server {

struct RequestLimits {
  std::size_t head_bytes = 16 * 1024;
  std::size_t line_bytes = 8 * 1024;
  std::size_t headers = 100;
};

/// One request at a time. What proxies and servers are known to read differently is refused rather than guessed: both
/// Content-Length and Transfer-Encoding, either of them twice, codings other than chunked, a bare CR or LF, folded
/// lines, NUL and other control characters, white space before a colon, no Host or two, chunk sizes with a sign or too
/// many digits. Sources: RFC 9112 (sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3, 7.1).
///
/// How the bytes are cut into pieces makes no difference.
class RequestParser {
 public:
  enum class State {
    kHead,   ///< the head is not complete
    kReady,  ///< the head has just been completed: say what to do with the body by expect_body()
    kBody,
    kDone,    ///< the request is complete
    kFailed,  ///< see error()
  };

  explicit RequestParser(const RequestLimits& limits = {});
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;
  ~RequestParser();

  /// Takes bytes until the state changes; returns how many it has taken. The rest belongs to the next state or request.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] State state() const;
  /// Whether a request has begun: some of its bytes have come.
  [[nodiscard]] bool begun() const;

  /// The request; complete up to its body from kReady on.
  [[nodiscard]] HttpRequest& request();
  /// In kReady: to read on, refusing a body of more than `max_bytes`. `streamed`: pieces are fetched by take_body().
  void expect_body(std::size_t max_bytes, bool streamed);
  /// What has come of a streamed body since the last call.
  [[nodiscard]] std::string take_body();
  /// In kDone: back to kHead for the next request.
  void reset();

  /// 400, 413 or 431, and what was wrong.
  [[nodiscard]] int status() const;
  [[nodiscard]] const std::string& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace valence::server
