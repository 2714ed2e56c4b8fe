#include "valence/alert/courier.h"

#include <fmt/format.h>

#include <algorithm>

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
constexpr std::size_t kShownAnswerBytes = 60;

/// What an answer says of itself, as one line of plain characters.
std::string shown(std::string_view body) {
  std::string text;
  for (const char c : body.substr(0, kShownAnswerBytes)) text += c >= 0x20 && c < 0x7f ? c : ' ';
  while (text.ends_with(' ')) text.pop_back();
  return text;
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
      const std::size_t room = kShownAnswerBytes - std::min(kShownAnswerBytes, body.size());
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
  if (const std::string said = shown(body); !said.empty()) why += fmt::format(" ({})", said);
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
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMaxQueuedMessages) {
      given_up = std::move(queue_.front());
      queue_.pop_front();
      failures_ = 0;
    }
    queue_.push_back(std::move(message));
    changed_.notify_all();
  }
  if (given_up) {
    options_.on_done(*given_up, {.outcome = Outcome::kRefused,
                                 .why = fmt::format("{} newer messages wait for this receiver", kMaxQueuedMessages)});
  }
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
  next_attempt_ = options_.clock.now() + wait;
  const bool more = !queue_.empty();
  lock.unlock();
  if (delivery.outcome != Outcome::kRetry && is_first) options_.on_done(message, delivery);
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
