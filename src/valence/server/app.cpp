#include "valence/server/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace valence::server {
namespace {

using observe::Metric;

constexpr std::size_t kMaxRequestId = 64;

/// A caller's own request id, if it can go into headers and logs as it is.
bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestId && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.';
  });
}

/// "application/json; charset=utf-8" -> "application/json"
std::string media_type(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return type;
}

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNdjson = "application/x-ndjson";

}  // namespace

/// How the requests of each route were answered. Thread-safe.
class App::RouteCounts {
 public:
  RouteCounts(observe::Metrics& metrics, const std::vector<Route>& routes) : metrics_(metrics) {
    for (const Route& route : routes) routes_.push_back({.name = std::string(route.pattern)});
    routes_.push_back({.name = "none"});
  }

  /// `route` -1: none took it.
  void add(int route, int status, double seconds) {
    const std::lock_guard lock(mutex_);
    OneRoute& counts = route < 0 ? routes_.back() : routes_[static_cast<std::size_t>(route)];
    auto known = std::find_if(counts.answers.begin(), counts.answers.end(),
                              [status](const auto& each) { return each.first == status; });
    if (known == counts.answers.end()) {
      counts.answers.emplace_back(status, metrics_.counter(Metric::kRequests, {counts.name, std::to_string(status)}));
      known = std::prev(counts.answers.end());
    }
    known->second.add();
    if (!counts.seconds) counts.seconds = metrics_.histogram(Metric::kRequestDuration, {counts.name});
    counts.seconds->observe(seconds);
  }

 private:
  struct OneRoute {
    std::string name;
    std::vector<std::pair<int, observe::Counter>> answers = {};  // by status; few
    std::optional<observe::Histogram> seconds = std::nullopt;    // once there is something to observe
  };

  observe::Metrics& metrics_;
  std::mutex mutex_;
  std::vector<OneRoute> routes_;
};

App::App(ServerContext& context, Access access, std::vector<Route> routes)
    : context_(context),
      access_(std::move(access)),
      router_(std::move(routes)),
      counts_(std::make_shared<RouteCounts>(context.metrics, router_.routes())) {}

App::~App() = default;

std::optional<Problem> App::refuse(const HttpRequest& request, const Router::Match& match) const {
  const Route* const route = match.route < 0 ? nullptr : &router_.route(match.route);
  if (auto refused = access_.refuse(request, route == nullptr ? AccessLevel::kRead : route->access)) return refused;
  if (route == nullptr) {
    if (match.allowed.empty()) {
      return Problem{ProblemKind::kNotFound, "there is nothing at this path", "GET /openapi.json lists the routes"};
    }
    return Problem{ProblemKind::kMethodNotAllowed, fmt::format("this path takes {}", match.allowed)};
  }
  if (context_.lifecycle.closing && !route->while_draining) {
    return Problem{ProblemKind::kUnavailable, "the server is shutting down", "send it to another instance",
                   std::chrono::milliseconds(1000)};
  }
  if (route->body == RouteBody::kNone) return std::nullopt;
  if (!request.has_length) {
    return Problem{ProblemKind::kLengthRequired, "the request does not say how long its body is",
                   "send Content-Length or Transfer-Encoding: chunked"};
  }
  const std::string type = media_type(request.header("content-type"));
  const bool streams = route->body == RouteBody::kStream && type == kNdjson;
  // Triton's client does not say what it sends where that is JSON.
  const bool untold = route->style == ErrorStyle::kKServe && type.empty();
  if (route->body != RouteBody::kAny && type != kJson && !streams && !untold) {
    return Problem{ProblemKind::kUnsupportedMediaType, "the body must be JSON", "send Content-Type: application/json"};
  }
  if (!streams && request.content_length.value_or(0) > context_.max_body_bytes) {
    return Problem{
        ProblemKind::kTooLarge,
        fmt::format("the body has {} bytes; the limit is {}", *request.content_length, context_.max_body_bytes),
        "send fewer texts at a time"};
  }
  return std::nullopt;
}

BodyPlan App::plan(HttpRequest& request) {
  const std::string_view given = request.header("x-request-id");
  request.id = is_plain_id(given) ? std::string(given) : context_.ids.next();
  auto match = router_.find(request.method, request.path);
  request.route = match.route;
  BodyPlan plan;
  if (const auto refused = refuse(request, match)) {
    plan.refusal = to_response(*refused, match.style, request.id);
    plan.refusal->headers.emplace_back("X-Request-Id", request.id);
    if (!match.allowed.empty() && match.route < 0) plan.refusal->headers.emplace_back("Allow", match.allowed);
    if (refused->kind == ProblemKind::kUnauthorized) plan.refusal->headers.emplace_back("WWW-Authenticate", "Bearer");
    plan.refusal->close = context_.lifecycle.closing;
    counts_->add(match.route, plan.refusal->status, 0);
    return plan;
  }
  request.parameters = std::move(match.parameters);
  const Route& route = router_.route(match.route);
  plan.max_bytes = route.body == RouteBody::kNone ? 0 : context_.max_body_bytes;
  plan.streamed = route.body == RouteBody::kStream && media_type(request.header("content-type")) == kNdjson;
  return plan;
}

std::shared_ptr<BodyReader> App::handle(HttpRequest request, std::shared_ptr<Exchange> exchange) {
  const int index = request.route;
  const Route& route = router_.route(index);
  const bool streamed = route.body == RouteBody::kStream && media_type(request.header("content-type")) == kNdjson;
  const auto begin = context_.clock.now();
  auto call =
      std::make_shared<Call>(std::move(request), std::move(exchange), route.style,
                             [counts = counts_, &clock = context_.clock, index, begin](const Call&, int status) {
                               counts->add(index, status, std::chrono::duration<double>(clock.now() - begin).count());
                             });
  if (streamed) return route.open_stream(std::move(call));
  route.handle(std::move(call));
  return nullptr;
}

HttpResponse App::protocol_error(int status, std::string_view what, const HttpRequest* request) {
  const ProblemKind kind = status == 408   ? ProblemKind::kTimeout
                           : status == 413 ? ProblemKind::kTooLarge
                           : status == 431 ? ProblemKind::kHeadTooLarge
                                           : ProblemKind::kBadRequest;
  const int route = request == nullptr ? -1 : request->route;
  const std::string id = request == nullptr ? context_.ids.next() : request->id;
  const ErrorStyle style = route < 0 ? ErrorStyle::kNative : router_.route(route).style;
  HttpResponse response = to_response({kind, std::string(what)}, style, id);
  response.headers.emplace_back("X-Request-Id", id);
  response.close = true;
  counts_->add(route, response.status, 0);
  return response;
}

OrProblem<std::shared_ptr<const pipeline::ServedModel>> find_model(const ServerContext& context,
                                                                   const std::optional<std::string>& name) {
  auto model = name ? context.models.find(*name) : context.models.first();
  if (model) return model;
  if (!context.lifecycle.ready) {
    return tl::unexpected<Problem>(Problem{ProblemKind::kUnavailable,
                                           fmt::format("Model {} is currently loading", name.value_or("")),
                                           "come again in a moment", std::chrono::milliseconds(1000)});
  }
  std::vector<std::string> names;
  for (const auto& each : context.models.all()) names.push_back(each->name);
  return problem(ProblemKind::kModelNotFound,
                 name ? fmt::format("no model is served under the name {}", in_quotes(*name)) : "no model is served",
                 fmt::format("served are {}", fmt::join(names, ", ")));
}

Problem overloaded(std::chrono::milliseconds retry_after) {
  return {ProblemKind::kOverloaded, "the queue is full", "come again after the time that Retry-After names",
          retry_after};
}

Problem not_computed(BatchOutcome outcome) {
  switch (outcome) {
    case BatchOutcome::kDone:
      break;
    case BatchOutcome::kExpired:
      return {ProblemKind::kDeadlineExceeded, "the deadline passed before the texts were classified",
              "raise timeout_ms, or send fewer requests"};
    case BatchOutcome::kAbandoned:
      return {ProblemKind::kTimeout, "the client closed its side before the answer was made",
              "keep the connection open both ways until the answer has come"};
    case BatchOutcome::kStopped:
      return {ProblemKind::kUnavailable, "the server is shutting down", "send it to another instance",
              std::chrono::milliseconds(1000)};
  }
  return {ProblemKind::kInternal, "unexpected outcome"};
}

void classify(ServerContext& context, const CallPointer& call, pipeline::ServiceRequest request, Render render,
              const std::function<void()>& not_taken) {
  request.abandoned = call->exchange().abandoned();
  const auto begin = context.clock.now();
  const auto later =
      context.service.submit(std::move(request), [&context, call, begin, render = std::move(render), not_taken](
                                                     const std::shared_ptr<const pipeline::ServiceReply>& reply) {
        call->exchange().post([&context, call, begin, render, not_taken, reply] {
          if (reply->outcome != BatchOutcome::kDone) {
            not_taken();
            return call->refuse(not_computed(reply->outcome));
          }
          call->answer(render(*call, *reply));
          context.activity.add_request(std::chrono::duration<double>(context.clock.now() - begin).count());
        });
      });
  if (!later) return;
  not_taken();
  call->refuse(overloaded(*later));
}

}  // namespace valence::server
