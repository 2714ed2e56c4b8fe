#include "valence/server/event_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "valence/server/alert_routes.h"
#include "valence/server/history_routes.h"
#include "valence/server/query_string.h"

namespace valence::server {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

double seconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

EventHub::EventHub(EventHubOptions options, observe::Metrics& metrics, const pipeline::AlertBoard* board)
    : options_(std::move(options)),
      board_(board),
      num_subscribers_(metrics.gauge(observe::Metric::kSubscribers)),
      stats_([] { return std::string("\"time_ms\":0"); }) {
  num_subscribers_.set(0);
  thread_ = std::thread([this] { run(); });
}

EventHub::~EventHub() {
  close();
  thread_.join();
}

void EventHub::set_stats(std::function<std::string()> stats) {
  const std::lock_guard lock(mutex_);
  stats_ = std::move(stats);
}

bool EventHub::is_watched() const {
  return !subscribers_.empty() || (last_left_ && SteadyClock::now() - *last_left_ < options_.replay_time);
}

void EventHub::keep(Event event) {
  event.number = ++last_number_;
  event.text = fmt::format("id: {}-{}\n{}", options_.run, event.number, event.text);
  kept_bytes_ += event.text.size();
  events_.push_back(std::move(event));
  while (kept_bytes_ > options_.max_kept_bytes || events_.size() > options_.max_kept_events) {
    kept_bytes_ -= events_.front().text.size();
    events_.pop_front();
  }
}

Status EventHub::write(std::span<const pipeline::ClassifiedRecord> records) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_watched()) {
      last_number_ += records.size();
      events_.clear();
      kept_bytes_ = 0;
      return {};
    }
  }
  std::vector<Event> made;
  made.reserve(records.size());
  for (const auto& record : records) {
    std::string data;
    append_record(data, store::stored_form(record, options_.text));
    made.push_back(
        {.stream = record.stream, .is_record = true, .text = fmt::format("event: record\ndata: {}\n\n", data)});
  }
  const std::lock_guard lock(mutex_);
  for (Event& event : made) keep(std::move(event));
  return {};
}

std::string EventHub::resume(Subscriber& subscriber, std::string_view last_id) const {
  if (last_id.empty()) return {};
  const auto dash = last_id.rfind('-');
  const bool is_ours = dash != last_id.npos && last_id.substr(0, dash) == options_.run;
  const auto number = is_ours ? number_of(last_id.substr(dash + 1)) : std::nullopt;
  if (!number || *number > last_number_) return "event: gap\ndata: {\"missed\":null}\n\n";
  subscriber.seen = *number;
  return {};
}

std::string EventHub::stats_event(Subscriber& subscriber) const {
  return fmt::format("event: stats\ndata: {{{},\"skipped\":{}}}\n\n", stats_now_,
                     std::exchange(subscriber.skipped, std::uint64_t{0}));
}

void EventHub::subscribe(const CallPointer& call, std::optional<std::string> stream) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    return call->refuse({ProblemKind::kUnavailable, "the server is shutting down", "", std::chrono::seconds(1)});
  }
  if (subscribers_.size() >= options_.max_subscribers) {
    return call->refuse({ProblemKind::kOverloaded, "too many clients follow the events", "", std::chrono::seconds(10)});
  }
  look_at_alerts();  // what has changed before is no event for who comes now
  const auto now = SteadyClock::now();
  Subscriber subscriber{.call = call,
                        .stream = std::move(stream),
                        .seen = last_number_,
                        .replays_to = last_number_,
                        .allowance = options_.max_records_per_second,
                        .skipped = 0,
                        .last_flush = now,
                        .last_write = now,
                        .last_stats = now};
  call->start({.content_type = "text/event-stream", .headers = {{"X-Accel-Buffering", "no"}}});
  stats_now_ = stats_();
  std::string first = "retry: 2000\n\n" + resume(subscriber, call->request().header("last-event-id"));
  call->exchange().write(first + stats_event(subscriber));
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
  for (const auto& state : alert_states(*board_)) {
    // What is looked at for the first time was quiet before, unless everything is.
    const auto before = has_looked_ ? pipeline::AlertPhase::kQuiet : state.phase;
    auto& known = phases_.try_emplace({state.rule, state.stream, state.channel}, before).first->second;
    if (known == state.phase) continue;
    known = state.phase;
    std::string data;
    append_alert(data, state);
    keep({.text = fmt::format("event: alert\ndata: {}\n\n", data)});
  }
  has_looked_ = true;
}

void EventHub::send(Subscriber& subscriber) {
  const auto now = SteadyClock::now();
  subscriber.allowance =
      std::min(options_.max_records_per_second,
               subscriber.allowance +
                   options_.max_records_per_second * seconds_between(std::exchange(subscriber.last_flush, now), now));
  std::string out;
  const std::uint64_t oldest = events_.empty() ? last_number_ + 1 : events_.front().number;
  if (subscriber.seen + 1 < oldest) {
    out += fmt::format("event: gap\ndata: {{\"missed\":{}}}\n\n", oldest - 1 - subscriber.seen);
  }
  // Numbers ascend without a hole but where forget() or write() left one before the oldest.
  const auto first = std::partition_point(events_.begin(), events_.end(),
                                          [&](const Event& event) { return event.number <= subscriber.seen; });
  for (auto event = first; event != events_.end(); ++event) {
    if (event->is_record) {
      if (subscriber.stream && event->stream != *subscriber.stream) continue;
      if (event->number > subscriber.replays_to) {
        if (subscriber.allowance < 1) {
          ++subscriber.skipped;
          continue;
        }
        subscriber.allowance -= 1;
      }
    }
    out += event->text;
  }
  subscriber.seen = last_number_;
  if (now - subscriber.last_stats >= options_.stats_every) {
    out += stats_event(subscriber);
    subscriber.last_stats = now;
  }
  if (out.empty() && now - subscriber.last_write > options_.heartbeat) out = ": keep-alive\n\n";
  if (out.empty()) return;
  subscriber.last_write = now;
  subscriber.call->exchange().write(std::move(out));
}

void EventHub::flush() {
  look_at_alerts();
  stats_now_ = stats_();
  std::erase_if(subscribers_, [&](Subscriber& subscriber) {
    Exchange& exchange = subscriber.call->exchange();
    if (*exchange.abandoned() || exchange.unsent_bytes() > options_.max_unsent_bytes) {
      exchange.cut();
      return true;
    }
    send(subscriber);
    return false;
  });
  if (subscribers_.empty()) last_left_ = SteadyClock::now();
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
  const auto follow = [&hub](const CallPointer& call) {
    constexpr auto kKeys = std::to_array<std::string_view>({"stream"});
    const auto query = QueryString::parse(call->request().query, kKeys);
    if (!query) return call->refuse(query.error());
    hub.subscribe(call, query->value("stream"));
  };
  return {{.method = "GET", .pattern = "/v1/events", .handle = follow}};
}

}  // namespace valence::server
