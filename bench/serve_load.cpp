#include "bench/serve_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <string_view>

#include "valence/base/descriptor.h"

namespace valence::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

Descriptor connect_to(std::uint16_t port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the server");
  }
  return socket;
}

double thread_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Bytes of the first whole answer in `received`; 0 while it is not complete. Answers have a Content-Length.
std::size_t answer_size(std::string_view received) {
  const auto end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view kLength = "Content-Length: ";
  const auto at = received.find(kLength);
  if (at == std::string_view::npos || at > end) throw std::runtime_error("an answer without Content-Length");
  std::size_t length = 0;
  std::from_chars(received.data() + at + kLength.size(), received.data() + end, length);
  const std::size_t size = end + 4 + length;
  return received.size() < size ? 0 : size;
}

struct Client {
  Descriptor socket;
  std::string received;
  SteadyClock::time_point sent;

  void send(const std::string& request) {
    sent = SteadyClock::now();
    std::size_t written = 0;
    while (written < request.size()) {
      const ssize_t size = ::send(socket.get(), request.data() + written, request.size() - written, MSG_NOSIGNAL);
      if (size <= 0) throw std::runtime_error("the server has closed a connection");
      written += static_cast<std::size_t>(size);
    }
  }
};

}  // namespace

double LoadReport::latency_ms(double share) const {
  if (latencies_ms.empty()) return 0;
  const auto index = static_cast<std::size_t>(share * static_cast<double>(latencies_ms.size() - 1));
  return latencies_ms[index];
}

LoadReport run_load(const LoadOptions& options) {
  const Descriptor poll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Client> clients(options.clients);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].socket = connect_to(options.port);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, clients[i].socket.get(), &event);
  }
  LoadReport report;
  const double cpu_before = thread_cpu_seconds();
  const auto begin = SteadyClock::now();
  const auto end =
      begin + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(options.seconds));
  for (Client& client : clients) client.send(options.request);
  std::vector<epoll_event> events(clients.size());
  std::vector<char> buffer(256 * 1024);
  std::size_t waiting = clients.size();
  while (waiting > 0) {
    const int ready = ::epoll_wait(poll.get(), events.data(), static_cast<int>(events.size()), 10'000);
    if (ready <= 0) throw std::runtime_error("no answer for 10 s");
    for (int i = 0; i < ready; ++i) {
      Client& client = clients[events[static_cast<std::size_t>(i)].data.u64];
      const ssize_t size = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) throw std::runtime_error("the server has closed a connection");
      client.received.append(buffer.data(), static_cast<std::size_t>(size));
      if (answer_size(client.received) == 0) continue;
      const auto now = SteadyClock::now();
      ++(client.received.starts_with("HTTP/1.1 200 ") ? report.answers : report.others);
      report.latencies_ms.push_back(std::chrono::duration<double, std::milli>(now - client.sent).count());
      client.received.clear();
      if (now < end) {
        client.send(options.request);
      } else {
        --waiting;
      }
    }
  }
  report.seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  report.client_cpu_seconds = thread_cpu_seconds() - cpu_before;
  std::sort(report.latencies_ms.begin(), report.latencies_ms.end());
  return report;
}

std::string http_get(std::uint16_t port, const std::string& path) {
  Client client{.socket = connect_to(port), .received = {}, .sent = {}};
  client.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::vector<char> buffer(64 * 1024);
  while (true) {
    const ssize_t size = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    client.received.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return client.received.substr(std::min(client.received.size(), client.received.find("\r\n\r\n") + 4));
}

}  // namespace valence::bench
