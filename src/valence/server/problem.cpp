#include "valence/server/problem.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "valence/base/check.h"
#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::server {
namespace {

struct KindInfo {
  ProblemKind kind;
  int status;
  std::string_view type;     // TEI's kinds, and more of the same sort
  std::string_view open_ai;  // vLLM's names
};

// In the order of the enumeration. Statuses: docs/serve.md, "Status codes".
constexpr std::array kKinds{
    KindInfo{ProblemKind::kBadRequest, 400, "BadRequest", "BadRequestError"},
    KindInfo{ProblemKind::kInvalidJson, 400, "InvalidJson", "BadRequestError"},
    KindInfo{ProblemKind::kEmpty, 400, "Empty", "BadRequestError"},
    KindInfo{ProblemKind::kUnauthorized, 401, "Unauthorized", "AuthenticationError"},
    KindInfo{ProblemKind::kForbidden, 403, "Forbidden", "PermissionDeniedError"},
    KindInfo{ProblemKind::kNotFound, 404, "NotFound", "NotFoundError"},
    KindInfo{ProblemKind::kModelNotFound, 404, "ModelNotFound", "NotFoundError"},
    KindInfo{ProblemKind::kMethodNotAllowed, 405, "MethodNotAllowed", "BadRequestError"},
    KindInfo{ProblemKind::kTimeout, 408, "Timeout", "BadRequestError"},
    KindInfo{ProblemKind::kConflict, 409, "Conflict", "ConflictError"},
    KindInfo{ProblemKind::kLengthRequired, 411, "LengthRequired", "BadRequestError"},
    KindInfo{ProblemKind::kTooLarge, 413, "TooLarge", "BadRequestError"},
    KindInfo{ProblemKind::kUnsupportedMediaType, 415, "UnsupportedMediaType", "BadRequestError"},
    KindInfo{ProblemKind::kMisdirected, 421, "MisdirectedRequest", "BadRequestError"},
    KindInfo{ProblemKind::kValidation, 422, "Validation", "BadRequestError"},
    KindInfo{ProblemKind::kBackend, 424, "Backend", "InternalServerError"},
    KindInfo{ProblemKind::kOverloaded, 429, "Overloaded", "RateLimitError"},
    KindInfo{ProblemKind::kHeadTooLarge, 431, "HeadTooLarge", "BadRequestError"},
    KindInfo{ProblemKind::kInternal, 500, "Internal", "InternalServerError"},
    KindInfo{ProblemKind::kUnavailable, 503, "Unhealthy", "ServiceUnavailableError"},
    KindInfo{ProblemKind::kDeadlineExceeded, 504, "DeadlineExceeded", "TimeoutError"},
};

const KindInfo& info_of(ProblemKind kind) {
  const KindInfo& found = kKinds[static_cast<std::size_t>(kind)];
  VALENCE_ASSERT(found.kind == kind, "the table is in the order of the enumeration");
  return found;
}

}  // namespace

int status_of(ProblemKind kind) { return info_of(kind).status; }
std::string_view type_of(ProblemKind kind) { return info_of(kind).type; }

HttpResponse to_response(const Problem& problem, ErrorStyle style, std::string_view request_id) {
  const KindInfo& info = info_of(problem.kind);
  HttpResponse response{.status = info.status, .content_type = "application/json"};
  if (style == ErrorStyle::kTei && problem.kind == ProblemKind::kUnauthorized) {  // an empty body there
    response.content_type.clear();
    return response;
  }
  if ((style == ErrorStyle::kKServe || style == ErrorStyle::kHuggingFace || style == ErrorStyle::kOpenAi) &&
      info.status == 422) {
    response.status = 400;
  }
  const std::string message = to_valid_utf8(problem.message);
  std::string& body = response.body;
  const auto member = [&body](std::string_view name, std::string_view value) {
    if (!body.ends_with('{')) body += ',';
    append_json_string(body, name);
    body += ':';
    append_json_string(body, value);
  };
  body = "{";
  switch (style) {
    case ErrorStyle::kNative:
      member("error", message);
      member("error_type", info.type);
      member("request_id", request_id);
      member("hint", to_valid_utf8(problem.hint));
      break;
    case ErrorStyle::kTei:
      member("error", message);
      member("error_type", info.type);
      break;
    case ErrorStyle::kHuggingFace:
      member("error", message);
      if (problem.kind == ProblemKind::kUnavailable) body += ",\"estimated_time\":20.0";
      break;
    case ErrorStyle::kKServe:
      member("error", message);
      break;
    case ErrorStyle::kOpenAi:
      body += "\"error\":{";
      member("message", message);
      member("type", info.open_ai);
      body += fmt::format(R"(,"param":null,"code":{}}})", response.status);
      break;
  }
  body += '}';
  if (problem.retry_after) {
    const auto seconds = std::max(1.0, std::ceil(static_cast<double>(problem.retry_after->count()) / 1000));
    response.headers.emplace_back("Retry-After", fmt::format("{:.0f}", seconds));
  }
  return response;
}

}  // namespace valence::server
