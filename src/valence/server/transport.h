/// \file
/// Sockets, TLS, deadlines and connection limits around an HttpHandler.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/observe/metrics.h"
#include "valence/server/http.h"
#include "valence/server/request_parser.h"

namespace valence::server {

struct TransportOptions {
  std::vector<std::string> hosts = {"127.0.0.1"};  ///< addresses to listen on, or names that resolve to some
  std::uint16_t port = 8080;                       ///< 0: one that is free, the same on all addresses
  /// Addresses to listen on as well if this machine has them.
  std::vector<std::string> optional_hosts = {};
  std::string tls_certificate_file = {};  ///< PEM, with the chain; empty: no TLS
  std::string tls_key_file = {};
  std::size_t io_threads = 1;
  std::size_t max_connections = 4096;
  std::size_t max_requests_per_connection = 10'000;
  RequestLimits request;
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};  ///< of a streamed body: without a byte
  std::chrono::milliseconds send_timeout{30'000};  ///< without progress
  std::chrono::milliseconds keep_alive_timeout{75'000};
};

/// Listens from open() on; answers until stop(). Threads: its own.
class Transport {
 public:
  /// Errors: an address that cannot be listened on, a certificate or key that cannot be used. `handler` and `metrics`
  /// must outlive this.
  static Result<std::unique_ptr<Transport>> open(const TransportOptions& options, HttpHandler& handler,
                                                 observe::Metrics& metrics);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  /// Stops, cutting off what is not finished.
  ~Transport();

  [[nodiscard]] std::uint16_t port() const;
  /// Every answer from now on ends its connection, so that clients go elsewhere with their next request.
  void begin_drain();
  /// Takes no more connections than those that have been made. Returns when nobody can connect any more.
  void stop_listening();
  /// Ends the connections on which nothing happens.
  void close_idle();
  /// Requests of which the head has come and the answer is not yet sent.
  [[nodiscard]] std::size_t active_requests() const;
  /// Cuts every connection off and waits for the threads.
  void stop();

 private:
  struct Impl;
  explicit Transport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace valence::server
