/// \file
/// Addresses of the Internet Protocol, and which of them a program may be sent to by configuration.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/net/url.h"

struct sockaddr;

namespace valence::net {

struct IpAddress {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> bytes{};  ///< network order; the first four of an IPv4 address

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  [[nodiscard]] std::string to_string() const;
};

/// "192.0.2.1", "2001:db8::1", nothing shorter, older or with a zone: what inet_pton takes.
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text);

/// Nothing for a family other than IPv4 and IPv6.
[[nodiscard]] std::optional<IpAddress> address_of(const ::sockaddr& socket_address);

/// Whether anyone on the Internet may own it: neither loopback, private, link-local, shared (CGNAT), unique local,
/// multicast, documentation, benchmarking nor reserved; of the addresses that carry an IPv4 one inside, only those of
/// NAT64 with a public one. Source: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890 and after).
[[nodiscard]] bool is_public(const IpAddress& address);

/// Whether a socket to the address may be opened. Thread-safe as far as its closure is.
using AddressGuard = std::function<bool(const IpAddress&)>;

/// Where requests that configuration asks for may go.
struct OutboundPolicy {
  /// Also where is_public says no, and there over http too: chat servers of one's own network.
  bool allow_private = false;
};

/// The guard of such requests to `url`: public addresses; with allow_private every address for https, and for http only
/// those that are not public, so that nothing crosses the Internet in the clear.
[[nodiscard]] AddressGuard guard_for(const Url& url, OutboundPolicy policy);

/// `text` as a URL that requests may go to: https (http with allow_private); a host that is a name, or an address the
/// guard lets pass, and no number that some resolvers take for an address (decimal, octal, hexadecimal, short). Names
/// are judged by guard_for when they are resolved. Errors are kInvalidArgument, and quote neither path nor query.
Result<Url> parse_outbound_url(std::string_view text, OutboundPolicy policy);

}  // namespace valence::net
