/// \file
/// `valence serve`: puts models, service and HTTP together, and takes them apart again without losing a request.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "valence/alert/alerter.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/command.h"
#include "valence/cli/config_file.h"
#include "valence/cli/serve_history.h"
#include "valence/cli/serve_models.h"
#include "valence/cli/serve_options.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/pipeline/label_shares.h"
#include "valence/server/alert_routes.h"
#include "valence/server/app.h"
#include "valence/server/dialects.h"
#include "valence/server/event_hub.h"
#include "valence/server/history_routes.h"
#include "valence/server/insight_routes.h"
#include "valence/server/page_routes.h"
#include "valence/server/status_routes.h"

namespace valence::cli {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kExamples = R"(
Examples:
  valence serve
  curl -s localhost:8080/v1/classify -H 'Content-Type: application/json' -d '{"texts": ["I love it"]}'
  valence serve -m en=./english -m de=./german --port 9000
  valence serve --host 0.0.0.0 --api-key-file keys.txt --tls-cert cert.pem --tls-key key.pem)";

// After SIGTERM: what is accepted may take this long beyond the drain delay.
constexpr milliseconds kFinishTime{18'000};
// How long who has just connected may take to send a request, which gets a 503.
constexpr milliseconds kLastRequests{200};
constexpr milliseconds kPoll{10};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

/// Waits until `done`, at most until `deadline`.
template <class Done>
bool wait_until(SteadyClock::time_point deadline, Done done) {
  while (!done()) {
    if (SteadyClock::now() > deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

/// accepting -> draining (503 at /readyz, still serving) -> closing (no new work) -> nothing under way.
void drain(server::Transport& transport, server::Lifecycle& lifecycle, server::EventHub& events, milliseconds delay,
           bool quiet) {
  lifecycle.draining = true;
  transport.begin_drain();
  if (!quiet && delay.count() > 0) print_note(fmt::format("shutting down: serving on for {} ms", delay.count()));
  std::this_thread::sleep_for(delay);
  lifecycle.closing = true;
  events.close();
  transport.stop_listening();
  // A request may be under way on a connection that was just made, or that was told too late to end.
  std::this_thread::sleep_for(kLastRequests);
  transport.close_idle();
  const bool finished = wait_until(SteadyClock::now() + kFinishTime, [&] { return transport.active_requests() == 0; });
  if (!finished) print_warning(fmt::format("{} requests were not answered in time", transport.active_requests()));
}

std::vector<server::Route> all_routes(server::ServerContext& context) {
  std::vector<server::Route> routes = server::page_routes();
  for (auto* make : {server::system_routes, server::native_routes, server::ingest_routes, server::hugging_face_routes,
                     server::tei_routes, server::vllm_routes, server::kserve_routes}) {
    for (auto& route : make(context)) routes.push_back(std::move(route));
  }
  return routes;
}

void add(std::vector<server::Route>& routes, std::vector<server::Route> more) {
  for (auto& route : more) routes.push_back(std::move(route));
}

Result<std::unique_ptr<alert::Alerter>> start_alerts(const GlobalOptions& global, const Clock& clock) {
  VALENCE_TRY(const auto files, config_files(global.config));
  VALENCE_TRY(auto settings, read_alert_settings(files));
  if (settings.rules.empty()) return nullptr;
  return alert::Alerter::start(
      {.settings = std::move(settings), .clock = clock, .log = [](const std::string& line) { print_note(line); }});
}

/// SIGHUP comes on a thread of its own, and may come before there is anything to load again, and after.
class HangUp {
 public:
  void set(ServeReloader* reloader) {
    const std::lock_guard lock(mutex_);
    reloader_ = reloader;
  }
  void reload_all() {
    const std::lock_guard lock(mutex_);
    if (reloader_ != nullptr) reloader_->reload_all();
  }

 private:
  std::mutex mutex_;
  ServeReloader* reloader_ = nullptr;
};

/// Work in the background uses parts that end before its threads would.
class BackgroundEnd {
 public:
  explicit BackgroundEnd(server::Background& background) : background_(background) {}
  BackgroundEnd(const BackgroundEnd&) = delete;
  BackgroundEnd& operator=(const BackgroundEnd&) = delete;
  ~BackgroundEnd() { background_.stop(); }

 private:
  server::Background& background_;
};

/// What events say comes from parts that end before the hub does.
class EventsEnd {
 public:
  explicit EventsEnd(server::EventHub& events) : events_(events) {}
  EventsEnd(const EventsEnd&) = delete;
  EventsEnd& operator=(const EventsEnd&) = delete;
  ~EventsEnd() { events_.close(); }

 private:
  server::EventHub& events_;
};

/// How the spool stands.
void expose_spool(observe::Metrics& metrics, const store::Spool& spool) {
  using observe::Metric;
  metrics.on_expose(
      [&spool, bytes = metrics.gauge(Metric::kSpoolBytes), store = metrics.gauge(Metric::kSpoolFailing, {"store"}),
       disk = metrics.gauge(Metric::kSpoolFailing, {"disk"}), refused = metrics.counter(Metric::kSpoolRefused),
       set_aside = metrics.counter(Metric::kSpoolSetAside), before = store::SpoolStats()]() mutable {
        const store::SpoolStats now = spool.stats();
        bytes.set(static_cast<double>(now.waiting_bytes));
        store.set(now.store_failing ? 1 : 0);
        disk.set(now.disk_failing ? 1 : 0);
        refused.add(static_cast<double>(now.refused - before.refused));
        set_aside.add(static_cast<double>(now.set_aside - before.set_aside));
        before = now;
      });
}

/// Totals that others keep, as counters.
void expose_alerts(observe::Metrics& metrics, const alert::Alerter& alerter) {
  metrics.on_expose([&metrics, &alerter, told = std::map<std::string, alert::AlertTotals>()]() mutable {
    for (const alert::AlertTotals& totals : alerter.totals()) {
      alert::AlertTotals& before = told[totals.rule];
      const auto add = [&](std::string_view outcome, std::uint64_t now, std::uint64_t& then) {
        metrics.counter(observe::Metric::kAlerts, {totals.rule, outcome}).add(static_cast<double>(now - then));
        then = now;
      };
      add("sent", totals.sent, before.sent);
      add("suppressed", totals.suppressed, before.suppressed);
      add("failed", totals.failed, before.failed);
    }
  });
}

std::string address(const ServeOptions& options, const std::string& host, int port) {
  const bool is_bare_ipv6 = host.find(':') != host.npos && !host.starts_with('[');
  return fmt::format("{}://{}:{}", options.transport.tls_certificate_file.empty() ? "http" : "https",
                     is_bare_ipv6 ? "[" + host + "]" : host, port);
}

ExitCode serve(const ServeArguments& arguments, const GlobalOptions& global) {
  auto options = interpret(arguments);
  if (!options) return failed(options.error());
  HangUp hang_up;
  SignalWatcher signals([&hang_up] { hang_up.reload_all(); });

  const SystemClock clock;
  observe::Metrics metrics;
  metrics.gauge(observe::Metric::kBuildInfo, {VALENCE_VERSION}).set(1);
  observe::expose_process(metrics);
  pipeline::ModelTable models;
  server::Lifecycle lifecycle;
  const observe::Gauge ready = metrics.gauge(observe::Metric::kReady);
  metrics.on_expose([&, ready] { ready.set(lifecycle.ready && !lifecycle.draining ? 1 : 0); });
  std::unique_ptr<ServeHistory> history;
  if (options->history.enabled) {
    auto opened = ServeHistory::open(options->history, clock);
    if (!opened) return failed(opened.error());
    history = *std::move(opened);
    expose_spool(metrics, history->spool());
  }
  auto alerter = start_alerts(global, clock);
  if (!alerter) return failed(alerter.error());
  if (*alerter) expose_alerts(metrics, **alerter);
  UlidSource ids(clock);
  server::EventHub events({.text = options->history.text, .run = ids.next()}, metrics, alerter->get());
  server::Activity activity(clock);
  pipeline::LabelShares shares(metrics, clock);
  std::vector<pipeline::RecordSink*> sinks{&activity, &events, &shares};
  if (history) sinks.push_back(&history->spool());
  if (*alerter) sinks.push_back(alerter->get());
  pipeline::Service service(options->service, clock, metrics, sinks);
  ServeReloader reloader(options->models, options->classifier, clock, models, service, metrics);
  server::ServerContext context{.clock = clock,
                                .metrics = metrics,
                                .service = service,
                                .models = models,
                                .lifecycle = lifecycle,
                                .reloader = reloader,
                                .ids = ids,
                                .activity = activity,
                                .limits = {},
                                .ingest = options->ingest,
                                .version = VALENCE_VERSION};
  const server::Access access(options->access);
  server::Background background;
  server::Background alert_background;  // its own, for what it waits for is another file
  std::optional<server::HistoryContext> history_context;
  if (history) {
    history_context.emplace(server::HistoryContext{.server = context,
                                                   .store = history->store(),
                                                   .background = background,
                                                   .text = options->history.text,
                                                   .erased = [&events] { events.forget(); }});
  }
  server::HistoryContext* const kept = history_context ? &*history_context : nullptr;
  server::ServerStatus status({.server = context,
                               .access = access,
                               .background = background,
                               .store = history ? &history->store() : nullptr,
                               .spool = history ? &history->spool() : nullptr,
                               .text = options->history.text,
                               .has_alerts = *alerter != nullptr});
  events.set_stats([&status] { return status.stats_members(); });
  const EventsEnd events_end(events);
  std::vector<server::Route> routes = all_routes(context);
  add(routes, server::alert_routes(context, alerter->get(), alert_background));
  add(routes, server::event_routes(events));
  add(routes, server::history_routes(kept));
  add(routes, server::insight_routes(kept));
  add(routes, status.routes());
  server::App app(context, access, std::move(routes));
  const BackgroundEnd background_end(background);
  const BackgroundEnd alert_background_end(alert_background);

  // Before the models: an orchestrator may ask /livez while they load, and a port that is taken is told at once.
  auto transport = server::Transport::open(options->transport, app, metrics);
  if (!transport) return failed(transport.error());
  for (const ModelArgument& argument : options->models) {
    auto model = load_served(argument, options->classifier, clock);
    if (!model) return failed(model.error());
    for (const std::string& warning : (*model)->classifier->warnings()) {
      if (!global.quiet) print_warning(warning);
    }
    if (const Status warm = service.warm_up(**model); !warm) return failed(warm.error());
    metrics.gauge(observe::Metric::kModelInfo, {(*model)->name, (*model)->version}).set(1);
    metrics.counter(observe::Metric::kModelLoads, {argument.name, "ok"}).add();
    models.put(*std::move(model));
    if (signals.signalled()) return signals.exit_code();
  }
  lifecycle.ready = true;
  hang_up.set(&reloader);
  if (!global.quiet) {
    print_note("listening on " + address(*options, arguments.host, (*transport)->port()));
    const bool is_any = arguments.host == "127.0.0.1" || arguments.host == "0.0.0.0" || arguments.host == "::";
    print_note(
        fmt::format("dashboard: {}/", address(*options, is_any ? "localhost" : arguments.host, (*transport)->port())));
    if (options->is_public && !options->access.keys) print_warning("anybody who reaches this address may use it");
  }

  signals.wait();
  hang_up.set(nullptr);
  // Ctrl-C comes from somebody who waits; an orchestrator needs time to take this instance out of its tables.
  const bool from_terminal = signals.exit_code() == ExitCode::kInterrupted;
  drain(**transport, lifecycle, events, from_terminal ? milliseconds(0) : options->drain_delay, global.quiet);
  (*transport)->stop();
  return ExitCode::kOk;
}

}  // namespace

Command add_serve(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("serve", "HTTP API: classify texts for other programs");
  app->footer(kExamples);
  const auto arguments = std::make_shared<ServeArguments>();
  declare_serve_options(*app, *arguments);
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return serve(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli
