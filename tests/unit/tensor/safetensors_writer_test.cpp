#include "valence/tensor/safetensors_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "valence/tensor/safetensors_reader.h"

namespace valence {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string image_of(const SafetensorsLayout& layout) {
  std::string image = layout.header;
  for (const auto& tensor : layout.tensors) image.append(reinterpret_cast<const char*>(tensor.data()), tensor.size());
  return image;
}

TensorTable three_tensors() {
  TensorTable table;
  table.emplace("b", TensorView{DType::kI8, {1, 3}, bytes_of("xyz")});
  table.emplace("a", TensorView{DType::kF16, {2}, bytes_of("halv")});
  table.emplace("c", TensorView{DType::kF32, {1}, bytes_of("1234")});
  return table;
}

TEST(SafetensorsWriter, HeaderIsTheReferenceLayout) {
  const auto layout = lay_out_safetensors(three_tensors(), {{"format", "pt"}});
  const std::string json = R"({"__metadata__":{"format":"pt"},"c":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                           R"("a":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},)"
                           R"("b":{"dtype":"I8","shape":[1,3],"data_offsets":[8,11]}})";
  const std::string padded = json + std::string((8 - json.size() % 8) % 8, ' ');
  EXPECT_EQ(layout.header.substr(8), padded);
  std::uint64_t length = 0;
  std::memcpy(&length, layout.header.data(), sizeof length);
  EXPECT_EQ(length, padded.size());
  EXPECT_EQ(layout.header.size() % 8, 0U);
}

TEST(SafetensorsWriter, EveryTensorIsAlignedToItsElement) {
  TensorTable table = three_tensors();
  table.emplace("d", TensorView{DType::kI64, {1}, bytes_of("12345678")});
  const std::string image = image_of(lay_out_safetensors(table, {}));
  const TensorTable read = parse_safetensors(bytes_of(image), "m").value();
  for (const auto& [name, view] : read) {
    const auto offset = static_cast<std::size_t>(reinterpret_cast<const char*>(view.bytes.data()) - image.data());
    EXPECT_EQ(offset % size_bytes(view.dtype), 0U) << name;
  }
}

TEST(SafetensorsWriter, TheReaderGivesBackWhatWasWritten) {
  const TensorTable written = three_tensors();
  const auto layout = lay_out_safetensors(written, {{"quote", "a \"b\"\n"}});
  const std::string image = image_of(layout);
  EXPECT_EQ(layout.size_bytes(), image.size());
  const auto read = parse_safetensors(bytes_of(image), "m");
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_EQ(read->size(), written.size());
  for (const auto& [name, view] : written) {
    const TensorView& found = read->at(name);
    EXPECT_EQ(found.dtype, view.dtype) << name;
    EXPECT_EQ(found.shape, view.shape) << name;
    EXPECT_TRUE(std::ranges::equal(found.bytes, view.bytes)) << name;
  }
}

TEST(SafetensorsWriter, NoTensorsAndScalarsAreLegal) {
  TensorTable table;
  EXPECT_EQ(lay_out_safetensors(table, {}).header.substr(8), "{}      ");
  table.emplace("scalar", TensorView{DType::kF32, {}, bytes_of("1234")});
  table.emplace("empty", TensorView{DType::kI8, {0, 7}, {}});
  EXPECT_TRUE(parse_safetensors(bytes_of(image_of(lay_out_safetensors(table, {}))), "m"));
}

}  // namespace
}  // namespace valence
