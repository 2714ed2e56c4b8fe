#include "valence/tensor/gguf_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "valence/tensor/gguf_reader.h"

namespace valence {
namespace {

std::string image_of(GgufWriter& writer) {
  std::string image;
  for (const auto piece : writer.pieces()) image.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return image;
}

TEST(GgufWriter, ArraysAreTheirElementsTypeTheirCountAndTheElements) {
  GgufWriter writer;
  writer.add_f32s("f", {1.0F, -2.0F});
  writer.add_booleans("b", {true, false, true});
  writer.add_bytes("u", std::string_view("\0\xFF", 2));
  // docs/gguf.md of ggml: a key is its length, its bytes, and the type of its value; array is 9, f32 6, bool 7, u8 0.
  const std::string expected =
      std::string("\1\0\0\0\0\0\0\0f\x09\0\0\0\x06\0\0\0\2\0\0\0\0\0\0\0\0\0\x80\x3F\0\0\0\xC0", 33) +
      std::string("\1\0\0\0\0\0\0\0b\x09\0\0\0\x07\0\0\0\3\0\0\0\0\0\0\0\1\0\1", 28) +
      std::string("\1\0\0\0\0\0\0\0u\x09\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\xFF", 27);
  constexpr std::size_t kHeader = 24;
  EXPECT_EQ(image_of(writer).substr(kHeader, expected.size()), expected);
}

TEST(GgufWriter, WhatIsWrittenIsReadBack) {
  GgufWriter writer;
  writer.add_booleans("b", {true, false});
  writer.add_bytes("u", "xy");
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  writer.add_tensor("t", DType::kF32, {2, 3}, std::as_bytes(std::span(values)));
  const std::string image = image_of(writer);
  const auto file = parse_gguf(std::as_bytes(std::span(image)), "m.gguf");
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->metadata.find_booleans("b", 2).value(), (std::vector<bool>{true, false}));
  EXPECT_EQ(file->metadata.find_bytes("u").value(), "xy");
  const TensorView& tensor = file->tensors.find("t")->second;
  EXPECT_EQ(tensor.shape, (Shape{2, 3}));
  std::vector<float> read(values.size());
  copy_as_f32(tensor, read);
  EXPECT_EQ(read, values);
}

}  // namespace
}  // namespace valence
