#include "valence/alert/courier.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "valence/base/random.h"
#include "valence/net/retry.h"

namespace valence::alert {
namespace {

using std::chrono::milliseconds;
using Outcome = Delivery::Outcome;

constexpr milliseconds kBetweenMessages{1000};  // what Slack's webhooks take
constexpr milliseconds kFirstWait{1000};
constexpr milliseconds kLongestWait{300'000};
constexpr std::uint64_t kMaxAnswerBytes = std::uint64_t{64} << 10U;
constexpr std::size_t kSeenAnswerBytes = 64;  // longer than any word of Slack's

// What Slack's incoming webhooks answer with, https://api.slack.com/messaging/webhooks#handling_errors and the blocks'
// and rate limits' own. Any other answer may repeat the address, which is a secret, or a text.
constexpr std::array<std::string_view, 17> kSlackWords{"action_prohibited",
                                                       "channel_is_archived",
                                                       "channel_not_found",
                                                       "invalid_blocks",
                                                       "invalid_payload",
                                                       "invalid_token",
                                                       "missing_text_or_fallback_or_attachments",
                                                       "no_active_hooks",
                                                       "no_service",
                                                       "no_service_id",
                                                       "no_team",
                                                       "no_text",
                                                       "posting_to_general_channel_denied",
                                                       "rate_limited",
                                                       "team_disabled",
                                                       "too_many_attachments",
                                                       "user_not_found"};

/// What an answer says of itself, if that is a known word; else nothing.
std::string_view known_word(std::string_view body) {
  const auto end = body.find_last_not_of(" \r\n");
  body = body.substr(0, end == body.npos ? 0 : end + 1);
  const auto* const found = std::ranges::find(kSlackWords, body);
  return found == kSlackWords.end() ? std::string_view() : *found;
}

class HttpSender final : public Sender {
 public:
  HttpSender(const Receiver& receiver, const std::atomic<bool>* stop) : receiver_(receiver), stop_(stop) {}

  Delivery send(const OutboundMessage& message) override {
    const auto url = net::parse_outbound_url(receiver_.url.reveal(), policy());
    if (!url) return {.outcome = Outcome::kRefused, .why = url.error().to_string()};
    if (!client_) {
      auto client = net::HttpClient::create({.user_agent = "valence-alerts",
                                             .ca_file = receiver_.ca_file,
                                             .ca_dir = {},
                                             .stop = stop_,
                                             .guard = net::guard_for(*url, policy())});
      if (!client) return {.outcome = Outcome::kRetry, .why = client.error().to_string()};
      client_.emplace(std::move(*client));
    }
    std::string body;
    const auto receive = [&](const net::HttpHead&, std::span<const std::byte> piece) {
      const std::size_t room = kSeenAnswerBytes - std::min(kSeenAnswerBytes, body.size());
      body.append(reinterpret_cast<const char*>(piece.data()), std::min(room, piece.size()));
      return Status();
    };
    int status = 0;
    std::string retry_after;
    const auto head = client_->send({.method = net::HttpRequest::Method::kPost,
                                     .url = *url,
                                     .headers = headers_of(receiver_, message),
                                     .body = message.body,
                                     .stall_timeout = std::chrono::ceil<std::chrono::seconds>(receiver_.timeout),
                                     .total_timeout = receiver_.timeout,
                                     .max_body_bytes = kMaxAnswerBytes},
                                    [&](const net::HttpHead& answer, std::span<const std::byte> piece) {
                                      status = answer.status;
                                      retry_after = answer.find("retry-after").value_or("");
                                      return receive(answer, piece);
                                    });
    if (head) return judge_answer(head->status, head->find("retry-after").value_or(""), body);
    // A body that never ends says nothing that the status has not said.
    if (status != 0) return judge_answer(status, retry_after, body);
    const bool may_pass = head.error().may_pass || head.error().error.code() == ErrorCode::kCancelled;
    return {.outcome = may_pass ? Outcome::kRetry : Outcome::kRefused, .why = head.error().error.to_string()};
  }

 private:
  [[nodiscard]] net::OutboundPolicy policy() const { return {.allow_private = receiver_.allow_private}; }

  Receiver receiver_;
  const std::atomic<bool>* stop_;
  std::optional<net::HttpClient> client_;
};

}  // namespace

std::unique_ptr<Sender> make_http_sender(const Receiver& receiver, const std::atomic<bool>* stop) {
  return std::make_unique<HttpSender>(receiver, stop);
}

Delivery judge_answer(int status, std::string_view retry_after, std::string_view body) {
  if (status >= 200 && status < 300) return {};
  std::string why = fmt::format("answered {}", status);
  if (const std::string_view said = known_word(body); !said.empty()) why += fmt::format(" ({})", said);
  if (status == 404 || status == 410)
    return {.outcome = Outcome::kGone, .why = why + ": the address is no more; give the receiver a new URL"};
  if (net::is_passing_status(status) || status >= 500)
    return {.outcome = Outcome::kRetry, .why = std::move(why), .retry_after = net::parse_retry_after(retry_after)};
  if (status >= 300 && status < 400) why += ": redirects are not followed";
  return {.outcome = Outcome::kRefused, .why = std::move(why)};
}

Courier::Courier(Options options) : options_(std::move(options)), jitter_(options_.seed) {}

Courier::~Courier() { stop(); }

void Courier::offer(OutboundMessage message) {
  std::optional<OutboundMessage> given_up;
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    if (gone_) {
      given_up = std::move(message);
      why = kReceiverIsDisabled;
    } else {
      if (queue_.size() >= kMaxQueuedMessages) {
        given_up = std::move(queue_.front());
        queue_.pop_front();
        failures_ = 0;
        why = fmt::format("{} newer messages wait for this receiver", kMaxQueuedMessages);
      }
      queue_.push_back(std::move(message));
      changed_.notify_all();
    }
  }
  if (given_up) options_.on_done(*given_up, {.outcome = Outcome::kRefused, .why = std::move(why)});
}

std::optional<milliseconds> Courier::step() {
  std::unique_lock lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  const auto now = options_.clock.now();
  if (now < next_attempt_) return std::chrono::ceil<milliseconds>(next_attempt_ - now);
  const OutboundMessage message = queue_.front();
  lock.unlock();
  const Delivery delivery = options_.sender->send(message);
  lock.lock();
  if (stopping_ && delivery.outcome == Outcome::kRetry) return std::nullopt;  // it is sent again after the restart
  const bool is_first = !queue_.empty() && queue_.front().id == message.id;
  milliseconds wait = kBetweenMessages;
  if (delivery.outcome == Outcome::kRetry) {
    wait = std::min(kLongestWait, kFirstWait * (std::int64_t{1} << std::min(failures_, 9U)));
    jitter_ = mixed(jitter_);
    wait += milliseconds(static_cast<std::int64_t>(jitter_ % static_cast<std::uint64_t>(wait.count() / 4 + 1)));
    if (delivery.retry_after) wait = std::max<milliseconds>(*delivery.retry_after, kBetweenMessages);
    ++failures_;
  } else {
    failures_ = 0;
    if (is_first) queue_.pop_front();
  }
  std::deque<OutboundMessage> given_up;
  if (delivery.outcome == Outcome::kGone) {
    gone_ = true;
    given_up.swap(queue_);
  }
  next_attempt_ = options_.clock.now() + wait;
  const bool more = !queue_.empty();
  lock.unlock();
  if (delivery.outcome != Outcome::kRetry && is_first) options_.on_done(message, delivery);
  for (const OutboundMessage& rest : given_up)
    options_.on_done(rest, {.outcome = Outcome::kRefused, .why = std::string(kReceiverIsDisabled)});
  return more ? std::optional(wait) : std::nullopt;
}

void Courier::start() {
  thread_ = std::thread([this] { run(); });
}

void Courier::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto wait = step();
    lock.lock();
    if (stopping_) return;
    if (wait) {
      changed_.wait_for(lock, *wait, [this] { return stopping_; });
    } else {
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    }
  }
}

void Courier::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace valence::alert
