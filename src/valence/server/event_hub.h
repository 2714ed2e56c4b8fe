/// \file
/// What happens, as it happens, for those who watch: server-sent events at /v1/events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "valence/observe/metrics.h"
#include "valence/pipeline/alert_board.h"
#include "valence/pipeline/classified_record.h"
#include "valence/server/router.h"
#include "valence/store/stored_record.h"

namespace valence::server {

struct EventHubOptions {
  std::size_t max_subscribers = 256;
  std::size_t max_unsent_bytes = 1U << 20U;  ///< a client that has more waiting is cut off
  std::size_t max_kept_events = 1000;        ///< for those who are behind or come back
  std::size_t max_kept_bytes = 512 * 1024;   ///< the same
  double max_records_per_second = 50;        ///< to one client; what is beyond is counted in its next `stats`
  std::chrono::milliseconds flush_every{100};
  std::chrono::milliseconds stats_every{1000};
  std::chrono::seconds heartbeat{15};  ///< proxies close connections on which nothing comes for a minute or so
  /// So long after the last client has left, records are still kept for one that comes back.
  std::chrono::seconds replay_time{120};
  store::TextPolicy text = store::TextPolicy::kHash;  ///< what a record may show of its text
  std::string run;  ///< the first part of each event's id: tells one run of the server from the next
};

/// Event types: `record`, `stats`, `alert` and `gap`, as docs/http-api.md has them. A client that comes back with
/// Last-Event-ID gets the records and alerts that it missed, as far as they are still kept.
///
/// Thread-safe. Subscribers are written to a few times a second; classifying never waits for one.
class EventHub final : public pipeline::RecordSink {
 public:
  /// `board` may be null; all must outlive this.
  EventHub(EventHubOptions options, observe::Metrics& metrics, const pipeline::AlertBoard* board);
  ~EventHub() override;

  /// The members of a `stats` event but `skipped`: `"time_ms":…,"history":"ok"`. To be set before the first client.
  void set_stats(std::function<std::string()> stats);

  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records) override;

  /// Answers `call` with the stream, or with 429. `stream`: records of that one only.
  void subscribe(const CallPointer& call, std::optional<std::string> stream);
  /// Forgets what is kept: records were erased.
  void forget();
  /// Ends every stream, and refuses new ones.
  void close();

 private:
  struct Event {
    std::uint64_t number = 0;
    std::string stream = {};  // of a record
    bool is_record = false;
    std::string text = {};
  };
  struct Subscriber {
    CallPointer call;
    std::optional<std::string> stream;
    std::uint64_t seen = 0;        // the last event it was sent, or that is not for it
    std::uint64_t replays_to = 0;  // events up to here are what it missed, and are not limited
    double allowance = 0;          // records that it may be sent now
    std::uint64_t skipped = 0;     // records since its last stats
    std::chrono::steady_clock::time_point last_flush;
    std::chrono::steady_clock::time_point last_write;
    std::chrono::steady_clock::time_point last_stats;
  };
  /// Whether anybody might still ask for what happens now.
  [[nodiscard]] bool is_watched() const;
  void keep(Event event);
  [[nodiscard]] std::string resume(Subscriber& subscriber, std::string_view last_id) const;
  [[nodiscard]] std::string stats_event(Subscriber& subscriber) const;
  void run();
  void flush();
  void send(Subscriber& subscriber);
  void look_at_alerts();

  EventHubOptions options_;
  const pipeline::AlertBoard* board_;
  observe::Gauge num_subscribers_;
  std::function<std::string()> stats_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::deque<Event> events_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::map<std::tuple<std::string, std::string, std::string>, pipeline::AlertPhase> phases_;
  bool has_looked_ = false;  // at alerts
  std::string stats_now_;    // of this flush
  std::vector<Subscriber> subscribers_;
  std::optional<std::chrono::steady_clock::time_point> last_left_;
  bool closing_ = false;
  std::thread thread_;
};

/// GET /v1/events.
[[nodiscard]] std::vector<Route> event_routes(EventHub& hub);

}  // namespace valence::server
