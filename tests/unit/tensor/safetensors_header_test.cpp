#include "valence/tensor/safetensors_header.h"

#include <gtest/gtest.h>

#include <string>

namespace valence {
namespace {

/// The refusal in words; "accepted" when there was none.
std::string refusal(std::string_view header) {
  const auto entries = parse_safetensors_header(header, "m.safetensors");
  return entries ? "accepted" : entries.error().to_string();
}

TEST(SafetensorsHeader, EntriesHoldWhatTheHeaderSays) {
  const auto entries = parse_safetensors_header(
      R"({"b":{"data_offsets":[8,9],"shape":[],"dtype":"I8"},"a":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}})",
      "m.safetensors");
  ASSERT_TRUE(entries) << entries.error().to_string();
  ASSERT_EQ(entries->size(), 2U);
  const SafetensorsEntry& a = entries->back();
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::kBF16);
  EXPECT_EQ(a.shape, (Shape{2, 2}));
  EXPECT_EQ(a.begin, 0U);
  EXPECT_EQ(a.end, 8U);
}

TEST(SafetensorsHeader, HeaderMayBePaddedWithSpacesAndHoldMetadata) {
  EXPECT_EQ(refusal(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  )"),
            "accepted");
}

TEST(SafetensorsHeader, AHundredThousandTensorsAreRead) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  EXPECT_EQ(refusal(header + "}"), "accepted");
  header += R"(,"one more":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  EXPECT_EQ(refusal(header), "m.safetensors: the header lists more than 100000 tensors.");
}

TEST(SafetensorsHeader, InvalidUtf8InTheHeaderIsPlaced) {
  EXPECT_EQ(refusal("{\"a\xFF\":1}"), "m.safetensors: the header is not valid UTF-8 at byte 3.");
}

TEST(SafetensorsHeader, BrokenJsonIsPlaced) {
  EXPECT_EQ(refusal("{\"a\" 1}"), "m.safetensors: not valid JSON: expected ':' (byte 5 of the header).");
  EXPECT_EQ(refusal("{} {}"), "m.safetensors: not valid JSON: text after the closing brace (byte 3 of the header).");
  EXPECT_EQ(refusal("{"), "m.safetensors: not valid JSON: expected '\"' (byte 1 of the header).");
  EXPECT_EQ(refusal("{\"\\ud800\":1}"), "m.safetensors: not valid JSON: lone surrogate (byte 8 of the header).");
}

TEST(SafetensorsHeader, BytesBehindANulInTheHeaderAreNotOverlooked) {
  EXPECT_EQ(refusal(std::string_view("{}\0]", 4)),
            "m.safetensors: not valid JSON: text after the closing brace (byte 2 of the header).");
}

TEST(SafetensorsHeader, NestingBeyondTheFormatIsRefused) {
  const std::string depth_bomb = R"({"a":{"dtype":"U8","shape":)" + std::string(1'000'000, '[');
  EXPECT_EQ(refusal(depth_bomb),
            "m.safetensors: tensor \"a\": shape must be an array of non-negative integers (byte 28 of the header).");
  EXPECT_EQ(refusal(R"({"a":{"dtype":{}}})"),
            "m.safetensors: tensor \"a\": dtype must be a string (byte 14 of the header).");
}

TEST(SafetensorsHeader, TensorNameThatStandsTwiceIsRefused) {
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                    R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})"),
            "m.safetensors: tensor \"a\" stands twice.");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                    R"("\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})"),
            "m.safetensors: tensor \"a\" stands twice.");
}

TEST(SafetensorsHeader, KeyThatStandsTwiceInATensorIsRefused) {
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})"),
            "m.safetensors: tensor \"a\": dtype stands twice (byte 27 of the header).");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})"),
            "m.safetensors: tensor \"a\": shape stands twice (byte 39 of the header).");
}

TEST(SafetensorsHeader, MissingAndUnknownKeysOfATensorAreNamed) {
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[1]}})"),
            "m.safetensors: tensor \"a\": data_offsets is missing (byte 31 of the header).");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})"),
            "m.safetensors: tensor \"a\": shape is missing (byte 40 of the header).");
  EXPECT_EQ(refusal(R"({"a":{}})"), "m.safetensors: tensor \"a\": dtype is missing (byte 7 of the header).");
  EXPECT_EQ(refusal(R"({"a":{"strides":[1]}})"),
            "m.safetensors: tensor \"a\": unknown key \"strides\": expected dtype, shape and data_offsets (byte 16 of "
            "the header).");
}

TEST(SafetensorsHeader, UnknownDTypesAreNamed) {
  const auto refusal_of = [](const std::string& dtype) {
    return refusal(R"({"a":{"dtype":")" + dtype + R"(","shape":[1],"data_offsets":[0,1]}})");
  };
  EXPECT_EQ(
      refusal_of("F8_E4M3"),
      "m.safetensors: tensor \"a\": dtype \"F8_E4M3\": expected one of F32, F16, BF16, I8, U8, I16, I32, I64, F64, "
      "BOOL (byte 23 of the header).");
  for (const std::string dtype : {"F4", "U64", "C64", "f32", ""}) {
    EXPECT_TRUE(refusal_of(dtype).starts_with("m.safetensors: tensor \"a\": dtype \"" + dtype + "\": expected one of"));
  }
}

TEST(SafetensorsHeader, ValuesOfAnotherKindAreRefused) {
  EXPECT_EQ(refusal(R"({"a":1})"), "m.safetensors: tensor \"a\": expected an object (byte 5 of the header).");
  EXPECT_EQ(refusal(R"({"a":{"dtype":4}})"),
            "m.safetensors: tensor \"a\": dtype must be a string (byte 14 of the header).");
  for (const std::string shape : {R"("[1]")", "1", "null", "{}"}) {
    EXPECT_EQ(refusal(R"({"a":{"shape":)" + shape + "}}"),
              "m.safetensors: tensor \"a\": shape must be an array of non-negative integers (byte 14 of the header).");
  }
  for (const std::string extent : {"-1", "-0", "+1", "1.0", "1e2", "01", "0x1", "true", "null", "[1]", "\"1\"", "",
                                   "18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_NE(refusal(R"({"a":{"dtype":"U8","data_offsets":[0,1],"shape":[1,)" + extent + "]}}"), "accepted") << extent;
  }
}

TEST(SafetensorsHeader, OffsetsMustBeTwo) {
  const auto refusal_of = [](const std::string& offsets) {
    return refusal(R"({"a":{"data_offsets":)" + offsets + "}}");
  };
  const std::string tensor = "m.safetensors: tensor \"a\": data_offsets must be two ";
  EXPECT_EQ(refusal_of("[]"), tensor + "integers, found 0 (byte 23 of the header).");
  EXPECT_EQ(refusal_of("[0]"), tensor + "integers, found 1 (byte 24 of the header).");
  EXPECT_EQ(refusal_of("[0,1,2]"), tensor + "integers, found more (byte 27 of the header).");
  EXPECT_EQ(refusal_of("[0,true]"), tensor + "non-negative integers (byte 24 of the header).");
}

TEST(SafetensorsHeader, JsonIsReadAsStrictlyAsTheReferenceReadsIt) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  const auto refusal_of = [](const std::string& header) { return refusal(header); };
  EXPECT_EQ(refusal_of("{\t\"a\"\n: " + entry + "\r }"), "accepted");
  EXPECT_EQ(refusal_of(R"({"\u0061\n\"\\\/\ud83d\ude00":)" + entry + "}"), "accepted");
  for (const std::string name :
       {R"(\x)", R"(\u12)", R"(\u+123)", R"(\ude00)", R"(\ud83d)", R"(\ud83d\u0041)", "\n", "\x01"}) {
    EXPECT_NE(refusal_of("{\"" + name + "\":" + entry + "}"), "accepted") << name;
  }
  const std::string a = "{\"a\":" + entry;
  const std::string wrong[] = {"{,}",    a + ",}",  a + " \"b\"}", "{'a':" + entry + "}", "{a:" + entry + "}",
                               a + "}}", a + "} //"};
  for (const std::string& header : wrong) {
    EXPECT_NE(refusal_of(header), "accepted") << header;
  }
}

TEST(SafetensorsHeader, LongNamesAreRefusedBeforeTheyTakeMemory) {
  EXPECT_EQ(refusal("{\"" + std::string(1'000'000, 'x') + "\":1}"),
            "m.safetensors: a name of more than 1024 bytes (byte 1000002 of the header).");
}

TEST(SafetensorsHeader, MetadataHoldsStringsOnly) {
  EXPECT_EQ(refusal(R"({"__metadata__":{"epoch":3}})"),
            "m.safetensors: __metadata__: \"epoch\" must be a string (byte 25 of the header).");
  EXPECT_EQ(refusal(R"({"__metadata__":{"a":{"b":"c"}}})"),
            "m.safetensors: __metadata__: \"a\" must be a string (byte 21 of the header).");
  EXPECT_EQ(refusal(R"({"__metadata__":["pt"]})"),
            "m.safetensors: __metadata__ must be an object of strings (byte 16 of the header).");
  EXPECT_EQ(refusal(R"({"__metadata__":{"a":"b","a":"b"}})"),
            "m.safetensors: __metadata__: \"a\" stands twice (byte 29 of the header).");
  EXPECT_EQ(refusal(R"({"__metadata__":{},"__metadata__":{}})"),
            "m.safetensors: __metadata__ stands twice (byte 34 of the header).");
}

TEST(SafetensorsHeader, ShapesOfManyDimensionsAreRefusedBeforeTheyTakeMemory) {
  std::string ones = "1";
  for (int i = 0; i < 1'000'000; ++i) ones += ",1";
  EXPECT_EQ(refusal(R"({"x":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})"),
            "m.safetensors: tensor \"x\": more than 8 dimensions (byte 45 of the header).");
}

TEST(SafetensorsHeader, NamesInMessagesAreEscapedAndCut) {
  const std::string message = refusal("{\"\\u001b[2J" + std::string(1000, 'x') + "\":1}");
  EXPECT_TRUE(message.starts_with("m.safetensors: tensor \"\\u001b[2Jxxx")) << message;
  EXPECT_LT(message.size(), 250U);
}

}  // namespace
}  // namespace valence
