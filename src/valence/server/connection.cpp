#include "valence/server/connection.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>

namespace valence::server {
namespace {

using std::chrono::milliseconds;

// Bytes of pipelined requests that are read while one is being answered.
constexpr std::size_t kReadAhead = 64 * 1024;
// After an answer that ends a connection: how long, and how much, is still read, so that the answer is not lost to the
// reset that unread bytes cause.
constexpr milliseconds kLingerTime{2000};
constexpr std::size_t kLingerBytes = 8U << 20U;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// What every answer carries against being framed, sniffed, cached or leaking where it came from. Pages replace the
// policy, for they load something, and may be cached.
constexpr std::string_view kSecurityHeaders =
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";
constexpr std::string_view kCacheHeader = "Cache-Control";
constexpr std::string_view kNotCached = "Cache-Control: no-store\r\n";
constexpr std::string_view kPolicyHeader = "Content-Security-Policy";
constexpr std::string_view kNothingAllowed =
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'\r\n";

/// "Date: ...\r\n", made once a second.
const std::string& date_header() {
  thread_local std::time_t made_for = 0;
  thread_local std::string header;
  const std::time_t now = std::time(nullptr);
  if (now != made_for) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[64];
    header.assign(text, std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc));
    made_for = now;
  }
  return header;
}

}  // namespace

class Connection::Answer final : public Exchange, public std::enable_shared_from_this<Answer> {
 public:
  explicit Answer(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  void respond(HttpResponse response) override {
    run([self = shared_from_this(), response = std::move(response)]() mutable {
      if (self->is_current()) self->connection_->respond(std::move(response));
    });
  }
  void start(HttpResponse head) override {
    run([self = shared_from_this(), head = std::move(head)] {
      if (!self->is_current()) return;
      self->connection_->send_head(head, true);
      if (self->connection_->head_request_) {  // that was all of it
        self->abandon();
        return self->connection_->end_answer();
      }
      self->connection_->flush();
    });
  }
  void write(std::string piece) override {
    if (piece.empty()) return;
    unsent_ += piece.size();
    run([self = shared_from_this(), piece = std::move(piece)] {
      if (!self->is_current()) return;
      Connection& connection = *self->connection_;
      if (connection.head_request_) return;
      connection.send(connection.http_1_0_ ? piece : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
      connection.flush();
    });
  }
  void finish() override {
    run([self = shared_from_this()] {
      if (!self->is_current()) return;
      if (!self->connection_->http_1_0_ && !self->connection_->head_request_) self->connection_->send("0\r\n\r\n");
      self->connection_->end_answer();
    });
  }
  void cut() override {
    run([self = shared_from_this()] {
      if (self->is_current() && !self->connection_->answer_complete_) self->connection_->close();
    });
  }
  std::size_t unsent_bytes() const override { return unsent_; }
  void on_drained(std::function<void()> drained) override { drained_ = std::move(drained); }
  void read_more() override {
    run([self = shared_from_this()] {
      if (!self->is_current() || !self->connection_->reader_) return;
      self->connection_->wants_body_ = true;
      self->connection_->give_body();
    });
  }
  void post(std::function<void()> work) override { connection_->stream_->post(std::move(work)); }
  void post_after(milliseconds delay, std::function<void()> work) override {
    connection_->stream_->post_after(delay, std::move(work));
  }
  std::shared_ptr<const std::atomic<bool>> abandoned() const override { return {shared_from_this(), &abandoned_}; }

  /// The connection has handed everything so far to the system.
  void all_written() {
    unsent_ = 0;
    if (drained_ && !abandoned_) drained_();
  }
  void abandon() { abandoned_ = true; }
  void forget() { drained_ = nullptr; }

 private:
  bool is_current() const { return connection_->answer_.get() == this; }

  template <class Work>
  void run(Work work) {
    if (connection_->stream_->on_its_thread()) {
      work();
    } else {
      connection_->stream_->post(std::move(work));
    }
  }

  std::shared_ptr<Connection> connection_;
  std::atomic<bool> abandoned_{false};
  std::atomic<std::size_t> unsent_{0};
  std::function<void()> drained_;
};

Connection::Connection(ConnectionContext& context, std::function<void()> closed)
    : context_(context), closed_(std::move(closed)), parser_(context.options.request) {}

Connection::~Connection() = default;

void Connection::start(std::unique_ptr<Stream> stream) {
  stream_ = std::move(stream);
  begin_request();
}

void Connection::begin_request() {
  phase_ = Phase::kIdle;
  deadline_ = Clock::now() + (requests_ == 0 ? context_.options.head_timeout : context_.options.keep_alive_timeout);
  if (in_offset_ < in_.size()) {
    advance();
  } else {
    read();
  }
}

void Connection::read() {
  if (reading_ || phase_ == Phase::kClosed) return;
  reading_ = true;
  stream_->read(buffer_);
}

void Connection::on_read(std::size_t size) {
  reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (size == 0) {
    // A client that has closed its side has left, as far as HTTP can tell: work for it may be dropped. If its answer
    // is made all the same, it is sent: only the sending side may be closed.
    if (phase_ == Phase::kAnswering && !reader_) {
      abandon();
    } else {
      close();
    }
    return;
  }
  context_.bytes_read.add(static_cast<double>(size));
  if (phase_ == Phase::kLinger) {
    lingered_bytes_ += size;
    return lingered_bytes_ > kLingerBytes ? close() : read();
  }
  in_.append(buffer_.data(), size);
  if (phase_ != Phase::kAnswering) return advance();
  if (reader_) {
    give_body();
  } else if (in_.size() - in_offset_ < kReadAhead) {
    read();
  }
}

void Connection::advance() {
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kHead;
    deadline_ = Clock::now() + context_.options.head_timeout;
  }
  while (true) {
    in_offset_ += parser_.feed(std::string_view(in_).substr(in_offset_));
    if (in_offset_ == in_.size()) {
      in_.clear();
      in_offset_ = 0;
    }
    switch (parser_.state()) {
      case RequestParser::State::kHead:
      case RequestParser::State::kBody:
        if (in_.empty()) return read();
        break;
      case RequestParser::State::kReady:
        on_head();
        if (phase_ == Phase::kAnswering || phase_ == Phase::kClosed) return;
        break;
      case RequestParser::State::kDone:
        return handle();
      case RequestParser::State::kFailed:
        context_.refused_bytes.add();
        return refuse(context_.handler.protocol_error(parser_.status(), parser_.error(), planned_request()));
    }
  }
}

void Connection::on_head() {
  HttpRequest& request = parser_.request();
  ++requests_;
  head_request_ = request.method == "HEAD";
  http_1_0_ = request.http_1_0;
  keep_alive_ = request.keep_alive && requests_ < context_.options.max_requests_per_connection;
  counted_ = true;
  ++context_.active_requests;
  BodyPlan plan = context_.handler.plan(request);
  if (plan.refusal) {
    plan.refusal->close = plan.refusal->close || request.has_body;
    return refuse(std::move(*plan.refusal));
  }
  const bool continues = request.expects_continue;
  parser_.expect_body(plan.max_bytes, plan.streamed);
  if (parser_.state() == RequestParser::State::kFailed) return;
  phase_ = Phase::kBody;
  deadline_ = Clock::now() + context_.options.body_timeout;
  if (continues && in_.empty()) {
    send(std::string(kContinue));
    flush();
  }
  if (!plan.streamed) return;
  phase_ = Phase::kAnswering;
  answer_ = std::make_shared<Answer>(shared_from_this());
  reader_ = context_.handler.handle(std::move(request), answer_);
  wants_body_ = true;
  give_body();
}

void Connection::handle() {
  phase_ = Phase::kAnswering;
  deadline_ = Clock::time_point::max();  // the handler's own
  answer_ = std::make_shared<Answer>(shared_from_this());
  const auto answer = answer_;
  context_.handler.handle(std::move(parser_.request()), answer);
  if (phase_ == Phase::kAnswering && !answer_complete_) read();
}

void Connection::give_body() {
  while (wants_body_ && reader_ && phase_ == Phase::kAnswering) {
    if (parser_.state() == RequestParser::State::kBody && in_offset_ < in_.size()) {
      in_offset_ += parser_.feed(std::string_view(in_).substr(in_offset_));
    }
    if (in_offset_ == in_.size()) {
      in_.clear();
      in_offset_ = 0;
    }
    if (parser_.state() == RequestParser::State::kFailed) {
      keep_alive_ = false;
      std::exchange(reader_, nullptr)->broken();
      return;
    }
    const bool last = parser_.state() == RequestParser::State::kDone;
    std::string piece = parser_.take_body();
    if (piece.empty() && !last) {
      deadline_ = Clock::now() + context_.options.body_timeout;
      return read();
    }
    wants_body_ = false;
    deadline_ = Clock::time_point::max();
    const auto reader = last ? std::exchange(reader_, nullptr) : reader_;
    reader->take(piece, last);
    if (last && phase_ == Phase::kAnswering && !answer_complete_) read();
  }
}

void Connection::refuse(HttpResponse response) {
  phase_ = Phase::kAnswering;
  respond(std::move(response));
}

void Connection::respond(HttpResponse response) {
  send_head(response, false);
  if (!head_request_) send(std::move(response.body));
  end_answer();
}

void Connection::send_head(const HttpResponse& response, bool chunked) {
  const bool until_close = chunked && http_1_0_;
  if (response.close || until_close || context_.draining) keep_alive_ = false;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  head += date_header();
  bool has_policy = false;
  bool has_caching = false;
  for (const auto& [name, value] : response.headers) {
    has_policy = has_policy || name == kPolicyHeader;
    has_caching = has_caching || name == kCacheHeader;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!response.content_type.empty()) head.append("Content-Type: ").append(response.content_type).append("\r\n");
  // RFC 9110, 8.6: none in a 204, and in a 304 only that of the answer it stands for.
  const bool never_a_body = response.status == 204 || response.status == 304;
  if (never_a_body) {
    chunked = false;
  } else if (!chunked) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", response.body.size());
  } else if (!until_close) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  head += kSecurityHeaders;
  if (!has_policy) head += kNothingAllowed;
  if (!has_caching) head += kNotCached;
  if (!keep_alive_) {
    head += "Connection: close\r\n";
  } else if (http_1_0_) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  send(std::move(head));
}

void Connection::send(std::string bytes) {
  if (next_out_.empty()) {
    next_out_ = std::move(bytes);
  } else {
    next_out_ += bytes;
  }
}

void Connection::flush() {
  if (writing_ || next_out_.empty() || phase_ == Phase::kClosed) return;
  std::swap(out_, next_out_);
  next_out_.clear();
  out_offset_ = 0;
  writing_ = true;
  write_deadline_ = Clock::now() + context_.options.send_timeout;
  stream_->write(out_);
}

void Connection::on_written(std::size_t size) {
  writing_ = false;
  if (phase_ == Phase::kClosed) return;
  if (size == 0) return close();
  context_.bytes_written.add(static_cast<double>(size));
  out_offset_ += size;
  write_deadline_ = Clock::time_point::max();
  if (out_offset_ < out_.size()) {
    writing_ = true;
    write_deadline_ = Clock::now() + context_.options.send_timeout;
    return stream_->write(std::string_view(out_).substr(out_offset_));
  }
  if (!next_out_.empty()) return flush();
  if (answer_complete_) return after_answer();
  if (answer_) {
    const auto answer = answer_;
    answer->all_written();
  }
}

void Connection::end_answer() {
  answer_complete_ = true;
  flush();
  if (writing_ || phase_ == Phase::kClosed) return;
  // Everything was sent before. Later, for whoever answers may still be at work on the request.
  stream_->post([self = shared_from_this()] {
    if (self->answer_complete_ && self->phase_ == Phase::kAnswering) self->after_answer();
  });
}

const HttpRequest* Connection::planned_request() { return counted_ ? &parser_.request() : nullptr; }

void Connection::stop_counting() {
  if (counted_) --context_.active_requests;
  counted_ = false;
}

void Connection::after_answer() {
  stop_counting();
  answer_complete_ = false;
  if (answer_) answer_->forget();
  answer_.reset();
  if (reader_) keep_alive_ = false;  // answered before all of its body was read
  reader_.reset();
  if (keep_alive_) {
    parser_.reset();
    return begin_request();
  }
  phase_ = Phase::kLinger;
  deadline_ = Clock::now() + kLingerTime;
  in_.clear();
  in_offset_ = 0;
  stream_->end_writing();
  read();
}

void Connection::abandon() {
  if (answer_) answer_->abandon();
}

void Connection::check_deadline(Clock::time_point now) {
  if (phase_ == Phase::kClosed) return;
  if (writing_ && now > write_deadline_) {
    context_.too_slow.add();
    return close();
  }
  if (now <= deadline_) return;
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody:
      context_.too_slow.add();
      deadline_ = Clock::time_point::max();
      return refuse(context_.handler.protocol_error(
          408, phase_ == Phase::kHead ? "the head of the request came too slowly" : "the body came too slowly",
          planned_request()));
    case Phase::kAnswering:  // waiting for a streamed body
      context_.too_slow.add();
      return close();
    case Phase::kIdle:
    case Phase::kLinger:
      return close();
    case Phase::kClosed:
      return;
  }
}

void Connection::close_if_idle() {
  if (phase_ == Phase::kIdle) close();
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  stop_counting();
  abandon();
  if (answer_) answer_->forget();
  answer_.reset();
  const auto reader = std::exchange(reader_, nullptr);
  stream_->close();
  if (reader) reader->broken();
  closed_();
}

}  // namespace valence::server
