#include "valence/server/status_routes.h"

#include <fmt/format.h>

#include "valence/server/history_routes.h"
#include "valence/server/query_string.h"
#include "valence/store/trend_report.h"

namespace valence::server {
namespace {

constexpr std::chrono::seconds kFiguresLast{10};

std::string latency_json(const std::optional<Activity::Latency>& latency) {
  if (!latency) return "null";
  return fmt::format(R"({{"window_s":{},"requests":{},"p50":{:.3g},"p90":{:.3g},"p99":{:.3g}}})",
                     Activity::kLatencySeconds, latency->requests, latency->p50_ms, latency->p90_ms, latency->p99_ms);
}

void append_strings(std::string& out, std::string_view name, const std::vector<std::string>& values) {
  out += fmt::format(",\"{}\":[", name);
  for (const auto& value : values) {
    if (!out.ends_with('[')) out += ',';
    append_json_string(out, value);
  }
  out += ']';
}

void append_model(std::string& out, const pipeline::ServedModel& model) {
  out += '{';
  append_member(out, "name", model.name);
  append_member(out, "version", model.version);
  append_member(out, "config_version", model.config_version);
  append_member(out, "source", model.source);
  append_strings(out, "labels", model.classifier->labels());
  std::vector<std::string> negative;
  if (auto label = store::negative_label(model.classifier->labels())) negative.push_back(*std::move(label));
  append_strings(out, "negative_labels", negative);
  out +=
      fmt::format(R"(,"max_length":{},"loaded_ms":{}}})", model.classifier->max_length(), 1000 * model.loaded_unix_s);
}

}  // namespace

ServerStatus::ServerStatus(const StatusContext& context)
    : context_(context), started_ms_(context.server.clock.unix_ms()) {}

std::string ServerStatus::activity_members() const {
  const auto texts = context_.server.activity.texts();
  const auto depth = context_.server.service.depth();
  return fmt::format(
      R"("texts":{{"total":{},"per_second":{:.1f}}},"latency_ms":{},"queue":{{"requests":{},"texts":{},"tokens":{}}})",
      texts.total, texts.per_second, latency_json(context_.server.activity.latency()), depth.requests, depth.texts,
      depth.tokens);
}

std::string ServerStatus::stats_members() const {
  const char* const history = context_.spool == nullptr               ? "off"
                              : context_.spool->stats().store_failing ? "delayed"
                                                                      : "ok";
  return fmt::format(R"("time_ms":{},{},"history":"{}")", context_.server.clock.unix_ms(), activity_members(), history);
}

std::string ServerStatus::history_json() {
  if (context_.store == nullptr || context_.spool == nullptr) return R"({"state":"off"})";
  const std::lock_guard lock(mutex_);
  const auto now = context_.server.clock.now();
  if (!asked_ || now - *asked_ > kFiguresLast) {
    auto figures = context_.store->stats();
    failure_ = figures ? "" : figures.error().to_string();
    if (figures) figures_ = *std::move(figures);
    asked_ = now;
  }
  const auto spool = context_.spool->stats();
  const bool delayed = spool.store_failing || !failure_.empty();
  std::string json = "{";
  append_member(json, "state", delayed ? "delayed" : "ok");
  if (delayed) append_member(json, "message", spool.last_error.empty() ? failure_ : spool.last_error);
  if (figures_) {
    append_member(json, "backend", figures_->backend);
    json += fmt::format(R"(,"records":{},"texts":{},"corrections":{},"size_bytes":{})", figures_->records,
                        figures_->texts, figures_->corrections, figures_->size_bytes);
    if (figures_->oldest_ms) json += fmt::format(",\"oldest_ms\":{}", *figures_->oldest_ms);
    if (figures_->newest_ms) json += fmt::format(",\"newest_ms\":{}", *figures_->newest_ms);
  }
  return json + fmt::format(R"(,"spool":{{"bytes":{}}}}})", spool.waiting_bytes);
}

std::string ServerStatus::body(AccessLevel level) {
  const ServerContext& server = context_.server;
  std::string body = "{";
  append_member(body, "version", server.version);
  body += fmt::format(R"(,"time_ms":{},"started_ms":{},"ready":{},"draining":{},"models":[)", server.clock.unix_ms(),
                      started_ms_, server.lifecycle.ready.load(), server.lifecycle.draining.load());
  for (const auto& model : server.models.all()) {
    if (!body.ends_with('[')) body += ',';
    append_model(body, *model);
  }
  body += fmt::format("],{},\"history\":{}", activity_members(), history_json());
  append_member(body, "text_policy", store::name_of(context_.text));
  body += fmt::format(R"(,"alerts":{{"enabled":{}}},"access":{{"keys":{},"level":"{}"}}}})", context_.has_alerts,
                      context_.access.has_keys(), level == AccessLevel::kAdmin ? "admin" : "read");
  return body;
}

std::vector<Route> ServerStatus::routes() {
  const auto answer = [this](const CallPointer& call) {
    if (const auto query = QueryString::parse(call->request().query, {}); !query) return call->refuse(query.error());
    const AccessLevel level = context_.access.level_of(call->request());
    answer_later(context_.background, call, [this, level]() -> OrProblem<std::string> { return body(level); });
  };
  return {{.method = "GET", .pattern = "/v1/status", .handle = answer}};
}

}  // namespace valence::server
