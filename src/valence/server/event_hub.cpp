#include "valence/server/event_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/server/alert_routes.h"

namespace valence::server {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Proxies close connections on which nothing comes for a minute or so.
constexpr std::chrono::seconds kHeartbeat{15};

std::string record_json(const pipeline::ClassifiedRecord& record, bool with_text) {
  std::string body = "{\"id\":";
  append_json_string(body, record.id);
  body += fmt::format(",\"time_ms\":{}", record.time_ms);
  const auto member = [&body](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    body += fmt::format(",\"{}\":", name);
    append_json_string(body, to_valid_utf8(value));
  };
  member("stream", record.stream);
  member("channel", record.channel);
  member("label", record.label);
  body += ",\"score\":";
  append_json_float(body, record.score);
  member("model", record.model);
  member("model_version", record.model_version);
  if (with_text) member("text", record.text);
  return body + '}';
}

}  // namespace

EventHub::EventHub(const EventHubOptions& options, observe::Metrics& metrics, const pipeline::AlertBoard* board)
    : options_(options), board_(board), num_subscribers_(metrics.gauge(observe::Metric::kSubscribers)) {
  num_subscribers_.set(0);
  thread_ = std::thread([this] { run(); });
}

EventHub::~EventHub() {
  close();
  thread_.join();
}

Status EventHub::write(std::span<const pipeline::ClassifiedRecord> records) {
  const std::lock_guard lock(mutex_);
  for (const auto& record : records) {
    ++last_number_;
    events_.push_back({last_number_, fmt::format("id: {}\nevent: record\ndata: {}\n\n", last_number_,
                                                 record_json(record, options_.with_text))});
    kept_bytes_ += events_.back().text.size();
    while (kept_bytes_ > options_.max_kept_bytes) {
      kept_bytes_ -= events_.front().text.size();
      events_.pop_front();
    }
  }
  return {};
}

void EventHub::subscribe(const CallPointer& call) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    return call->refuse({ProblemKind::kUnavailable, "the server is shutting down", "", std::chrono::seconds(1)});
  }
  if (subscribers_.size() >= options_.max_subscribers) {
    return call->refuse({ProblemKind::kOverloaded, "too many clients follow the events", "", std::chrono::seconds(10)});
  }
  Subscriber subscriber{.call = call, .seen = last_number_, .alerts = 0, .last_write = SteadyClock::now()};
  const std::string_view last = call->request().header("last-event-id");
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), number);
  if (!last.empty() && error == std::errc() && end == last.data() + last.size() && number < last_number_) {
    subscriber.seen = number;
  }
  call->start({.content_type = "text/event-stream", .headers = {{"X-Accel-Buffering", "no"}}});
  call->exchange().write("retry: 2000\n\n");
  subscribers_.push_back(std::move(subscriber));
  num_subscribers_.set(static_cast<double>(subscribers_.size()));
  wake_.notify_all();
}

void EventHub::forget() {
  const std::lock_guard lock(mutex_);
  events_.clear();
  kept_bytes_ = 0;
}

void EventHub::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  for (const auto& subscriber : subscribers_) subscriber.call->exchange().finish();
  subscribers_.clear();
  num_subscribers_.set(0);
  wake_.notify_all();
}

void EventHub::look_at_alerts() {
  if (board_ == nullptr) return;
  std::string now = alerts_json(board_);
  if (now == alerts_) return;
  alerts_ = std::move(now);
  ++alerts_version_;
}

void EventHub::send(Subscriber& subscriber, std::map<std::uint64_t, std::string>& joined) {
  std::string out;
  if (subscriber.seen < last_number_) {
    const std::uint64_t oldest = events_.empty() ? last_number_ + 1 : events_.front().number;
    if (subscriber.seen + 1 < oldest) {
      out += fmt::format("event: gap\ndata: {{\"missed\":{}}}\n\n", oldest - 1 - subscriber.seen);
    }
    std::string& events = joined[std::max(subscriber.seen + 1, oldest)];
    if (events.empty()) {
      for (const Event& event : events_) {
        if (event.number > subscriber.seen) events += event.text;
      }
    }
    out += events;
    subscriber.seen = last_number_;
  }
  if (subscriber.alerts != alerts_version_) {
    out += "event: alerts\ndata: " + alerts_ + "\n\n";
    subscriber.alerts = alerts_version_;
  }
  const auto now = SteadyClock::now();
  if (out.empty() && now - subscriber.last_write > kHeartbeat) out = ":\n\n";
  if (out.empty()) return;
  subscriber.last_write = now;
  subscriber.call->exchange().write(std::move(out));
}

void EventHub::flush() {
  look_at_alerts();
  std::map<std::uint64_t, std::string> joined;  // by the first event: most subscribers are equally far
  std::erase_if(subscribers_, [&](Subscriber& subscriber) {
    Exchange& exchange = subscriber.call->exchange();
    if (*exchange.abandoned() || exchange.unsent_bytes() > options_.max_unsent_bytes) {
      exchange.cut();
      return true;
    }
    send(subscriber, joined);
    return false;
  });
  num_subscribers_.set(static_cast<double>(subscribers_.size()));
}

void EventHub::run() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    wake_.wait(lock, [this] { return closing_ || !subscribers_.empty(); });
    if (closing_) return;
    flush();
    wake_.wait_for(lock, options_.flush_every, [this] { return closing_; });
  }
}

std::vector<Route> event_routes(EventHub& hub) {
  return {
      {.method = "GET", .pattern = "/v1/events", .handle = [&hub](const CallPointer& call) { hub.subscribe(call); }}};
}

}  // namespace valence::server
