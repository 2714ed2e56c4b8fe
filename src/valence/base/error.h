/// \file
/// The two ways errors travel inside valence: `fail(...)` makes one, `VALENCE_TRY` passes one on.
#pragma once

#include "valence/error.h"

namespace valence {

/// `return fail(code, where, what, hint);` from any function that returns Result<T> or Status.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string where, std::string what,
                                                std::string hint = {}) {
  return tl::unexpected<Error>(Error(code, std::move(where), std::move(what), std::move(hint)));
}

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// The system's text for `errno_value`, e.g. "No space left on device".
[[nodiscard]] std::string system_error_text(int errno_value);

}  // namespace valence

#define VALENCE_CONCAT_INNER(a, b) a##b
#define VALENCE_CONCAT(a, b) VALENCE_CONCAT_INNER(a, b)

/// VALENCE_TRY(const auto spec, parse(config)); declares `spec`, or returns the error from the enclosing function.
#define VALENCE_TRY(declaration, expression) \
  VALENCE_TRY_IMPL(VALENCE_CONCAT(valence_try_, __LINE__), declaration, expression)
#define VALENCE_TRY_IMPL(temporary, declaration, expression)            \
  auto temporary = (expression);                                        \
  if (!temporary) return ::valence::fail(std::move(temporary).error()); \
  declaration = std::move(temporary).value()

/// The same for a Status, which carries no value.
#define VALENCE_TRY_STATUS(expression)                           \
  do {                                                           \
    if (auto valence_status = (expression); !valence_status) {   \
      return ::valence::fail(std::move(valence_status).error()); \
    }                                                            \
  } while (false)
