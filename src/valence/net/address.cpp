#include "valence/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace valence::net {
namespace {

struct Block {
  std::array<std::uint8_t, 16> bytes;
  unsigned prefix_bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry (those that are not globally reachable), with multicast
// (RFC 5771) and the former class E.
constexpr Block kSpecialV4[] = {
    {{0}, 8},              // this network
    {{10}, 8},             // private
    {{100, 64}, 10},       // shared (CGNAT)
    {{127}, 8},            // loopback
    {{169, 254}, 16},      // link-local
    {{172, 16}, 12},       // private
    {{192, 0, 0}, 24},     // protocol assignments
    {{192, 0, 2}, 24},     // documentation
    {{192, 88, 99}, 24},   // 6to4 relays, deprecated
    {{192, 168}, 16},      // private
    {{198, 18}, 15},       // benchmarking
    {{198, 51, 100}, 24},  // documentation
    {{203, 0, 113}, 24},   // documentation
    {{224}, 4},            // multicast
    {{240}, 4},            // reserved, broadcast
};

// https://www.iana.org/assignments/iana-ipv6-special-registry, inside the only range that is given to the public.
constexpr Block kGlobalUnicastV6 = {{0x20}, 3};
constexpr Block kNat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};  // RFC 6052: the last four bytes are an IPv4 address
constexpr Block kSpecialV6[] = {
    {{0x20, 0x01}, 23},              // protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4: an IPv4 address inside
    {{0x3f, 0xff}, 20},              // documentation
};

bool is_in(std::span<const std::uint8_t> bytes, const Block& block) {
  for (unsigned bit = 0; bit < block.prefix_bits; bit += 8) {
    const unsigned used = std::min(8U, block.prefix_bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xffU << (8 - used));
    if (((bytes[bit / 8] ^ block.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool is_public_v4(std::span<const std::uint8_t> bytes) {
  return std::ranges::none_of(kSpecialV4, [&](const Block& block) { return is_in(bytes, block); });
}

/// A host whose last label is a number, in whatever base: an address to the resolvers of the world (WHATWG URL, "ends
/// in a number"), so it must be one to us.
bool ends_in_a_number(std::string_view host) {
  while (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view label = host.substr(host.rfind('.') == host.npos ? 0 : host.rfind('.') + 1);
  if (label.empty()) return false;
  if (std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; })) return true;
  return label.starts_with("0x") &&
         std::ranges::all_of(label.substr(2), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

tl::unexpected<Error> refuse(const Url& url, std::string what, std::string hint) {
  return fail(ErrorCode::kInvalidArgument, url.origin.to_string(), std::move(what), std::move(hint));
}

}  // namespace

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
  return text;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string terminated(text);
  IpAddress address{.is_v6 = text.find(':') != text.npos};
  if (terminated.find('\0') != terminated.npos) return std::nullopt;
  if (::inet_pton(address.is_v6 ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

std::optional<IpAddress> address_of(const ::sockaddr& socket_address) {
  IpAddress address;
  if (socket_address.sa_family == AF_INET) {
    ::sockaddr_in v4{};
    std::memcpy(&v4, &socket_address, sizeof(v4));
    std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof(v4.sin_addr));
    return address;
  }
  if (socket_address.sa_family == AF_INET6) {
    ::sockaddr_in6 v6{};
    std::memcpy(&v6, &socket_address, sizeof(v6));
    address.is_v6 = true;
    std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    return address;
  }
  return std::nullopt;
}

bool is_public(const IpAddress& address) {
  const std::span bytes(address.bytes);
  if (!address.is_v6) return is_public_v4(bytes.first(4));
  if (is_in(bytes, kNat64)) return is_public_v4(bytes.last(4));
  return is_in(bytes, kGlobalUnicastV6) &&
         std::ranges::none_of(kSpecialV6, [&](const Block& block) { return is_in(bytes, block); });
}

AddressGuard guard_for(const Url& url, OutboundPolicy policy) {
  if (!policy.allow_private) return [](const IpAddress& address) { return is_public(address); };
  if (url.origin.is_secure()) return [](const IpAddress&) { return true; };
  return [](const IpAddress& address) { return !is_public(address); };
}

Result<Url> parse_outbound_url(std::string_view text, OutboundPolicy policy) {
  auto url = parse_url(text);
  if (!url) {  // its place would quote the path, which may be the secret
    return fail(ErrorCode::kInvalidArgument, "the URL", url.error().what(), "expected https://host/...");
  }
  const std::string& host = url->origin.host;
  if (!url->origin.is_secure() && !policy.allow_private)
    return refuse(*url, "is no https URL", "use https, or allow_private for a server of your own network");
  const bool in_brackets = host.starts_with('[');
  const auto address = parse_address(in_brackets ? std::string_view(host).substr(1, host.size() - 2) : host);
  if (!address && (in_brackets || ends_in_a_number(host)))
    return refuse(*url, "names an address in a form that readers disagree about",
                  "write it as four decimal numbers, or as an IPv6 address in brackets");
  if (address && !guard_for(*url, policy)(*address))
    return refuse(*url,
                  is_public(*address) ? "would send in the clear over the Internet"
                                      : "is an address that is not public, where no request may go",
                  is_public(*address) ? "use https" : "set allow_private for a server of your own network");
  return url;
}

}  // namespace valence::net
