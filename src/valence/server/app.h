/// \file
/// The program behind the transport: routes, who may use them, and what is counted.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/ulid.h"
#include "valence/observe/metrics.h"
#include "valence/pipeline/service.h"
#include "valence/server/access.h"
#include "valence/server/activity.h"
#include "valence/server/http.h"
#include "valence/server/ingest.h"
#include "valence/server/router.h"
#include "valence/server/wire.h"

namespace valence::server {

/// Loads a model again, off the threads of the server.
class ModelReloader {
 public:
  using Loaded = std::function<void(Result<std::shared_ptr<const pipeline::ServedModel>>)>;

  ModelReloader() = default;
  ModelReloader(const ModelReloader&) = delete;
  ModelReloader& operator=(const ModelReloader&) = delete;
  virtual ~ModelReloader() = default;

  /// Calls `loaded` once, from a thread of its own, and never waits; false where too many wait already: nothing is
  /// called. The model that is there serves on until the new one has made a real inference, and for good where that
  /// fails. Who asks before a reload of that name has begun shares it.
  [[nodiscard]] virtual bool reload(const std::string& name, Loaded loaded) = 0;
};

/// Where the server is in its life.
struct Lifecycle {
  std::atomic<bool> ready{false};     ///< every model has made an inference
  std::atomic<bool> draining{false};  ///< asked to end, and still serving
  std::atomic<bool> closing{false};   ///< takes no new work
};

/// What handlers work with. All of it outlives them; immutable but for what locks itself.
struct ServerContext {
  const Clock& clock;
  observe::Metrics& metrics;
  pipeline::Service& service;
  pipeline::ModelTable& models;
  const Lifecycle& lifecycle;
  ModelReloader& reloader;
  UlidSource& ids;
  Activity& activity;
  WireLimits limits;
  IngestOptions ingest;
  std::size_t max_body_bytes = 2'000'000;
  std::string version;  ///< of the program
};

class App final : public HttpHandler {
 public:
  App(ServerContext& context, Access access, std::vector<Route> routes);
  ~App() override;

  [[nodiscard]] BodyPlan plan(HttpRequest& request) override;
  std::shared_ptr<BodyReader> handle(HttpRequest request, std::shared_ptr<Exchange> exchange) override;
  [[nodiscard]] HttpResponse protocol_error(int status, std::string_view what, const HttpRequest* request) override;

 private:
  [[nodiscard]] std::optional<Problem> refuse(const HttpRequest& request, const Router::Match& match) const;

  class RouteCounts;
  ServerContext& context_;
  Access access_;
  Router router_;
  std::shared_ptr<RouteCounts> counts_;  // shared: an answer from another thread may come after this has gone
};

/// The model a request asks for; where it names none, the first.
[[nodiscard]] OrProblem<std::shared_ptr<const pipeline::ServedModel>> find_model(
    const ServerContext& context, const std::optional<std::string>& name);

/// Sends `request` through the service; `render` makes the answer on the connection's thread, unless the request was
/// refused or not computed, which is answered here after `not_taken`.
using Render = std::function<HttpResponse(const Call& call, const pipeline::ServiceReply& reply)>;
void classify(
    ServerContext& context, const CallPointer& call, pipeline::ServiceRequest request, Render render,
    const std::function<void()>& not_taken = [] {});

/// What to answer for a request that left the service unanswered.
[[nodiscard]] Problem not_computed(BatchOutcome outcome);
[[nodiscard]] Problem overloaded(std::chrono::milliseconds retry_after);

/// POST /v1/classify, and what else speaks the native dialect.
[[nodiscard]] std::vector<Route> native_routes(ServerContext& context);
/// POST /v1/ingest.
[[nodiscard]] std::vector<Route> ingest_routes(ServerContext& context);
/// Health, metrics, models.
[[nodiscard]] std::vector<Route> system_routes(ServerContext& context);

}  // namespace valence::server
