/// \file
/// Brings messages to one receiver: one at a time, at most one a second, again and again where that helps.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "valence/alert/receiver.h"
#include "valence/base/clock.h"

namespace valence::alert {

/// How one attempt ended.
struct Delivery {
  enum class Outcome {
    kSent,
    kRetry,    ///< 429, 5xx, the network: may pass
    kRefused,  ///< the receiver does not want this message, or the guard forbids the address
    kGone,     ///< 404, 410: the receiver is no more; nothing is sent to it until its URL changes
  };
  Outcome outcome = Outcome::kSent;
  std::string why = {};  ///< for people; holds no secret
  std::optional<std::chrono::seconds> retry_after = {};
};

class Sender {
 public:
  Sender() = default;
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  virtual ~Sender() = default;
  /// Blocks for at most the receiver's timeout.
  virtual Delivery send(const OutboundMessage& message) = 0;
};

/// Over HTTPS, with the guard of net::guard_for, without redirects, at most 64 KB of an answer. `stop` ends a request
/// under way. The receiver must have passed check_receiver.
[[nodiscard]] std::unique_ptr<Sender> make_http_sender(const Receiver& receiver, const std::atomic<bool>* stop);

/// What the status of an answer means. `body` is what it began with; of it only words that Slack is known to say are
/// repeated, for a receiver may echo the request.
[[nodiscard]] Delivery judge_answer(int status, std::string_view retry_after, std::string_view body);

inline constexpr std::size_t kMaxQueuedMessages = 1000;
/// Delivery::why of messages that were not sent because of an earlier Outcome::kGone.
inline constexpr std::string_view kReceiverIsDisabled = "the receiver is disabled";

class Courier {
 public:
  struct Options {
    std::unique_ptr<Sender> sender;
    const Clock& clock;
    std::uint64_t seed = 0;  ///< of the jitter
    /// Called once a message, without locks, from the courier's thread (or offer's, for one that it gives up): it is
    /// sent, or given up.
    std::function<void(const OutboundMessage&, const Delivery&)> on_done;
  };
  explicit Courier(Options options);
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;
  ~Courier();

  /// Thread-safe; never waits. When kMaxQueuedMessages wait already, the oldest is given up; when the receiver is gone,
  /// this one.
  void offer(OutboundMessage message);
  /// Starts a thread that calls step() when it is time; without it the caller does.
  void start();
  /// Ends the thread. What was not sent yet stays unsaid: on_done is not called for it.
  void stop();

  /// Sends the first message if its time has come. How long until the next attempt; nothing when there is none to make.
  std::optional<std::chrono::milliseconds> step();

 private:
  void run();

  Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<OutboundMessage> queue_;
  Clock::TimePoint next_attempt_{};
  unsigned failures_ = 0;  // of the first message, in a row
  std::uint64_t jitter_;
  bool gone_ = false;  // the receiver: Outcome::kGone
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace valence::alert
