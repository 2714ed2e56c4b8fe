#include "valence/base/json_text.h"

#include <gtest/gtest.h>

#include <limits>

#include "valence/base/json.h"

namespace valence {
namespace {

TEST(JsonText, NestsWithCommasAndIndentation) {
  JsonText json;
  json.begin_object().key("a").integer(1).key("b").begin_array().string("x\"y").boolean(true).null().end_array();
  json.key("c").begin_object().end_object().end_object();
  EXPECT_EQ(json.text(), "{\n  \"a\": 1,\n  \"b\": [\n    \"x\\\"y\",\n    true,\n    null\n  ],\n  \"c\": {}\n}");
}

TEST(JsonText, NumbersReadBackAndWhatJsonCannotSayIsNull) {
  JsonText json;
  json.begin_array().number(0.1).number(0.1F).number(std::numeric_limits<double>::quiet_NaN()).end_array();
  const auto items = Json::parse(json.text(), "j").value().items().value();
  EXPECT_EQ(items[0].as_number().value(), 0.1);
  EXPECT_EQ(static_cast<float>(items[1].as_number().value()), 0.1F);
  EXPECT_TRUE(items[2].is_null());
}

}  // namespace
}  // namespace valence
