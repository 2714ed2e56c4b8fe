/// \file
/// The native dialect: JSON of POST /v1/classify to a request and back. docs/serve.md describes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/pipeline/service.h"
#include "valence/server/problem.h"

namespace valence::server {

struct WireLimits {
  std::size_t max_texts = 256;
  std::size_t max_text_bytes = 1'000'000;
};

// Streams, channels, subjects and ids of records are names, not texts: stores have them as keys.
inline constexpr std::size_t kMaxNameBytes = 200;

/// Of the member or parameter `what`: longer than kMaxNameBytes.
[[nodiscard]] std::optional<Problem> check_name(std::string_view what, std::string_view name);

/// A JSON document from a client. Errors: 400 where it is none, with the byte where it is not UTF-8.
[[nodiscard]] OrProblem<Json> parse_json(std::string_view body);

/// The first member of `object` that is not in `known`, as a problem that names a near one.
[[nodiscard]] std::optional<Problem> unknown_member(const Json& object, std::initializer_list<std::string_view> known);

/// An error about a value of a document, without "request: " in front.
[[nodiscard]] Problem validation(const Error& error);

/// The numbers of a prompt or of what is to be decoded. Errors: 422 for what is no token id of any model.
[[nodiscard]] OrProblem<std::vector<std::int32_t>> token_ids(const std::vector<Json>& items);

/// One text of a request: `what` is its place, for messages. Errors: 413 where it is too long.
[[nodiscard]] std::optional<Problem> check_text(std::string_view text, const WireLimits& limits);

struct NativeText {
  std::string text;
  std::optional<std::string> text_pair;
  std::optional<std::string> id;
  std::string metadata;  ///< JSON of an object, or empty
};

struct NativeRequest {
  std::optional<std::string> model;
  std::vector<NativeText> texts;
  std::optional<std::size_t> top_k;  ///< 0: all
  std::optional<float> threshold;
  std::optional<std::int64_t> timeout_ms;
  std::string stream;
  std::string channel;
  std::string subject;
};

[[nodiscard]] OrProblem<NativeRequest> parse_native(std::string_view body, const WireLimits& limits);
/// One member of "texts", and one line of a bulk request.
[[nodiscard]] OrProblem<NativeText> parse_native_text(const Json& value, const WireLimits& limits);

/// {"id"?,"label","score","scores"?,"tokens","truncated","source"} or {"id"?,"error"}.
/// `id` null: the caller named none. `top_k`: of "scores"; 0 is all, 1 none.
void append_native_result(std::string& out, const pipeline::ServiceReply& reply, std::size_t text,
                          const std::optional<std::string>& id, std::size_t top_k);

/// The whole answer. `ids`: [texts].
[[nodiscard]] std::string render_native(const pipeline::ServiceReply& reply,
                                        const std::vector<std::optional<std::string>>& ids, std::size_t top_k);

/// "EmptyText", "InvalidText", ...: the kind of a text's own error.
[[nodiscard]] std::string_view text_error_type(const Error& error);

}  // namespace valence::server

/// SERVER_TRY(const std::string text, json.string("text")); declares `text`, or returns the error from a function of
/// OrProblem as a wrong value in the request.
#define SERVER_TRY(declaration, expression) \
  SERVER_TRY_IMPL(VALENCE_CONCAT(server_try_, __LINE__), declaration, expression)
#define SERVER_TRY_IMPL(temporary, declaration, expression)                                                            \
  auto temporary = (expression);                                                                                       \
  if (!temporary) return tl::unexpected<::valence::server::Problem>(::valence::server::validation(temporary.error())); \
  declaration = std::move(temporary).value()
/// The same for an expression that is an OrProblem already.
#define SERVER_PASS(declaration, expression) \
  SERVER_PASS_IMPL(VALENCE_CONCAT(server_try_, __LINE__), declaration, expression)
#define SERVER_PASS_IMPL(temporary, declaration, expression)                                       \
  auto temporary = (expression);                                                                   \
  if (!temporary) return tl::unexpected<::valence::server::Problem>(std::move(temporary).error()); \
  declaration = std::move(temporary).value()
