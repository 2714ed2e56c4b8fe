/// \file
/// One connection: requests one after the other, their answers in order, and a deadline for every step.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "valence/observe/metrics.h"
#include "valence/server/http.h"
#include "valence/server/request_parser.h"
#include "valence/server/stream.h"
#include "valence/server/transport.h"

namespace valence::server {

/// What the connections of one transport share.
struct ConnectionContext {
  const TransportOptions& options;
  HttpHandler& handler;
  observe::Counter bytes_read;
  observe::Counter bytes_written;
  observe::Counter too_slow;
  observe::Counter refused_bytes;  ///< connections ended because they sent no HTTP
  std::atomic<std::size_t> active_requests{0};
  std::atomic<bool> draining{false};
};

/// Lives on its stream's I/O thread; only Exchange objects are used from elsewhere. A request that has been pipelined
/// behind another waits, unread beyond a limit, until the first is answered. While a request is being answered the
/// connection is read on, so that a client that leaves is noticed.
class Connection final : public StreamEvents, public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `closed` is called once, when nothing more will happen on it.
  Connection(ConnectionContext& context, std::function<void()> closed);
  ~Connection() override;

  /// The stream is connected, its handshake done. Before everything below.
  void start(std::unique_ptr<Stream> stream);
  /// To be called now and then: ends what has passed its deadline.
  void check_deadline(Clock::time_point now);
  /// Ends the connection if nothing is under way on it.
  void close_if_idle();
  void close();

  void on_read(std::size_t size) override;
  void on_written(std::size_t size) override;

 private:
  class Answer;  // the Exchange of one request
  friend class Answer;

  enum class Phase {
    kIdle,       // between requests
    kHead,       // some of a head has come
    kBody,       // the same of a body
    kAnswering,  // the handler has the request
    kLinger,     // nothing more is written; what still comes is thrown away
    kClosed,
  };

  void begin_request();
  void read();
  void advance();
  void on_head();
  void handle();
  void give_body();
  void refuse(HttpResponse response);
  void send(std::string bytes);
  void flush();
  void send_head(const HttpResponse& response, bool chunked);
  void respond(HttpResponse response);
  void end_answer();
  void after_answer();
  /// Whose head is complete and whose body is being read; null: none.
  [[nodiscard]] const HttpRequest* planned_request();
  void stop_counting();
  void abandon();

  ConnectionContext& context_;
  std::function<void()> closed_;
  std::unique_ptr<Stream> stream_;
  Phase phase_ = Phase::kIdle;
  Clock::time_point deadline_ = Clock::time_point::max();  // of what is being read
  Clock::time_point write_deadline_ = Clock::time_point::max();
  std::size_t requests_ = 0;

  std::array<char, 16 * 1024> buffer_;
  bool reading_ = false;
  std::string in_;  // read, not yet parsed from in_offset_ on
  std::size_t in_offset_ = 0;
  std::size_t lingered_bytes_ = 0;
  RequestParser parser_;

  std::shared_ptr<Answer> answer_;  // of the request that is being answered
  std::shared_ptr<BodyReader> reader_;
  bool wants_body_ = false;
  bool head_request_ = false;
  bool http_1_0_ = false;
  bool keep_alive_ = true;
  bool answer_complete_ = false;
  bool counted_ = false;  // among the active requests

  bool writing_ = false;
  std::string out_;  // being written from out_offset_ on
  std::size_t out_offset_ = 0;
  std::string next_out_;  // to be written after it
};

}  // namespace valence::server
