#include "valence/server/router.h"

#include <gtest/gtest.h>

namespace valence::server {
namespace {

Router sample() {
  return Router({{.method = "GET", .pattern = "/"},
                 {.method = "POST", .pattern = "/"},
                 {.method = "POST", .pattern = "/models/{...}"},
                 {.method = "GET", .pattern = "/v2/models/{}"},
                 {.method = "POST", .pattern = "/v2/models/{}/infer"}});
}

TEST(Router, FindsByPathAndMethod) {
  const Router router = sample();
  EXPECT_EQ(router.find("GET", "/").route, 0);
  EXPECT_EQ(router.find("POST", "/").route, 1);
  EXPECT_EQ(router.find("GET", "/v2/models/m").parameters, std::vector<std::string>{"m"});
  EXPECT_EQ(router.find("POST", "/v2/models/m/infer").route, 4);
  EXPECT_EQ(router.find("POST", "/models/org/name").parameters, std::vector<std::string>{"org/name"});
}

TEST(Router, HeadIsAnsweredAsGet) { EXPECT_EQ(sample().find("HEAD", "/v2/models/m").route, 3); }

TEST(Router, ParametersAreDecodedAndNeverEmpty) {
  const Router router = sample();
  EXPECT_EQ(router.find("GET", "/v2/models/a%20b").parameters, std::vector<std::string>{"a b"});
  EXPECT_EQ(router.find("GET", "/v2/models/").route, -1);
  EXPECT_EQ(router.find("GET", "/v2/models/%zz").route, -1);
  EXPECT_EQ(router.find("GET", "/v2/models/%ff").route, -1);
  EXPECT_EQ(router.find("POST", "/models/").route, -1);
}

TEST(Router, AnotherMethodIsToldWhichAreRight) {
  const auto match = sample().find("DELETE", "/");
  EXPECT_EQ(match.route, -1);
  EXPECT_EQ(match.allowed, "GET, POST");
}

TEST(Router, PathsAreComparedWhole) {
  const Router router = sample();
  for (const char* path : {"/v2/models/m/", "//", "/v2/models/m/infer/x", "/V2/models/m", "/v2/models"}) {
    EXPECT_EQ(router.find("GET", path).route, -1) << path;
  }
}

}  // namespace
}  // namespace valence::server
