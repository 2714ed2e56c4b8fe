#include "valence/base/protobuf_cursor.h"

#include <gtest/gtest.h>

namespace valence {
namespace {

using std::string_literals::operator""s;

const std::string kSource = "x.model";

std::string error_of(const std::string& message) {
  ProtobufCursor cursor(message, kSource);
  while (true) {
    const auto field = cursor.next();
    if (!field) return field.error().to_string();
    if (!*field) return "accepted";
  }
}

// The examples of the encoding guide: field 1 is 150, field 2 "testing", field 3 a message with field 1 150.
TEST(ProtobufCursor, ReadsTheExamplesOfTheEncodingGuide) {
  const std::string message = "\x08\x96\x01\x12\x07testing\x1A\x03\x08\x96\x01"s;
  ProtobufCursor cursor(message, kSource);
  EXPECT_EQ(cursor.integer(cursor.next().value().value()), 150);
  EXPECT_EQ(cursor.text(cursor.next().value().value()), "testing");
  auto inner = cursor.message(cursor.next().value().value());
  ASSERT_TRUE(inner.has_value());
  EXPECT_EQ(inner->integer(inner->next().value().value()), 150);
  EXPECT_FALSE(inner->next().value().has_value());
  EXPECT_FALSE(cursor.next().value().has_value());
}

TEST(ProtobufCursor, ReadsFixedNumbersAndNegativeIntegers) {
  const std::string message =
      "\x0D\x00\x00\xC0\xBF\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x19\x01\x00\x00\x00\x00\x00\x00\x00"s;
  ProtobufCursor cursor(message, kSource);
  EXPECT_EQ(cursor.number(cursor.next().value().value()), -1.5F);
  EXPECT_EQ(cursor.integer(cursor.next().value().value()), -1);
  EXPECT_EQ(cursor.next().value().value().value, 1U);
}

TEST(ProtobufCursor, WhatRunsOverTheEndIsRefusedWithItsPlace) {
  EXPECT_EQ(error_of("\x08\x01\x12\x7Fxy"s), "x.model: byte 2: field 2 has 127 bytes, but its message only 2 more.");
  EXPECT_EQ(error_of("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s),
            "x.model: byte 0: field 2 has 18446744073709551615 bytes, but its message only 0 more.");
  EXPECT_EQ(error_of("\x08\x80"s), "x.model: byte 1: a number runs over the end of its message.");
  EXPECT_EQ(error_of("\x0D\x01\x02\x03"s), "x.model: byte 1: a number of 4 bytes runs over the end of its message.");
}

TEST(ProtobufCursor, NumbersAboveSixtyFourBitsAreRefused) {
  EXPECT_EQ(error_of("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"s),
            "x.model: byte 1: a number of more than 64 bits.");
  EXPECT_EQ(error_of("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s),
            "x.model: byte 1: a number of more than 64 bits.");
}

TEST(ProtobufCursor, GroupsAndFieldsThatCannotBeAreRefused) {
  EXPECT_EQ(error_of("\x0B\x0C"s), "x.model: byte 0: field 1 is of wire type 3: expected 0, 1, 2 or 5.");
  EXPECT_EQ(error_of("\x0F"s), "x.model: byte 0: field 1 is of wire type 7: expected 0, 1, 2 or 5.");
  EXPECT_EQ(error_of("\x02\x00"s), "x.model: byte 0: there is no field 0.");
}

TEST(ProtobufCursor, FieldOfAnotherTypeOrEncodingIsRefused) {
  const std::string message = "\x08\x01\x12\x01\xFF"s;
  ProtobufCursor cursor(message, kSource);
  const auto number = cursor.next().value().value();
  EXPECT_EQ(cursor.bytes(number).error().to_string(), "x.model: byte 0: field 1 is of wire type 0: expected 2.");
  EXPECT_EQ(cursor.number(number).error().to_string(), "x.model: byte 0: field 1 is of wire type 0: expected 5.");
  EXPECT_EQ(cursor.text(cursor.next().value().value()).error().to_string(), "x.model: byte 2: field 2 is not UTF-8.");
}

}  // namespace
}  // namespace valence
