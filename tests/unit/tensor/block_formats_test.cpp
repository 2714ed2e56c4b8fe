#include "valence/tensor/block_formats.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <string>
#include <vector>

#include "support/safetensors_image.h"
#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/tensor/tensor_view.h"

namespace valence {
namespace {

constexpr DType kBlockTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                 DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

/// One format of blocks.json: the blocks, and the bits of the f32 values that the reference makes of them.
struct Recorded {
  DType dtype;
  std::string blocks;
  std::string value_bits;
};

std::vector<Recorded> recorded_formats() {
  const std::string path = VALENCE_TESTS_DIR "/parity/data/gguf/blocks.json";
  const auto json = Json::parse(read_file(path, 1U << 20U).value(), path).value();
  std::vector<Recorded> formats;
  const auto items = json.at("formats").value().items().value();
  for (const Json& format : items) {
    for (const DType dtype : kBlockTypes) {
      if (format.string("type") != std::string(name(dtype))) continue;
      formats.push_back({dtype, from_hex(*format.string("blocks")), from_hex(*format.string("values"))});
    }
  }
  return formats;
}

TEST(BlockFormats, ValuesAreTheReferencesToTheBit) {
  const auto formats = recorded_formats();
  ASSERT_EQ(formats.size(), std::size(kBlockTypes));
  for (const auto& [dtype, blocks, value_bits] : formats) {
    std::vector<float> values(value_bits.size() / sizeof(float));
    ASSERT_EQ(blocks.size(), size_bytes(dtype, values.size())) << name(dtype);
    dequantize(dtype, testing::as_bytes(blocks), values);
    const std::string ours(reinterpret_cast<const char*>(values.data()), value_bits.size());
    EXPECT_TRUE(ours == value_bits) << name(dtype);
  }
}

TEST(BlockFormats, ATensorIsReadRowByRow) {
  for (const auto& [dtype, blocks, value_bits] : recorded_formats()) {
    const BlockLayout block = block_layout(dtype);
    std::vector<float> row(block.elements);
    for (std::size_t i = 0; i < blocks.size() / block.bytes; ++i) {
      const auto bytes = testing::as_bytes(blocks).subspan(i * block.bytes, block.bytes);
      copy_as_f32({dtype, {static_cast<std::int64_t>(block.elements)}, bytes}, row);
      const std::string_view ours(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
      EXPECT_TRUE(ours == std::string_view(value_bits).substr(i * ours.size(), ours.size())) << name(dtype) << " " << i;
    }
  }
}

TEST(BlockFormats, OnlyBlockTypesHaveBlocks) {
  for (const DType dtype : kBlockTypes) EXPECT_TRUE(has_blocks(dtype)) << name(dtype);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kI8, DType::kBool}) {
    EXPECT_FALSE(has_blocks(dtype)) << name(dtype);
  }
  EXPECT_EQ(size_bytes(DType::kQ4_0, 64), 36U);
  EXPECT_EQ(size_bytes(DType::kF16, 64), 128U);
}

}  // namespace
}  // namespace valence
