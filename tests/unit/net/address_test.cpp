// Where configuration may send requests: the cases of server-side request forgery.
#include "valence/net/address.h"

#include <gtest/gtest.h>

#include <atomic>

#include "valence/net/http_client.h"

namespace valence::net {
namespace {

constexpr OutboundPolicy kStrict{};
constexpr OutboundPolicy kPrivate{.allow_private = true};

TEST(OutboundUrl, FormsThatLeadInsideOrAskewAreRefused) {
  const char* const refused[] = {
      // Addresses that are not public, as they are written.
      "https://127.0.0.1/",
      "https://127.255.255.254/",
      "https://10.0.0.1/",
      "https://10.255.255.255/",
      "https://172.16.0.1/",
      "https://172.31.255.255/",
      "https://192.168.1.1/",
      "https://169.254.169.254/latest/",
      "https://100.64.0.1/",
      "https://100.127.255.255/",
      "https://0.0.0.0/",
      "https://0.1.2.3/",
      "https://192.0.0.8/",
      "https://192.0.2.1/",
      "https://198.18.0.1/",
      "https://198.19.255.255/",
      "https://198.51.100.1/",
      "https://203.0.113.1/",
      "https://224.0.0.1/",
      "https://239.255.255.250/",
      "https://240.0.0.1/",
      "https://255.255.255.255/",
      "https://192.88.99.1/",
      // The same in version 6, and version 4 inside version 6.
      "https://[::1]/",
      "https://[::]/",
      "https://[fe80::1]/",
      "https://[fec0::1]/",
      "https://[fc00::1]/",
      "https://[fd12:3456::1]/",
      "https://[ff02::1]/",
      "https://[::ffff:127.0.0.1]/",
      "https://[::ffff:7f00:1]/",
      "https://[::ffff:8.8.8.8]/",
      "https://[::127.0.0.1]/",
      "https://[64:ff9b::7f00:1]/",
      "https://[64:ff9b::a9fe:a9fe]/",
      "https://[64:ff9b:1::1]/",
      "https://[2002:7f00:1::]/",
      "https://[2001:db8::1]/",
      "https://[2001::1]/",
      "https://[100::1]/",
      "https://[3fff::1]/",
      // Numbers that resolvers take for addresses: decimal, octal, hexadecimal, short, with a dot behind.
      "https://2130706433/",
      "https://017700000001/",
      "https://0x7f000001/",
      "https://0x7f.0.0.1/",
      "https://0177.0.0.1/",
      "https://127.1/",
      "https://127.0.1/",
      "https://10.1/",
      "https://127.0.0.1./",
      "https://00127.0.0.1/",
      "https://256.256.256.256/",
      "https://1.2.3.4.5/",
      "https://0/",
      // Other schemes, names before the host, characters that other readers normalise.
      "http://hooks.slack.com/",
      "file:///etc/passwd",
      "gopher://127.0.0.1:6379/_INFO",
      "ftp://example.com/",
      "unix:/run/docker.sock",
      "https+unix://%2Frun%2Fdocker.sock/",
      "//example.com/",
      "https:example.com/",
      "https://user@hooks.slack.com/",
      "https://hooks.slack.com@127.0.0.1/",
      "https://hooks.slack.com:80@127.0.0.1/",
      "https://127.0.0.1\\@hooks.slack.com/",
      "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/",
      "https://127\xe3\x80\x82"
      "0\xe3\x80\x82"
      "0\xe3\x80\x82"
      "1/",
      "https://example.com:0/",
      "https://example.com:99999/",
      "https://exa mple.com/",
      "https://example.com\r\nHost: x/",
      "https:///path",
      "https://[::1%25lo]/",
      "https://[::1",
      "",
  };
  EXPECT_GE(std::size(refused), 60U);
  for (const char* text : refused) EXPECT_FALSE(parse_outbound_url(text, kStrict)) << text;
}

TEST(OutboundUrl, PublicNamesAndAddressesPass) {
  for (const char* text :
       {"https://hooks.slack.com/services/T0/B0/x", "https://example.com:8443/hook?x=1",
        "https://xn--mnchen-3ya.example/", "https://8.8.8.8/", "https://172.15.255.255/", "https://172.32.0.1/",
        "https://100.63.255.255/", "https://100.128.0.1/", "https://[2606:4700::1]/", "https://[64:ff9b::808:808]/",
        "https://3com.example/", "https://chat.1x/"}) {
    EXPECT_TRUE(parse_outbound_url(text, kStrict)) << text;
  }
}

TEST(OutboundUrl, PrivateAddressesPassWhenAllowedAndHttpOnlyToThem) {
  for (const char* text : {"https://10.0.0.5/", "http://127.0.0.1:8080/", "https://[fd00::5]/", "https://8.8.8.8/",
                           "http://chat.internal/"}) {
    EXPECT_TRUE(parse_outbound_url(text, kPrivate)) << text;
  }
  EXPECT_FALSE(parse_outbound_url("http://8.8.8.8/", kPrivate));
  EXPECT_FALSE(parse_outbound_url("https://2130706433/", kPrivate));
  const auto url = parse_outbound_url("http://chat.internal/", kPrivate);
  EXPECT_TRUE(guard_for(*url, kPrivate)(*parse_address("10.1.2.3")));
  EXPECT_FALSE(guard_for(*url, kPrivate)(*parse_address("8.8.8.8")));
}

TEST(OutboundUrl, RefusalShowsNeitherPathNorQuery) {
  for (const char* text : {"http://hooks.slack.com/services/T/B/topsecret?topsecret=1", "https://x y/topsecret",
                           "https://127.0.0.1/topsecret"}) {
    const auto refused = parse_outbound_url(text, kStrict);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().to_string().find("topsecret"), std::string::npos) << refused.error().to_string();
  }
}

/// The names that a resolver of the attacker gives out, today and tomorrow: what counts is the socket.
TEST(AddressGuard, IsAskedOfTheSocketThatIsOpenedWhateverItsName) {
  std::atomic<int> asked = 0;
  auto client = HttpClient::create(
      {.user_agent = "test", .ca_file = {}, .ca_dir = {}, .stop = nullptr, .guard = [&](const IpAddress& address) {
         ++asked;
         return is_public(address);
       }});
  if (!client) GTEST_SKIP() << client.error().to_string();
  const auto url = parse_outbound_url("https://localhost:9/", kStrict);
  ASSERT_TRUE(url);  // a name like any other until it is resolved
  const auto answer = client->send({.url = *url, .total_timeout = std::chrono::milliseconds(5000)},
                                   [](const HttpHead&, std::span<const std::byte>) { return Status(); });
  ASSERT_FALSE(answer);
  EXPECT_GE(asked.load(), 1);
  EXPECT_FALSE(answer.error().may_pass);
  EXPECT_NE(answer.error().error.to_string().find("where no request may go"), std::string::npos)
      << answer.error().error.to_string();
}

}  // namespace
}  // namespace valence::net
