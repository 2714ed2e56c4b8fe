#include <fmt/format.h>

#include "valence/base/json.h"
#include "valence/server/app.h"
#include "valence/server/page_routes.h"

namespace valence::server {
namespace {

using observe::Metric;

// A batch that has been running for longer has hung: batches are cut to a fraction of a second.
constexpr double kWedgedSeconds = 60;

bool is_wedged(const ServerContext& context) { return context.service.depth().running_seconds > kWedgedSeconds; }

std::optional<Problem> not_ready(const ServerContext& context) {
  const auto unavailable = [](const char* why) {
    return Problem{ProblemKind::kUnavailable, why, "", std::chrono::milliseconds(1000)};
  };
  if (!context.lifecycle.ready) return unavailable("the models are still loading");
  if (context.lifecycle.draining) return unavailable("the server is shutting down");
  if (is_wedged(context)) return unavailable("the compute thread does not answer");
  return std::nullopt;
}

/// 200 without a body, or the error.
void health(const ServerContext& context, const CallPointer& call) {
  if (const auto why = not_ready(context)) return call->refuse(*why);
  call->answer({});
}

void livez(const ServerContext& context, const CallPointer& call) {
  if (is_wedged(context)) {
    return call->refuse({ProblemKind::kUnavailable, "the compute thread does not answer", ""});
  }
  call->answer({.content_type = "text/plain; charset=utf-8", .body = "ok\n"});
}

void healthz(const ServerContext& context, const CallPointer& call) {
  const auto why = not_ready(context);
  const auto depth = context.service.depth();
  std::string body = fmt::format(
      R"({{"status":"{}","draining":{},"queue":{{"requests":{},"texts":{},"tokens":{}}},"models":[)",
      why ? "unavailable" : "ok", context.lifecycle.draining.load(), depth.requests, depth.texts, depth.tokens);
  for (const auto& model : context.models.all()) {
    if (!body.ends_with('[')) body += ',';
    body += "{\"name\":";
    append_json_string(body, model->name);
    body += ",\"version\":";
    append_json_string(body, model->version);
    body += '}';
  }
  body += "]}";
  call->answer_json(std::move(body), why ? status_of(why->kind) : 200);
}

void metrics(ServerContext& context, const CallPointer& call) {
  const auto exposition = observe::exposition_for(call->request().header("accept"));
  call->answer(
      {.content_type = std::string(observe::content_type(exposition)), .body = context.metrics.expose(exposition)});
}

void append_model(std::string& body, const pipeline::ServedModel& model) {
  body += "{\"id\":";
  append_json_string(body, model.name);
  body += fmt::format(R"(,"object":"model","created":{},"owned_by":"valence","root":)", model.loaded_unix_s);
  append_json_string(body, model.source);
  body += ",\"model_version\":";
  append_json_string(body, model.version);
  body += ",\"config_version\":";
  append_json_string(body, model.config_version);
  body += fmt::format(",\"max_model_len\":{},\"labels\":[", model.classifier->max_length());
  for (const auto& label : model.classifier->labels()) {
    if (!body.ends_with('[')) body += ',';
    append_json_string(body, label);
  }
  body += "]}";
}

void models(const ServerContext& context, const CallPointer& call) {
  std::string body = R"({"object":"list","data":[)";
  for (const auto& model : context.models.all()) {
    if (!body.ends_with('[')) body += ',';
    append_model(body, *model);
  }
  body += "]}";
  call->answer_json(std::move(body));
}

void one_model(const ServerContext& context, const CallPointer& call) {
  const auto model = find_model(context, std::string(call->parameter(0)));
  if (!model) return call->refuse(model.error());
  std::string body;
  append_model(body, **model);
  call->answer_json(std::move(body));
}

void reload(ServerContext& context, const CallPointer& call) {
  const std::string name(call->parameter(0));
  if (const auto model = find_model(context, name); !model) return call->refuse(model.error());
  const bool taken = context.reloader.reload(name, [call](Result<std::shared_ptr<const pipeline::ServedModel>> loaded) {
    if (!loaded) {
      return call->refuse({ProblemKind::kBackend, loaded.error().to_string(), "the model that was there serves on"});
    }
    std::string body;
    append_model(body, **loaded);
    call->answer_json(std::move(body));
  });
  if (taken) return;
  call->refuse({ProblemKind::kOverloaded, "too many wait for a reload of this model", "", std::chrono::seconds(1)});
}

}  // namespace

std::vector<Route> system_routes(ServerContext& context) {
  const auto get = [](std::string_view path, AccessLevel access, std::function<void(CallPointer)> handle) {
    return Route{.method = "GET",
                 .pattern = path,
                 .access = access,
                 .while_draining = access == AccessLevel::kPublic,
                 .handle = std::move(handle)};
  };
  const auto open = AccessLevel::kPublic;
  const auto is_healthy = [&context](const CallPointer& call) { health(context, call); };
  return {
      get("/health", open, is_healthy),
      get("/ping", open, is_healthy),
      get("/", open,
          [&context](const CallPointer& call) {
            const bool browser = call->request().header("accept").find("text/html") != std::string_view::npos;
            browser ? answer_with_dashboard(call) : health(context, call);
          }),
      get("/readyz", open, is_healthy),
      get("/livez", open, [&context](const CallPointer& call) { livez(context, call); }),
      get("/healthz", open, [&context](const CallPointer& call) { healthz(context, call); }),
      get("/metrics", open, [&context](const CallPointer& call) { metrics(context, call); }),
      get("/v1/models", AccessLevel::kRead, [&context](const CallPointer& call) { models(context, call); }),
      {.method = "GET",
       .pattern = "/v1/models/{}",
       .style = ErrorStyle::kOpenAi,
       .handle = [&context](const CallPointer& call) { one_model(context, call); }},
      get("/version", AccessLevel::kRead,
          [&context](const CallPointer& call) {
            call->answer_json(fmt::format(R"({{"version":"{}"}})", context.version));
          }),
      {.method = "POST",
       .pattern = "/v1/models/{}/reload",
       .access = AccessLevel::kAdmin,
       .handle = [&context](const CallPointer& call) { reload(context, call); }},
  };
}

}  // namespace valence::server
