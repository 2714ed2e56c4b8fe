/// \file
/// What happens, as it happens, for those who watch: server-sent events at /v1/events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "valence/observe/metrics.h"
#include "valence/pipeline/alert_board.h"
#include "valence/pipeline/classified_record.h"
#include "valence/server/router.h"

namespace valence::server {

struct EventHubOptions {
  std::size_t max_subscribers = 256;
  std::size_t max_unsent_bytes = 1U << 20U;  ///< a client that has more waiting is cut off
  std::size_t max_kept_bytes = 256 * 1024;   ///< of events, for those who are behind or come back
  std::chrono::milliseconds flush_every{100};
  bool with_text = false;  ///< whether events hold the texts
};

/// Event types: `record` (a classified text), `alerts` (as GET /v1/alerts, when something has changed), `gap`
/// ({"missed":N}: events that were not sent because there were too many, or that came while the client was away). A
/// client that comes back with Last-Event-ID gets what it missed, as far as that is still kept.
///
/// Thread-safe. Subscribers are written to a few times a second, all with the same bytes; classifying never waits.
class EventHub final : public pipeline::RecordSink {
 public:
  /// `board` may be null; all must outlive this.
  EventHub(const EventHubOptions& options, observe::Metrics& metrics, const pipeline::AlertBoard* board);
  ~EventHub() override;

  [[nodiscard]] Status write(std::span<const pipeline::ClassifiedRecord> records) override;

  /// Answers `call` with the stream, or with 429.
  void subscribe(const CallPointer& call);
  /// Forgets what is kept: records were erased.
  void forget();
  /// Ends every stream, and refuses new ones.
  void close();

 private:
  struct Event {
    std::uint64_t number;
    std::string text;
  };
  struct Subscriber {
    CallPointer call;
    std::uint64_t seen = 0;  // the last event it was sent
    std::uint64_t alerts = 0;
    std::chrono::steady_clock::time_point last_write;
  };

  void run();
  void flush();
  void send(Subscriber& subscriber, std::map<std::uint64_t, std::string>& joined);
  void look_at_alerts();

  EventHubOptions options_;
  const pipeline::AlertBoard* board_;
  observe::Gauge num_subscribers_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::deque<Event> events_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::string alerts_;  // as they were sent last
  std::uint64_t alerts_version_ = 0;
  std::vector<Subscriber> subscribers_;
  bool closing_ = false;
  std::thread thread_;
};

/// GET /v1/events.
[[nodiscard]] std::vector<Route> event_routes(EventHub& hub);

}  // namespace valence::server
