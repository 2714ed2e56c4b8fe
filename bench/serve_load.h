/// \file
/// A closed loop of HTTP clients on loopback: each sends its next request when the answer to the last one has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace valence::bench {

struct LoadOptions {
  std::uint16_t port = 0;
  std::string request;       ///< as it goes over the wire, keep-alive
  std::size_t clients = 64;  ///< connections, all on the calling thread
  double seconds = 3;
};

struct LoadReport {
  std::uint64_t answers = 0;  ///< with status 200
  std::uint64_t others = 0;
  double seconds = 0;
  double client_cpu_seconds = 0;
  std::vector<double> latencies_ms;  ///< ascending

  [[nodiscard]] double per_second() const { return seconds > 0 ? static_cast<double>(answers) / seconds : 0; }
  /// `share` in [0, 1].
  [[nodiscard]] double latency_ms(double share) const;
};

/// Throws std::runtime_error where a connection fails.
[[nodiscard]] LoadReport run_load(const LoadOptions& options);

/// The body of the answer to a GET.
[[nodiscard]] std::string http_get(std::uint16_t port, const std::string& path);

}  // namespace valence::bench
