/// \file
/// What can go wrong with a request, and how each dialect says it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/server/http.h"

namespace valence::server {

enum class ProblemKind {
  kBadRequest,   ///< no HTTP, or a parameter of the URL that makes no sense
  kInvalidJson,  ///< malformed, too deep, not UTF-8
  kEmpty,        ///< nothing to classify
  kUnauthorized,
  kForbidden,
  kNotFound,
  kModelNotFound,
  kMethodNotAllowed,
  kTimeout,  ///< the client was too slow
  kConflict,
  kLengthRequired,
  kTooLarge,
  kUnsupportedMediaType,
  kMisdirected,  ///< a Host that this server does not answer for
  kValidation,   ///< valid JSON, wrong content
  kBackend,      ///< the model failed
  kOverloaded,
  kHeadTooLarge,
  kInternal,
  kUnavailable,
  kDeadlineExceeded,
};

struct Problem {
  ProblemKind kind = ProblemKind::kInternal;
  std::string message;  ///< a sentence without final period
  std::string hint = {};
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;
};

template <class T>
using OrProblem = tl::expected<T, Problem>;

[[nodiscard]] inline tl::unexpected<Problem> problem(ProblemKind kind, std::string message, std::string hint = {}) {
  return tl::unexpected<Problem>(Problem{kind, std::move(message), std::move(hint)});
}

/// Whose shape an error has.
enum class ErrorStyle {
  kNative,       ///< {"error","error_type","request_id","hint"}
  kHuggingFace,  ///< {"error"}
  kTei,          ///< {"error","error_type"}
  kOpenAi,       ///< {"error":{"message","type","param","code"}}
  kKServe,       ///< {"error"}
};

[[nodiscard]] int status_of(ProblemKind kind);
/// "DeadlineExceeded", ...: what a native error's error_type says.
[[nodiscard]] std::string_view type_of(ProblemKind kind);

/// The status is the same in every style but where the dialect has its own: KServe says 400 for 422.
[[nodiscard]] HttpResponse to_response(const Problem& problem, ErrorStyle style, std::string_view request_id);

}  // namespace valence::server
