#include <utility>

#include "valence/server/app.h"
#include "valence/server/bulk.h"
#include "valence/server/wire.h"

namespace valence::server {
namespace {

/// The service's request for a native one. `ids` gets what the callers named; records need an id all the same.
OrProblem<pipeline::ServiceRequest> to_service(ServerContext& context, NativeRequest&& native,
                                               std::vector<std::optional<std::string>>& ids) {
  auto model = find_model(context, native.model);
  if (!model) return tl::unexpected<Problem>(model.error());
  pipeline::ServiceRequest request;
  request.model = *std::move(model);
  request.threshold = native.threshold;
  if (native.timeout_ms) request.timeout = std::chrono::milliseconds(*native.timeout_ms);
  if (!native.stream.empty()) request.stream = std::move(native.stream);
  request.channel = std::move(native.channel);
  request.subject = std::move(native.subject);
  for (NativeText& text : native.texts) {
    request.texts.push_back({.text = std::move(text.text), .pair = std::move(text.text_pair)});
    request.fields.push_back({.id = text.id ? *text.id : context.ids.next(), .metadata = std::move(text.metadata)});
    ids.push_back(std::move(text.id));
  }
  return request;
}

void classify_native(ServerContext& context, const CallPointer& call) {
  // A full queue is known before the body has been looked at.
  if (const auto later = context.service.refuse_early()) return call->refuse(overloaded(*later));
  auto native = parse_native(call->request().body, context.limits);
  if (!native) return call->refuse(native.error());
  const std::size_t top_k = native->top_k.value_or(1);
  std::vector<std::optional<std::string>> ids;
  auto request = to_service(context, *std::move(native), ids);
  if (!request) return call->refuse(request.error());
  classify(context, call, *std::move(request),
           [ids = std::move(ids), top_k](const Call&, const pipeline::ServiceReply& reply) {
             HttpResponse response{.content_type = "application/json", .body = render_native(reply, ids, top_k)};
             response.headers.emplace_back("X-Model-Sha", reply.request.model->version);
             return response;
           });
}

}  // namespace

std::vector<Route> native_routes(ServerContext& context) {
  return {
      {.method = "POST",
       .pattern = "/v1/classify",
       .body = RouteBody::kStream,
       .handle = [&context](const CallPointer& call) { classify_native(context, call); },
       .open_stream = [&context](const CallPointer& call) { return open_bulk(context, call); }},
  };
}

}  // namespace valence::server
