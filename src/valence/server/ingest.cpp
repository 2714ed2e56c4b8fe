#include "valence/server/ingest.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "valence/net/hmac_sha256.h"
#include "valence/server/app.h"
#include "valence/server/query_string.h"

namespace valence::server {
namespace {

constexpr std::string_view kScheme = "sha256=";

Problem refused(std::string message, std::string hint) {
  return {ProblemKind::kUnauthorized, std::move(message), std::move(hint)};
}

/// Equal lengths are no secret.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// What follows the scheme, in lower case.
std::string hex_of(std::string_view signature) {
  std::string hex(signature.substr(kScheme.size()));
  std::ranges::transform(hex, hex.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return hex;
}

struct IngestText {
  std::string text;
  std::string id;
};

OrProblem<IngestText> parse_text(const ServerContext& context, std::string_view body, const std::string& stream) {
  const IngestOptions& options = context.ingest;
  SERVER_PASS(const Json json, parse_json(body));
  const auto own = options.stream_text_paths.find(stream);
  const std::string& path = own == options.stream_text_paths.end() ? options.text_path : own->second;
  const auto text = value_at(json, path);
  if (!text || !text->is_string()) {
    return problem(ProblemKind::kValidation, fmt::format("there is no string at {}", in_quotes(path)),
                   "start the server with --ingest-text-path, for instance data.review.body");
  }
  IngestText found;
  SERVER_TRY(found.text, text->as_string());
  if (found.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return problem(ProblemKind::kEmpty, fmt::format("the text at {} is empty", in_quotes(path)));
  }
  if (auto wrong = check_text(found.text, context.limits)) return tl::unexpected<Problem>(*std::move(wrong));
  if (const auto id = value_at(json, options.id_path)) {
    if (id->is_string()) {
      SERVER_TRY(found.id, id->as_string());
    } else if (id->is_integer()) {
      SERVER_TRY(const std::int64_t number, id->as_integer());
      found.id = std::to_string(number);
    }
    if (auto wrong = check_name("the id", found.id)) return tl::unexpected<Problem>(*std::move(wrong));
  }
  // Systems number from 1 on, each its own things.
  found.id = found.id.empty() ? context.ids.next() : fmt::format("{}/{}", stream, found.id);
  return found;
}

OrProblem<pipeline::ServiceRequest> parse_request(const ServerContext& context, const HttpRequest& request) {
  constexpr auto kKeys = std::to_array<std::string_view>({"stream", "channel", "model"});
  SERVER_PASS(const auto query, QueryString::parse(request.query, kKeys));
  pipeline::ServiceRequest work;
  SERVER_PASS(work.stream, query.name("stream"));
  if (work.stream.empty()) work.stream = pipeline::kDefaultStream;
  SERVER_PASS(work.channel, query.name("channel"));
  SERVER_PASS(auto text, parse_text(context, request.body, work.stream));
  SERVER_PASS(work.model, find_model(context, query.value("model")));
  work.texts.push_back({.text = std::move(text.text)});
  work.fields.push_back({.id = std::move(text.id), .metadata = {}});
  return work;
}

HttpResponse render(const Call& call, const pipeline::ServiceReply& reply) {
  const auto& prediction = reply.predictions.front();
  if (!prediction) {
    return to_response({ProblemKind::kBackend, prediction.error().to_string()}, call.style(), call.request().id);
  }
  std::string body = "{\"id\":";
  append_json_string(body, reply.request.fields.front().id);
  body += ",\"label\":";
  append_json_string(body, reply.label(0));
  body += ",\"score\":";
  append_json_float(body, prediction->score);
  return {.status = 202, .content_type = "application/json", .body = body + '}'};
}

void ingest(ServerContext& context, const std::shared_ptr<SignatureCheck>& signatures, const CallPointer& call) {
  const HttpRequest& request = call->request();
  if (signatures != nullptr) {
    const auto wrong = signatures->refuse(request.header("x-valence-signature"), request.header("x-valence-timestamp"),
                                          request.body, context.clock.unix_ms());
    if (wrong) return call->refuse(*wrong);
  }
  const auto not_taken = [call, signatures] {
    if (signatures != nullptr) signatures->forget(call->request().header("x-valence-signature"));
  };
  auto work = parse_request(context, request);
  if (!work) {
    not_taken();
    return call->refuse(work.error());
  }
  classify(
      context, call, *std::move(work),
      [not_taken](const Call& answered, const pipeline::ServiceReply& reply) {
        if (!reply.predictions.front()) not_taken();
        return render(answered, reply);
      },
      not_taken);
}

}  // namespace

std::optional<Problem> SignatureCheck::refuse(std::string_view signature, std::string_view timestamp,
                                              std::string_view body, std::int64_t now_ms) {
  if (!signature.starts_with(kScheme)) {
    return refused("the body is not signed", "send X-Valence-Signature: sha256=<hex HMAC-SHA256 of the body>");
  }
  const std::string expected = timestamp.empty()
                                   ? net::hmac_sha256_hex(secret_.reveal(), body)
                                   : net::hmac_sha256_hex(secret_.reveal(), fmt::format("{}.{}", timestamp, body));
  std::string given = hex_of(signature);
  if (!same(given, expected)) return refused("the signature does not belong to the body", "");
  if (!timestamp.empty()) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
    const bool is_number = error == std::errc() && end == timestamp.data() + timestamp.size();
    const std::int64_t tolerance = kTolerance.count();
    const std::int64_t now = now_ms / 1000;
    if (!is_number || seconds < now - tolerance || seconds > now + tolerance) {
      return refused("the signature's timestamp is not of the last minutes", "check the clocks of both sides");
    }
  }
  const std::lock_guard lock(mutex_);
  const std::int64_t oldest = now_ms - std::chrono::milliseconds(kRemembered).count();
  while (!order_.empty() && (order_.front().time_ms < oldest || order_.size() >= kMostRemembered)) {
    // One that was forgotten and has come again has a later time.
    const auto known = seen_.find(order_.front().signature);
    if (known != seen_.end() && known->second == order_.front().time_ms) seen_.erase(known);
    order_.pop_front();
  }
  if (!seen_.emplace(given, now_ms).second) return refused("this signed body has been here before", "");
  order_.push_back({now_ms, std::move(given)});
  return std::nullopt;
}

void SignatureCheck::forget(std::string_view signature) {
  const std::string hex = hex_of(signature);
  const std::lock_guard lock(mutex_);
  seen_.erase(hex);
}

std::optional<Json> value_at(const Json& document, std::string_view path) {
  std::optional<Json> value = document;
  while (value && !path.empty()) {
    const std::string_view step = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), step.size() + 1));
    if (!value->is_array()) {
      value = value->find(step);
      continue;
    }
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    const auto items = value->items();
    const bool is_index = error == std::errc() && end == step.data() + step.size();
    if (!is_index || !items || index >= items->size()) return std::nullopt;
    value = (*items)[index];
  }
  return value;
}

std::vector<Route> ingest_routes(ServerContext& context) {
  std::shared_ptr<SignatureCheck> signatures;
  if (context.ingest.secret) signatures = std::make_shared<SignatureCheck>(*context.ingest.secret);
  return {{.method = "POST",
           .pattern = "/v1/ingest",
           .access = signatures ? AccessLevel::kPublic : AccessLevel::kRead,  // who signs needs no key
           .body = RouteBody::kJson,
           .handle = [&context, signatures](const CallPointer& call) { ingest(context, signatures, call); }}};
}

}  // namespace valence::server
