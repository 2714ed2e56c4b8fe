#include "valence/tensor/onnx_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "valence/base/file.h"

namespace valence {
namespace {

// The wire format, by hand: https://protobuf.dev/programming-guides/encoding/
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>((value & 127) | 128);
  return bytes + static_cast<char>(value);
}
std::string number(std::uint32_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(std::uint32_t field, const std::string& content) {
  return varint(field << 3 | 2) + varint(content.size()) + content;
}
std::string fixed32(std::uint32_t field, const std::string& content) { return varint(field << 3 | 5) + content; }

Result<OnnxFile> parse(const std::string& image) { return parse_onnx(std::as_bytes(std::span(image)), "model.onnx"); }

std::string tensor_model(const std::string& tensor) { return bytes(7, bytes(5, tensor)); }

void expect_invalid(const std::string& image, std::string_view says) {
  const auto file = parse(image);
  ASSERT_FALSE(file) << says;
  EXPECT_NE(file.error().to_string().find(says), std::string::npos) << file.error().to_string();
}

TEST(OnnxFile, NodesTensorsAndShapesAreRead) {
  const std::string tensor =
      number(1, 2) + number(1, 3) + number(2, 6) + bytes(8, "w") + bytes(9, std::string(24, 'x'));
  const std::string dim_known = bytes(1, number(1, 7));
  const std::string dim_named = bytes(1, bytes(2, "batch"));
  const std::string input = bytes(1, "ids") + bytes(2, bytes(1, number(1, 7) + bytes(2, dim_named + dim_known)));
  const std::string attribute = bytes(1, "axis") + number(3, static_cast<std::uint64_t>(-1)) + number(20, 2);
  const std::string node = bytes(1, "a") + bytes(1, "b") + bytes(2, "c") + bytes(3, "n") + bytes(4, "Concat") +
                           bytes(5, attribute) + bytes(7, "ai.onnx");
  const std::string opset = bytes(8, bytes(1, "") + number(2, 17)) + bytes(8, bytes(1, "other") + number(2, 1));
  const std::string image = number(1, 8) + opset + bytes(7, bytes(1, node) + bytes(5, tensor) + bytes(11, input));
  const auto file = parse(image);
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->opset, 17);
  ASSERT_EQ(file->nodes.size(), 1U);
  EXPECT_EQ(file->nodes[0].op_type, "Concat");
  EXPECT_EQ(file->nodes[0].domain, "");
  EXPECT_EQ(file->nodes[0].inputs, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(file->nodes[0].attribute("axis")->integer, -1);
  ASSERT_EQ(file->tensors.size(), 1U);
  EXPECT_EQ(file->tensors[0].dims, (Shape{2, 3}));
  EXPECT_EQ(file->tensors[0].bytes.size(), 24U);
  EXPECT_EQ(file->initializers.at("w"), 0);
  EXPECT_EQ(file->inputs[0].dims, (Shape{-1, 7}));
}

TEST(OnnxFile, ValuesInTypedFieldsAreRead) {
  const std::string floats =
      tensor_model(number(1, 2) + number(2, 1) + bytes(4, std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  const auto packed = parse(floats);
  ASSERT_TRUE(packed) << packed.error().to_string();
  EXPECT_EQ(packed->tensors[0].bytes.size(), 8U);
  const std::string single = tensor_model(number(1, 2) + number(2, 1) + fixed32(4, std::string("\0\0\x80\x3f", 4)) +
                                          fixed32(4, std::string("\0\0\0\x40", 4)));
  const auto unpacked = parse(single);
  ASSERT_TRUE(unpacked) << unpacked.error().to_string();
  EXPECT_TRUE(std::ranges::equal(unpacked->tensors[0].bytes, packed->tensors[0].bytes));
  // int8 -1 in int32_data is a varint of ten bytes.
  const std::string small =
      tensor_model(number(1, 2) + number(2, 3) + bytes(5, varint(static_cast<std::uint64_t>(-1)) + varint(5)));
  const auto integers = parse(small);
  ASSERT_TRUE(integers) << integers.error().to_string();
  EXPECT_EQ(integers->tensors[0].bytes[0], std::byte{0xff});
  EXPECT_EQ(integers->tensors[0].bytes[1], std::byte{5});
}

TEST(OnnxFile, WrongBytesAreRefusedWithWords) {
  expect_invalid("", "is empty");
  expect_invalid(number(1, 8), "has no graph");
  expect_invalid(std::string(11, '\xff'), "more than 64 bits");
  expect_invalid("\x3a\xff\xff\xff\xff\x0f", "but its message only 0 more");
  expect_invalid("\x3b", "wire type 3");
  expect_invalid(std::string(100'000, '\x3b'), "wire type 3");
  expect_invalid(std::string(1, '\0'), "there is no field 0");
  expect_invalid(bytes(7, "") + bytes(7, ""), "a second graph");
  expect_invalid(bytes(7, number(1, 5)), "wire type 0");
  const std::string one = number(2, 1) + bytes(8, "w");
  expect_invalid(tensor_model(number(1, static_cast<std::uint64_t>(-3)) + one), "negative extent");
  expect_invalid(tensor_model(number(1, 1ULL << 40) + number(1, 1ULL << 40) + one), "than 64 bits count");
  expect_invalid(tensor_model(number(1, 1ULL << 40) + one), "1099511627776 elements");
  expect_invalid(tensor_model(number(1, 2) + one + bytes(9, "abcd")), "takes 8 bytes by its shape, but has 4");
  expect_invalid(tensor_model(number(1, 2) + number(2, 7) + bytes(7, varint(1))), "elements by its shape");
  expect_invalid(tensor_model(number(1, 1) + number(2, 8) + bytes(6, "text")), "STRING");
  expect_invalid(tensor_model(number(1, 1) + number(2, 77) + bytes(9, "x")), "type 77");
  expect_invalid(tensor_model(number(1, 1) + one + number(14, 1)), "does not say which");
  expect_invalid(bytes(7, bytes(5, one + bytes(9, "abcd")) + bytes(5, one + bytes(9, "abcd"))), "stands there twice");
  expect_invalid(bytes(7, bytes(1, bytes(4, "\xff"))), "not UTF-8");
}

TEST(OnnxFile, MoreNodesThanAnyModelAreRefusedBeforeTheyAreKept) {
  std::string graph;
  for (std::uint64_t i = 0; i <= kMaxOnnxNodes; ++i) graph += bytes(1, "");
  expect_invalid(bytes(7, graph), "more than 65536 nodes");
  std::string fields;
  for (int i = 0; i < 1'100'000; ++i) fields += number(99, 1);
  expect_invalid(bytes(7, fields), "more fields than any model");
}

TEST(OnnxFile, EveryBeginningOfAFileIsRefusedOrRead) {
  const auto image = read_file(VALENCE_TESTS_DIR "/parity/data/onnx/bert_dynamo.onnx", 1U << 20U);
  ASSERT_TRUE(image) << image.error().to_string();
  for (std::size_t size = 0; size < image->size(); size += 7) {
    const auto file = parse(image->substr(0, size));
    if (!file) {
      EXPECT_FALSE(file.error().what().empty());
    }
  }
}

}  // namespace
}  // namespace valence
