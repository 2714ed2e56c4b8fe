#include "valence/cli/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "valence/base/json.h"

namespace valence::cli {
namespace {

TEST(JsonWriter, NestedValuesReadBack) {
  JsonWriter json;
  json.open_object();
  json.value("text", "a \"b\"\n");
  json.value("number", 0.5);
  json.value("count", std::uint64_t{18446744073709551615ULL});
  json.value("flag", true);
  json.null("nothing");
  json.open_array("list");
  json.value("", 1);
  json.value("", 2);
  json.close();
  json.open_object("empty");
  json.close();
  json.close();
  const auto read = Json::parse(json.text(), "test");
  ASSERT_TRUE(read.has_value()) << json.text();
  EXPECT_EQ(read->string("text").value(), "a \"b\"\n");
  EXPECT_EQ(read->number("number").value(), 0.5);
  EXPECT_TRUE(read->boolean("flag").value());
  EXPECT_FALSE(read->find("nothing").has_value());
  EXPECT_EQ(read->at("list").value().items().value().size(), 2U);
  EXPECT_NE(json.text().find("18446744073709551615"), std::string::npos);
  EXPECT_TRUE(json.text().ends_with("}\n"));
}

TEST(JsonWriter, WhatIsNoNumberIsNull) {
  JsonWriter json;
  json.open_array();
  json.value("", std::numeric_limits<double>::quiet_NaN());
  json.value("", std::numeric_limits<double>::infinity());
  json.close();
  EXPECT_EQ(json.text(), "[\n  null,\n  null\n]\n");
}

TEST(JsonWriter, BytesThatATerminalWouldObeyAreEscaped) {
  JsonWriter json;
  json.open_array();
  json.value("", "\x1b[31m \xff");
  json.close();
  EXPECT_EQ(json.text().find('\x1b'), std::string::npos);
  EXPECT_TRUE(Json::parse(json.text(), "test").has_value());
}

}  // namespace
}  // namespace valence::cli
