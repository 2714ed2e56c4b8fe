#include "valence/server/transport.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>
#include <unordered_set>

#include "valence/server/connection.h"

namespace valence::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// How exact deadlines are.
constexpr std::chrono::milliseconds kTick{200};
// After an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptAgain{100};

/// One thread with its own event loop: its connections never leave it.
struct IoThread : std::enable_shared_from_this<IoThread> {
  asio::io_context io{1};
  asio::steady_timer timer{io};
  std::unordered_set<std::shared_ptr<Connection>> connections;  // started
  std::unordered_set<std::shared_ptr<std::unique_ptr<Stream>>> handshaking;
  std::thread thread;

  void tick() {
    timer.expires_after(kTick);
    timer.async_wait([this](const error_code& failed) {
      if (failed) return;
      const auto now = Connection::Clock::now();
      const auto all = connections;  // a deadline may remove one
      for (const auto& connection : all) connection->check_deadline(now);
      tick();
    });
  }
};

/// A Stream over a socket, or over TLS over one.
template <class Socket>
class AsioStream final : public Stream {
 public:
  AsioStream(std::shared_ptr<IoThread> thread, Socket socket, std::weak_ptr<Connection> events)
      : thread_(std::move(thread)), socket_(std::move(socket)), events_(std::move(events)) {}

  void read(std::span<char> into) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()),
                            [keep = events_.lock()](const error_code& failed, std::size_t size) {
                              if (keep) keep->on_read(failed ? 0 : size);
                            });
  }
  void write(std::string_view bytes) override {
    socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                             [keep = events_.lock()](const error_code& failed, std::size_t size) {
                               if (keep) keep->on_written(failed ? 0 : size);
                             });
  }
  void end_writing() override {
    error_code ignored;
    if constexpr (!std::is_same_v<Socket, tcp::socket>) ::SSL_shutdown(socket_.native_handle());
    socket_.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.lowest_layer().close(ignored);
  }
  void post(std::function<void()> work) override { asio::post(thread_->io, std::move(work)); }
  void post_after(std::chrono::milliseconds delay, std::function<void()> work) override {
    asio::post(thread_->io, [&io = thread_->io, delay, work = std::move(work)]() mutable {
      const auto timer = std::make_shared<asio::steady_timer>(io, delay);
      timer->async_wait([timer, work = std::move(work)](const error_code& failed) {
        if (!failed) work();
      });
    });
  }
  bool on_its_thread() const override { return std::this_thread::get_id() == thread_->thread.get_id(); }

  Socket& socket() { return socket_; }

 private:
  std::shared_ptr<IoThread> thread_;  // an answer may come after the transport has stopped
  Socket socket_;
  std::weak_ptr<Connection> events_;
};

using TlsSocket = asio::ssl::stream<tcp::socket>;

/// What OpenSSL says went wrong last.
std::string tls_error_text() {
  char text[256];
  const unsigned long code = ::ERR_get_error();
  if (code == 0) return "unknown reason";
  ::ERR_error_string_n(code, text, sizeof text);
  return text;
}

Result<std::unique_ptr<asio::ssl::context>> make_tls(const TransportOptions& options) {
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = tls->native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  ::ERR_clear_error();
  if (::SSL_CTX_use_certificate_chain_file(native, options.tls_certificate_file.c_str()) != 1) {
    return fail(ErrorCode::kInvalidArgument, options.tls_certificate_file,
                fmt::format("cannot be used as a certificate: {}", tls_error_text()),
                "give --tls-cert a PEM file: the server's certificate first, then its chain");
  }
  if (::SSL_CTX_use_PrivateKey_file(native, options.tls_key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(native) != 1) {
    return fail(ErrorCode::kInvalidArgument, options.tls_key_file,
                fmt::format("cannot be used as the certificate's key: {}", tls_error_text()),
                "give --tls-key the PEM file of the private key that belongs to --tls-cert");
  }
  return tls;
}

}  // namespace

struct Transport::Impl {
  TransportOptions options;
  HttpHandler& handler;
  ConnectionContext context;
  observe::Gauge open_connections;
  std::unique_ptr<asio::ssl::context> tls;
  std::vector<std::shared_ptr<IoThread>> threads;
  std::vector<tcp::acceptor> acceptors;                      // on the first thread
  std::vector<std::unique_ptr<asio::steady_timer>> retries;  // one an acceptor
  std::vector<bool> waiting;                                 // acceptors that wait for a connection to end
  std::atomic<std::size_t> num_connections{0};
  std::size_t next_thread = 0;
  std::uint16_t port = 0;
  bool accepting = true;
  bool stopped = false;

  Impl(const TransportOptions& given, HttpHandler& program, observe::Metrics& metrics)
      : options(given),
        handler(program),
        context{.options = options,
                .handler = handler,
                .bytes_read = metrics.counter(observe::Metric::kRequestBytes),
                .bytes_written = metrics.counter(observe::Metric::kReplyBytes),
                .too_slow = metrics.counter(observe::Metric::kConnectionsRefused, {"too_slow"}),
                .refused_bytes = metrics.counter(observe::Metric::kConnectionsRefused, {"no_http"})},
        open_connections(metrics.gauge(observe::Metric::kConnections)) {
    open_connections.set(0);
    const observe::Gauge in_flight = metrics.gauge(observe::Metric::kInFlight);
    metrics.on_expose([this, in_flight] { in_flight.set(static_cast<double>(context.active_requests.load())); });
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options.io_threads); ++i) {
      threads.push_back(std::make_shared<IoThread>());
    }
  }

  IoThread& first() { return *threads.front(); }
  Status listen(const std::string& host);
  void accept(std::size_t acceptor);
  void accepted(std::size_t acceptor, IoThread& thread, const error_code& failed, tcp::socket socket);
  void take(IoThread& thread, tcp::socket socket);
  void adopt(IoThread& thread, tcp::socket socket);
  void stop_listening();
  void connection_closed(IoThread& thread, const std::weak_ptr<Connection>& connection);
  void run();
  void stop();
};

Status Transport::Impl::listen(const std::string& host) {
  error_code failed;
  tcp::resolver resolver(first().io);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, failed);
  const auto refuse = [&](const char* hint) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}:{}", host, port),
                fmt::format("cannot be listened on: {}", failed.message()), hint);
  };
  if (failed) return refuse("give --host an address of this machine");
  for (const auto& entry : found) {
    tcp::endpoint endpoint = entry.endpoint();
    endpoint.port(port);
    tcp::acceptor acceptor(first().io);
    acceptor.open(endpoint.protocol(), failed);
    if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), failed);
    if (!failed) acceptor.bind(endpoint, failed);
    if (!failed) acceptor.listen(1024, failed);
    if (failed) {
      return refuse(failed == asio::error::address_in_use ? "another program has the port: choose one by --port"
                                                          : "choose another --host or --port");
    }
    port = acceptor.local_endpoint().port();
    acceptors.push_back(std::move(acceptor));
    retries.push_back(std::make_unique<asio::steady_timer>(first().io));
    waiting.push_back(false);
  }
  return {};
}

void Transport::Impl::accept(std::size_t acceptor) {
  if (!accepting) return;
  if (num_connections >= options.max_connections) {
    waiting[acceptor] = true;
    return;
  }
  IoThread& thread = *threads[next_thread++ % threads.size()];
  acceptors[acceptor].async_accept(thread.io, [this, acceptor, &thread](const error_code& failed, tcp::socket socket) {
    accepted(acceptor, thread, failed, std::move(socket));
  });
}

void Transport::Impl::accepted(std::size_t acceptor, IoThread& thread, const error_code& failed, tcp::socket socket) {
  if (failed == asio::error::operation_aborted) return;
  if (failed) {
    // Too many open files, for one: those who wait in the backlog are taken when one is free.
    retries[acceptor]->expires_after(kAcceptAgain);
    retries[acceptor]->async_wait([this, acceptor](const error_code& aborted) {
      if (!aborted) accept(acceptor);
    });
    return;
  }
  take(thread, std::move(socket));
  accept(acceptor);
}

void Transport::Impl::take(IoThread& thread, tcp::socket socket) {
  ++num_connections;
  open_connections.add(1);
  if (&thread == &first()) {
    adopt(thread, std::move(socket));
  } else {
    asio::post(thread.io, [this, &thread, moved = std::make_shared<tcp::socket>(std::move(socket))] {
      adopt(thread, std::move(*moved));
    });
  }
}

void Transport::Impl::stop_listening() {
  accepting = false;
  for (auto& acceptor : acceptors) {
    error_code failed;
    // Who is connected as far as the system is concerned gets an answer rather than a reset.
    acceptor.non_blocking(true, failed);
    while (!failed && num_connections < options.max_connections) {
      IoThread& thread = *threads[next_thread++ % threads.size()];
      tcp::socket socket(thread.io);
      acceptor.accept(socket, failed);
      if (!failed) take(thread, std::move(socket));
    }
    acceptor.close(failed);
  }
}

void Transport::Impl::adopt(IoThread& thread, tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto self = std::make_shared<std::weak_ptr<Connection>>();
  const auto connection =
      std::make_shared<Connection>(context, [this, &thread, self] { connection_closed(thread, *self); });
  *self = connection;
  const auto start = [&thread, connection](std::unique_ptr<Stream> stream) {
    thread.connections.insert(connection);
    connection->start(std::move(stream));
  };
  if (!tls) {
    start(std::make_unique<AsioStream<tcp::socket>>(thread.shared_from_this(), std::move(socket), connection));
    return;
  }
  auto shaking = std::make_unique<AsioStream<TlsSocket>>(thread.shared_from_this(), TlsSocket(std::move(socket), *tls),
                                                         connection);
  TlsSocket& tls_socket = shaking->socket();
  const auto stream = std::make_shared<std::unique_ptr<Stream>>(std::move(shaking));
  thread.handshaking.insert(stream);
  // A client that never finishes its handshake is cut off like one that never finishes a head.
  auto patience = std::make_shared<asio::steady_timer>(thread.io, options.head_timeout);
  patience->async_wait([stream, patience](const error_code& aborted) {
    if (!aborted && *stream) (*stream)->close();
  });
  tls_socket.async_handshake(asio::ssl::stream_base::server,
                             [this, &thread, stream, patience, connection, start](const error_code& failed) {
                               patience->cancel();
                               thread.handshaking.erase(stream);
                               if (!failed) return start(std::move(*stream));
                               (*stream)->close();
                               connection_closed(thread, connection);
                             });
}

void Transport::Impl::connection_closed(IoThread& thread, const std::weak_ptr<Connection>& connection) {
  thread.connections.erase(connection.lock());
  --num_connections;
  open_connections.add(-1);
  asio::post(first().io, [this] {
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (!waiting[i]) continue;
      waiting[i] = false;
      accept(i);
    }
  });
}

void Transport::Impl::run() {
  for (std::size_t i = 0; i < acceptors.size(); ++i) accept(i);
  for (std::size_t i = 0; i < threads.size(); ++i) {
    IoThread& thread = *threads[i];
    thread.tick();
    std::promise<void> named;
    auto ready = named.get_future();
    thread.thread = std::thread([&thread, &ready] {
      ready.wait();  // on_its_thread() compares with thread.thread
      ::pthread_setname_np(::pthread_self(), "valence-io");
      const auto guard = asio::make_work_guard(thread.io);
      thread.io.run();
    });
    named.set_value();
    // `ready` must outlive its use in the thread.
    std::promise<void> running;
    asio::post(thread.io, [&running] { running.set_value(); });
    running.get_future().wait();
  }
}

void Transport::Impl::stop() {
  if (std::exchange(stopped, true)) return;
  for (const auto& thread : threads) thread->io.stop();
  for (const auto& thread : threads) {
    if (thread->thread.joinable()) thread->thread.join();
  }
  for (const auto& thread : threads) {
    const auto all = std::exchange(thread->connections, {});
    for (const auto& connection : all) connection->close();
    for (const auto& stream : std::exchange(thread->handshaking, {})) stream->reset();
  }
}

Result<std::unique_ptr<Transport>> Transport::open(const TransportOptions& options, HttpHandler& handler,
                                                   observe::Metrics& metrics) {
  auto impl = std::make_unique<Impl>(options, handler, metrics);
  impl->port = options.port;
  if (!options.tls_certificate_file.empty()) {
    VALENCE_TRY(impl->tls, make_tls(options));
  }
  for (const std::string& host : options.hosts) VALENCE_TRY_STATUS(impl->listen(host));
  for (const std::string& host : options.optional_hosts) {
    if (const Status listening = impl->listen(host); !listening) continue;
  }
  impl->run();
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transport::~Transport() { impl_->stop(); }

std::uint16_t Transport::port() const { return impl_->port; }
void Transport::begin_drain() { impl_->context.draining = true; }

void Transport::stop_listening() {
  std::promise<void> done;
  asio::post(impl_->first().io, [impl = impl_.get(), &done] {
    impl->stop_listening();
    done.set_value();
  });
  done.get_future().wait();
}

void Transport::close_idle() {
  for (const auto& thread : impl_->threads) {
    asio::post(thread->io, [&connections = thread->connections] {
      const auto all = connections;
      for (const auto& connection : all) connection->close_if_idle();
    });
  }
}

std::size_t Transport::active_requests() const { return impl_->context.active_requests; }
void Transport::stop() { impl_->stop(); }

}  // namespace valence::server
