#include "valence/net/url.h"

#include <gtest/gtest.h>

namespace valence::net {
namespace {

TEST(Url, OriginIsSchemeHostAndPort) {
  const auto url = parse_url("HTTPS://HuggingFace.co/api?x=1#part");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin, (Origin{"https", "huggingface.co", 443}));
  EXPECT_EQ(url->target, "/api?x=1");
  EXPECT_EQ(parse_url("https://huggingface.co:443")->origin, url->origin);
  EXPECT_EQ(parse_url("http://[::1]:8080/x")->origin, (Origin{"http", "[::1]", 8080}));
  EXPECT_EQ(parse_url("http://localhost")->to_string(), "http://localhost/");
}

TEST(Url, WhatIsNoHttpUrlIsRefused) {
  for (const char* text :
       {"", "huggingface.co", "ftp://x/", "file:///etc/passwd", "http://", "http:///x", "http://user@host/",
        "http://user:pw@host/", "http://host:0/", "http://host:99999/", "http://host:x/", "http://ho st/",
        "http://host/a b", "http://host/\n", "http://host\\@evil/", "http://-x/", "http://%31/", "http://h\xc3\xa4/"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
  EXPECT_FALSE(parse_url("http://host/" + std::string(9000, 'a')));
}

// RFC 3986, section 5.4, with the base http://a/b/c/d;p?q.
TEST(Url, RedirectsAreResolvedAsTheRfcSays) {
  const auto base = parse_url("http://a/b/c/d;p?q");
  ASSERT_TRUE(base);
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},        {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},      {"/g", "http://a/g"},
      {"//g", "http://g/"},           {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},    {"g#s", "http://a/b/c/g"},
      {"..", "http://a/b/"},          {"../g", "http://a/b/g"},
      {"../..", "http://a/"},         {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},   {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},        {"g;x=1/../y", "http://a/b/c/y"},
      {"https://h/x", "https://h/x"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
  };
  for (const auto& [location, expected] : cases) {
    const auto url = resolve_redirect(*base, location);
    ASSERT_TRUE(url) << location << ": " << url.error().to_string();
    EXPECT_EQ(url->to_string(), expected) << location;
  }
}

TEST(Url, RedirectToAnotherSchemeIsRefused) {
  const auto base = parse_url("https://a/b");
  for (const char* location : {"file:///etc/passwd", "gopher://x/", "javascript:x", "mailto:x"}) {
    EXPECT_FALSE(resolve_redirect(*base, location)) << location;
  }
}

TEST(PercentEncoding, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encoded("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percent_encoded("a b/\xc3\xa4?.txt", "/"), "a%20b/%C3%A4%3F.txt");
}

}  // namespace
}  // namespace valence::net
