/// \file
/// Which handler a path and method lead to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/server/access.h"
#include "valence/server/http.h"
#include "valence/server/problem.h"

namespace valence::server {

/// One request with the means to answer it. Shared by whoever works on it; answer() once, from any thread.
class Call {
 public:
  using Answered = std::function<void(const Call&, int status)>;

  Call(HttpRequest request, std::shared_ptr<Exchange> exchange, ErrorStyle style, Answered answered)
      : request_(std::move(request)), exchange_(std::move(exchange)), style_(style), answered_(std::move(answered)) {}

  [[nodiscard]] const HttpRequest& request() const { return request_; }
  [[nodiscard]] Exchange& exchange() const { return *exchange_; }
  [[nodiscard]] ErrorStyle style() const { return style_; }
  /// For a route whose dialect its body decides.
  void set_style(ErrorStyle style) { style_ = style; }

  void answer(HttpResponse response) const;
  /// A 200 of JSON.
  void answer_json(std::string body, int status = 200) const;
  void refuse(const Problem& problem) const;
  /// Begins an answer in pieces, which go through exchange().
  void start(HttpResponse head) const;

  [[nodiscard]] std::string_view parameter(std::size_t i) const { return request_.parameters[i]; }

 private:
  HttpRequest request_;
  std::shared_ptr<Exchange> exchange_;
  ErrorStyle style_;
  Answered answered_;
};

using CallPointer = std::shared_ptr<Call>;

enum class RouteBody {
  kNone,    ///< no body is read; one that is sent is refused with 413
  kJson,    ///< Content-Type: application/json
  kAny,     ///< any type
  kStream,  ///< JSON, or NDJSON that is read as it comes: see Route::open_stream
};

struct Route {
  std::string_view method;
  /// Segments are literal or a placeholder: {} one segment, {...} all that are left.
  std::string_view pattern;
  AccessLevel access = AccessLevel::kRead;
  ErrorStyle style = ErrorStyle::kNative;
  RouteBody body = RouteBody::kNone;
  bool while_draining = false;  ///< still answered when the server is closing
  std::function<void(CallPointer)> handle = {};
  /// Of kStream with Content-Type: application/x-ndjson.
  std::function<std::shared_ptr<BodyReader>(CallPointer)> open_stream = {};
};

class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

  struct Match {
    int route = -1;                       ///< index; -1: no such path
    std::vector<std::string> parameters;  ///< decoded
    std::string allowed;                  ///< where only the method is wrong: those that are right, "GET, POST"
    ErrorStyle style = ErrorStyle::kNative;
  };
  /// GET routes answer HEAD as well.
  [[nodiscard]] Match find(std::string_view method, std::string_view path) const;
  [[nodiscard]] const Route& route(int index) const { return routes_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace valence::server
