#include "valence/server/access.h"

#include <gtest/gtest.h>

namespace valence::server {
namespace {

constexpr const char* kKeys = "# comment\nread web 0123456789abcdef\nadmin ops fedcba9876543210  # and one more\n";

HttpRequest request(std::string method, HttpHeaders headers) {
  HttpRequest made;
  made.method = std::move(method);
  made.path = "/";
  made.headers = std::move(headers);
  return made;
}

TEST(ApiKeys, KnowWhatEachKeyMayDo) {
  const auto keys = ApiKeys::parse(kKeys, "keys");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->level_of("0123456789abcdef"), AccessLevel::kRead);
  EXPECT_EQ(keys->level_of("fedcba9876543210"), AccessLevel::kAdmin);
  EXPECT_FALSE(keys->level_of("0123456789abcdeF"));
  EXPECT_FALSE(keys->level_of("0123456789abcde"));
  EXPECT_FALSE(keys->level_of(""));
}

TEST(ApiKeys, AKeyAloneOnItsLineMayRead) {
  const auto keys = ApiKeys::parse("0123456789abcdef\n", "keys");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->level_of("0123456789abcdef"), AccessLevel::kRead);
}

TEST(ApiKeys, ErrorsNameTheLineAndNeverTheKey) {
  for (const char* text : {"\nread web short\n", "\nwrite web 0123456789abcdef\n", "\nread 0123456789abcdef\n",
                           "read a 0123456789abcdef\nread a 0123456789abcdeg\n"}) {
    const auto keys = ApiKeys::parse(text, "keys");
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().where(), "keys:2");
    EXPECT_EQ(keys.error().to_string().find("0123456789"), std::string::npos);
  }
  EXPECT_FALSE(ApiKeys::parse("# none\n", "keys"));
}

TEST(Access, OnlyAllowedHostsAreAnswered) {
  const Access access({.allowed_hosts = {"localhost", "[::1]", "sentiment.example"}});
  const auto allowed = [&](const char* host) {
    return !access.refuse(request("GET", {{"host", host}}), AccessLevel::kRead);
  };
  EXPECT_TRUE(allowed("localhost"));
  EXPECT_TRUE(allowed("LOCALHOST:8080"));
  EXPECT_TRUE(allowed("[::1]:8080"));
  EXPECT_TRUE(allowed("sentiment.example"));
  EXPECT_FALSE(allowed("192.168.1.5"));
  EXPECT_FALSE(allowed("localhost.evil.example"));
  EXPECT_FALSE(allowed("evil.example"));
  EXPECT_FALSE(allowed(""));
}

TEST(Access, AddressesAreAllowedWhereThatWasChosen) {
  const Access access({.allowed_hosts = {}, .allow_address_hosts = true});
  EXPECT_FALSE(access.refuse(request("GET", {{"host", "10.1.2.3:80"}}), AccessLevel::kRead));
  EXPECT_FALSE(access.refuse(request("GET", {{"host", "[fe80::1]:80"}}), AccessLevel::kRead));
  EXPECT_TRUE(access.refuse(request("GET", {{"host", "10.1.2.3.evil.example"}}), AccessLevel::kRead));
}

TEST(Access, PagesOfOtherSitesDoNotChangeAnything) {
  const Access access({});
  const auto refused = [&](const char* method, const char* site) {
    return access.refuse(request(method, {{"host", "localhost"}, {"sec-fetch-site", site}}), AccessLevel::kRead)
        .has_value();
  };
  EXPECT_TRUE(refused("POST", "cross-site"));
  EXPECT_TRUE(refused("DELETE", "same-site"));
  EXPECT_FALSE(refused("POST", "same-origin"));
  EXPECT_FALSE(refused("POST", "none"));
  EXPECT_FALSE(refused("GET", "cross-site"));
}

// Browsers send Sec-Fetch-Site to trustworthy places only: not over plain HTTP to another machine.
TEST(Access, WithoutSecFetchSiteTheOriginTellsAPageOfAnotherSite) {
  const Access access({.allowed_hosts = {"*"}});
  const auto refused = [&](HttpHeaders headers) {
    headers.emplace_back("host", "Valence.lan:8080");
    return access.refuse(request("POST", std::move(headers)), AccessLevel::kRead).has_value();
  };
  EXPECT_FALSE(refused({}));
  EXPECT_FALSE(refused({{"origin", "http://valence.lan:8080"}}));
  EXPECT_TRUE(refused({{"origin", "http://evil.example"}}));
  EXPECT_TRUE(refused({{"origin", "http://valence.lan"}}));
  EXPECT_TRUE(refused({{"origin", "http://valence.lan:8080.evil.example"}}));
  EXPECT_TRUE(refused({{"origin", "null"}}));
  // A proxy may call this server by another name than the browser does.
  EXPECT_FALSE(refused({{"origin", "https://sentiment.example"}, {"sec-fetch-site", "same-origin"}}));
  EXPECT_TRUE(refused({{"origin", "http://valence.lan:8080"}, {"sec-fetch-site", "cross-site"}}));
}

TEST(Access, KeysAreAskedForByRoutesThatNeedThem) {
  const auto keys = ApiKeys::parse(kKeys, "keys");
  ASSERT_TRUE(keys);
  const Access access({.keys = *keys});
  const auto kind = [&](const char* authorization, AccessLevel level) -> std::optional<ProblemKind> {
    const auto refused =
        access.refuse(request("GET", {{"host", "localhost"}, {"authorization", authorization}}), level);
    return refused ? std::optional(refused->kind) : std::nullopt;
  };
  EXPECT_EQ(kind("", AccessLevel::kPublic), std::nullopt);
  EXPECT_EQ(kind("", AccessLevel::kRead), ProblemKind::kUnauthorized);
  EXPECT_EQ(kind("Bearer wrong", AccessLevel::kRead), ProblemKind::kUnauthorized);
  EXPECT_EQ(kind("Bearer 0123456789abcdef", AccessLevel::kRead), std::nullopt);
  EXPECT_EQ(kind("bearer 0123456789abcdef", AccessLevel::kRead), std::nullopt);
  EXPECT_EQ(kind("Basic 0123456789abcdef", AccessLevel::kRead), ProblemKind::kUnauthorized);
  EXPECT_EQ(kind("Bearer 0123456789abcdef", AccessLevel::kAdmin), ProblemKind::kForbidden);
  EXPECT_EQ(kind("Bearer fedcba9876543210", AccessLevel::kAdmin), std::nullopt);
}

}  // namespace
}  // namespace valence::server
