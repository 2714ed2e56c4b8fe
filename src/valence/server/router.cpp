#include "valence/server/router.h"

namespace valence::server {
namespace {

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

/// The parameters, if `path` has the form of `pattern`.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parameters;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    if (wanted == "{...}") {
      auto rest = percent_decoded(path.substr(1), false);
      if (!rest || rest->empty()) return std::nullopt;
      parameters.push_back(std::move(*rest));
      return parameters;
    }
    const std::string_view segment = next_segment(path);
    if (wanted == "{}") {
      auto decoded = percent_decoded(segment, false);
      if (!decoded || decoded->empty()) return std::nullopt;
      parameters.push_back(std::move(*decoded));
    } else if (segment != wanted) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

void Call::answer(HttpResponse response) const {
  response.headers.emplace_back("X-Request-Id", request_.id);
  answered_(*this, response.status);
  exchange_->respond(std::move(response));
}

void Call::answer_json(std::string body, int status) const {
  answer({.status = status, .content_type = "application/json", .body = std::move(body)});
}

void Call::refuse(const Problem& problem) const { answer(to_response(problem, style_, request_.id)); }

void Call::start(HttpResponse head) const {
  head.headers.emplace_back("X-Request-Id", request_.id);
  answered_(*this, head.status);
  exchange_->start(std::move(head));
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match found;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    auto parameters = match(routes_[i].pattern, path);
    if (!parameters) continue;
    found.style = routes_[i].style;
    if (routes_[i].method == method || (method == "HEAD" && routes_[i].method == "GET")) {
      found.route = static_cast<int>(i);
      found.parameters = std::move(*parameters);
      return found;
    }
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += routes_[i].method;
  }
  return found;
}

}  // namespace valence::server
