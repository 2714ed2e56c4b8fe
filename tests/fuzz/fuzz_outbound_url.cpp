// Any bytes as a webhook's URL: refused, or a public address, or a name; never an address inside.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "valence/net/address.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// Whether the C library, which reads short, octal and hexadecimal forms, takes the host for an address in one of the
/// ranges that matter most: written out by hand here, not taken from the code under test.
bool leads_inside(const std::string& host) {
  ::in_addr address{};
  if (::inet_aton(host.c_str(), &address) == 0) return false;
  const std::uint32_t bits = ntohl(address.s_addr);
  const auto top = bits >> 24U;
  return top == 0 || top == 10 || top == 127 || top >= 224 || (bits >> 16U) == 0xa9fe || (bits >> 16U) == 0xc0a8 ||
         (bits >> 20U) == 0xac1 || (bits >> 22U) == (0x64400000U >> 22U);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace valence::net;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = parse_outbound_url(text, {});
  if (url) {
    require(url->origin.is_secure());
    require(url->origin.host.find('@') == std::string::npos);
    require(!leads_inside(url->origin.host));
    if (const auto address = parse_address(url->origin.host)) require(is_public(*address));
    require(parse_outbound_url(url->to_string(), {}).has_value());
  }
  if (const auto address = parse_address(text)) {
    require(parse_address(address->to_string()) == address);
    if (!address->is_v6 && is_public(*address)) require(!leads_inside(address->to_string()));
  }
  return 0;
}
