#include "valence/tensor/gguf_reader.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "support/gguf_image.h"
#include "support/safetensors_image.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::gguf_header;
using testing::gguf_pair;
using testing::gguf_string;
using testing::gguf_tensor_info;
using testing::GgufImage;
using testing::padded;
using testing::u32_bytes;
using testing::u64_bytes;

constexpr std::uint32_t kU32 = 4;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;
constexpr std::uint64_t kTwoTo63 = std::uint64_t{1} << 63U;

/// The refusal in words; "accepted" when there was none. None takes long, whatever the image announces.
std::string refusal(const std::string& image) {
  const std::clock_t begin = std::clock();  // of this process: other programs do not count
  const auto file = parse_gguf(as_bytes(image), "m.gguf");
  EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 10);
  if (file) return "accepted";
  EXPECT_EQ(file.error().where().rfind("m.gguf", 0), 0U) << "the error names the file";
  return file.error().to_string();
}

std::string refusal_of_pair(std::string_view key, std::uint32_t type, const std::string& value) {
  return refusal(gguf_header(0, 1) + gguf_pair(key, type, value));
}

/// One tensor `t` with `data_bytes` zeros of data.
std::string with_tensor(const std::vector<std::uint64_t>& extents, std::uint32_t type, std::uint64_t offset,
                        std::size_t data_bytes) {
  return padded(gguf_header(1, 0) + gguf_tensor_info("t", extents, type, offset)) + std::string(data_bytes, '\0');
}

::testing::AssertionResult says(const std::string& refused, std::string_view words) {
  if (refused.find(words) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected " << words << ", found " << refused;
}

GgufImage small_image() {
  GgufImage image;
  image.set_string("general.architecture", "bert");
  image.set_u32("bert.block_count", 12);
  image.set_f32("bert.eps", 0.5F);
  image.set_bool("flag", true);
  image.set_strings("words", {"a", "", "\xC3\xA9"});
  image.set_i32s("types", {1, -3});
  image.set_f32_tensor("a", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  image.set_tensor("b", {3, 32}, 8, std::string(3 * 34, 'q'));
  return image;
}

TEST(GgufReader, MetadataHasItsTypes) {
  const std::string image = small_image().bytes();
  const auto file = parse_gguf(as_bytes(image), "m.gguf");
  ASSERT_TRUE(file) << file.error().to_string();
  const GgufMetadata& metadata = file->metadata;
  EXPECT_EQ(*metadata.find_string("general.architecture"), "bert");
  EXPECT_EQ(*metadata.find_integer("bert.block_count"), 12);
  EXPECT_EQ(*metadata.find_number("bert.eps"), 0.5);
  EXPECT_EQ(*metadata.find_boolean("flag"), true);
  EXPECT_EQ(*metadata.find_strings("words", 3), (std::vector<std::string_view>{"a", "", "\xC3\xA9"}));
  EXPECT_EQ(*metadata.find_integers("types", 2), (std::vector<std::int64_t>{1, -3}));
  EXPECT_EQ(*metadata.find_string("absent"), std::nullopt);
}

TEST(GgufReader, AValueOfAnotherTypeIsAnErrorThatNamesTheKey) {
  const std::string image = small_image().bytes();
  const auto file = parse_gguf(as_bytes(image), "m.gguf");
  ASSERT_TRUE(file);
  const GgufMetadata& metadata = file->metadata;
  EXPECT_EQ(metadata.find_integer("general.architecture").error().to_string(),
            "m.gguf: general.architecture: expected an integer, found a value of type string.");
  EXPECT_TRUE(
      says(metadata.find_string("words").error().to_string(), "expected a string, found a value of type array of"));
  EXPECT_TRUE(says(metadata.find_integers("words", 9).error().to_string(), "expected an array of integers"));
  EXPECT_TRUE(says(metadata.find_strings("types", 9).error().to_string(), "expected an array of strings"));
  EXPECT_TRUE(says(metadata.find_strings("words", 2).error().to_string(), "has 3 elements, more than the 2 allowed"));
  EXPECT_TRUE(says(metadata.find_number("flag").error().to_string(), "expected f32 or f64"));
  EXPECT_TRUE(says(metadata.find_boolean("types").error().to_string(), "expected a bool"));
  EXPECT_TRUE(says(metadata.required(metadata.find_integer("x"), "x").error().to_string(), "has no key \"x\""));
}

TEST(GgufReader, ValuesOutsideTheirTypesRangeAreErrors) {
  GgufImage image;
  image.set("huge", 10, u64_bytes(kTwoTo63));
  image.set("bool", 7, "\2");
  image.set("nan", 6, u32_bytes(0x7FC00000));
  image.set_string("text", "\xFF");
  image.set_strings("texts", {"a", "\xFF"});
  const std::string bytes = image.bytes();
  const auto file = parse_gguf(as_bytes(bytes), "m.gguf");
  ASSERT_TRUE(file);
  const GgufMetadata& metadata = file->metadata;
  EXPECT_TRUE(says(metadata.find_integer("huge").error().to_string(), "beyond every sensible size"));
  EXPECT_TRUE(says(metadata.find_boolean("bool").error().to_string(), "is the byte 2"));
  EXPECT_TRUE(says(metadata.find_number("nan").error().to_string(), "infinite or no number"));
  EXPECT_TRUE(says(metadata.find_string("text").error().to_string(), "is not UTF-8"));
  EXPECT_TRUE(says(metadata.find_strings("texts", 2).error().to_string(), "element 1 is not UTF-8"));
}

TEST(GgufReader, TensorsAreViewsInRowMajorOrder) {
  const std::string image = small_image().bytes();
  const auto file = parse_gguf(as_bytes(image), "m.gguf");
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_EQ(file->tensors.size(), 2U);
  const TensorView& a = file->tensors.at("a");
  EXPECT_EQ(a.dtype, DType::kF32);
  EXPECT_EQ(a.shape, (Shape{2, 3}));
  std::vector<float> values(6);
  copy_as_f32(a, values);
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  const TensorView& b = file->tensors.at("b");
  EXPECT_EQ(b.dtype, DType::kQ8_0);
  EXPECT_EQ(b.bytes.size(), 3U * 34U);
  EXPECT_GE(b.bytes.data(), as_bytes(image).data());
}

TEST(GgufReader, Version2IsReadAndOtherVersionsAreRefusedByName) {
  EXPECT_EQ(refusal(gguf_header(0, 0, 2)), "accepted");
  EXPECT_EQ(refusal(gguf_header(0, 0, 3)), "accepted");
  EXPECT_TRUE(says(refusal(gguf_header(0, 0, 1)), "is GGUF version 1, which is no longer read"));
  EXPECT_TRUE(says(refusal(gguf_header(0, 0, 4)), "is GGUF version 4: expected 2 or 3"));
  EXPECT_TRUE(says(refusal(gguf_header(0, 0, 0)), "is GGUF version 0"));
  const std::string big_endian("GGUF\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
  EXPECT_TRUE(says(refusal(big_endian), "is a big-endian GGUF file"));
  const auto error = parse_gguf(as_bytes(big_endian), "m.gguf").error();
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_FALSE(error.hint().empty());
}

TEST(GgufReader, WhatIsNoGgufIsRefused) {
  EXPECT_TRUE(says(refusal(""), "is empty"));
  EXPECT_TRUE(says(refusal("GG"), "too short"));
  EXPECT_TRUE(says(refusal("GGML" + std::string(60, '\0')), "does not begin with \"GGUF\""));
}

TEST(GgufReader, AFileCutAnywhereIsRefused) {
  const std::string image = small_image().bytes();
  const std::size_t padding = (32 - 3 * 34 % 32) % 32;  // behind the last tensor, which nothing needs
  for (std::size_t size = 0; size < image.size() - padding; ++size) {
    const auto file = parse_gguf(as_bytes(std::string_view(image).substr(0, size)), "m.gguf");
    ASSERT_FALSE(file) << "cut after " << size << " bytes";
    EXPECT_EQ(file.error().code(), ErrorCode::kInvalidData) << file.error().to_string();
  }
  EXPECT_EQ(refusal(image.substr(0, image.size() - padding)), "accepted");
}

TEST(GgufReader, HugeCountsAreRefusedBeforeAnythingIsAllocated) {
  for (const std::uint64_t count : {std::uint64_t{65'537}, kTwoTo63, ~std::uint64_t{0}}) {
    EXPECT_TRUE(says(refusal(gguf_header(count, 0)), "the number of tensors is"));
    EXPECT_TRUE(says(refusal(gguf_header(0, count)), "the number of metadata keys is"));
  }
  EXPECT_TRUE(says(refusal(gguf_header(65'536, 0)), "but only 8 bytes follow"));
  EXPECT_TRUE(says(refusal(gguf_header(0, 65'536)), "but only 0 bytes follow"));
}

TEST(GgufReader, LengthsBeyondTheFileAreRefusedWithTheirPlace) {
  for (const std::uint64_t length : {std::uint64_t{1000}, kTwoTo63, ~std::uint64_t{0}}) {
    EXPECT_TRUE(
        says(refusal(gguf_header(0, 1) + u64_bytes(length) + std::string(20, 'k')), "number 0: its name takes"));
    EXPECT_TRUE(says(refusal_of_pair("k", kString, u64_bytes(length) + "text"), "metadata key \"k\": its text takes"));
    EXPECT_TRUE(says(refusal_of_pair("k", kArray, u32_bytes(kU32) + u64_bytes(length) + "1234"), "announces"));
    EXPECT_TRUE(says(refusal_of_pair("k", kArray, u32_bytes(kString) + u64_bytes(1) + u64_bytes(length)), "takes"));
    EXPECT_TRUE(says(refusal_of_pair("k", kArray, u32_bytes(kString) + u64_bytes(length) + u64_bytes(0)), "announces"));
  }
}

TEST(GgufReader, TypesOutOfRangeAndNestedArraysAreRefused) {
  EXPECT_TRUE(says(refusal_of_pair("k", 13, "12345678"), "the type of its value is 13: expected 0 to 12"));
  EXPECT_TRUE(says(refusal_of_pair("k", 0xFFFFFFFF, "12345678"), "the type of its value is 4294967295"));
  EXPECT_TRUE(says(refusal_of_pair("k", kArray, u32_bytes(99) + u64_bytes(0)), "the type of its elements is 99"));
  std::string nested;
  for (int depth = 0; depth < 100'000; ++depth) nested += u32_bytes(kArray) + u64_bytes(1);
  EXPECT_TRUE(says(refusal_of_pair("k", kArray, nested), "is an array of arrays"));
}

TEST(GgufReader, KeysAreUniqueText) {
  const std::string pair = gguf_pair("k", kU32, "1234");
  EXPECT_TRUE(says(refusal(gguf_header(0, 2) + pair + pair), "metadata key \"k\": stands twice"));
  EXPECT_TRUE(says(refusal_of_pair("", kU32, "1234"), "its name is empty"));
  EXPECT_TRUE(says(refusal_of_pair("\xFF", kU32, "1234"), "its name is not UTF-8"));
  EXPECT_TRUE(says(refusal_of_pair(std::string(70'000, 'k'), kU32, "1234"), "more than the 65535 allowed"));
}

TEST(GgufReader, AlignmentIsAPowerOfTwoInU32) {
  EXPECT_TRUE(says(refusal_of_pair("general.alignment", kString, gguf_string("32")), "expected u32, found a value of"));
  EXPECT_TRUE(says(refusal_of_pair("general.alignment", 10, u64_bytes(32)), "expected u32"));
  for (const std::uint64_t wrong : {0, 3, 24, 33}) {
    EXPECT_TRUE(says(refusal_of_pair("general.alignment", kU32, u32_bytes(wrong)), "is no power of two"));
  }
  EXPECT_EQ(refusal_of_pair("general.alignment", kU32, u32_bytes(std::uint64_t{1} << 31U)), "accepted");
}

TEST(GgufReader, AnAlignmentOfItsOwnPlacesTheData) {
  const std::string head =
      gguf_header(1, 1) + gguf_pair("general.alignment", kU32, u32_bytes(128)) + gguf_tensor_info("t", {1}, 0, 128);
  const std::string image = padded(head, 128) + std::string(128, '\0') + "abcd";
  const auto file = parse_gguf(as_bytes(image), "m.gguf");
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->tensors.at("t").bytes.data(), as_bytes(image).data() + image.size() - 4);
  const std::string misaligned =
      gguf_header(1, 1) + gguf_pair("general.alignment", kU32, u32_bytes(128)) + gguf_tensor_info("t", {1}, 0, 32);
  EXPECT_TRUE(says(refusal(padded(misaligned, 128) + std::string(256, '\0')), "no multiple of the alignment 128"));
}

TEST(GgufReader, ShapesAreBounded) {
  EXPECT_EQ(refusal(with_tensor({4, 1, 1, 2}, 0, 0, 32)), "accepted");
  EXPECT_TRUE(says(refusal(with_tensor({1, 1, 1, 1, 1}, 0, 0, 32)), "has 5 dimensions, more than 4"));
  EXPECT_TRUE(
      says(refusal(padded(gguf_header(1, 0) + gguf_string("t") + u32_bytes(0xFFFFFFFF)) + std::string(64, '\0')),
           "has 4294967295 dimensions"));
  EXPECT_TRUE(says(refusal(with_tensor({kTwoTo63}, 0, 0, 32)), "overflows 64 bits"));
  EXPECT_TRUE(says(refusal(with_tensor({std::uint64_t{1} << 32U, std::uint64_t{1} << 32U}, 0, 0, 32)), "overflows"));
  EXPECT_TRUE(says(refusal(with_tensor({0, kTwoTo63 / 2, kTwoTo63 / 2}, 0, 0, 32)), "overflows"));
  EXPECT_TRUE(says(refusal(with_tensor({kTwoTo63 - 1}, 0, 0, 32)), "overflows"));
}

TEST(GgufReader, QuantisedRowsAreWholeBlocks) {
  EXPECT_EQ(refusal(with_tensor({64, 2}, 2, 0, 72)), "accepted");
  EXPECT_TRUE(
      says(refusal(with_tensor({48, 2}, 2, 0, 72)), "rows of 48 elements are no whole blocks of Q4_0, which have 32"));
  EXPECT_TRUE(says(refusal(with_tensor({128, 2}, 14, 0, 210)), "no whole blocks of Q6_K, which have 256"));
  EXPECT_TRUE(says(refusal(padded(gguf_header(1, 0) + gguf_tensor_info("t", {}, 8, 0)) + std::string(64, '\0')),
                   "rows of 1 elements"));
}

TEST(GgufReader, TensorTypesThatAreNotReadAreNamed) {
  EXPECT_TRUE(says(refusal(with_tensor({256}, 20, 0, 256)), "tensor \"t\": type IQ4_NL is not supported"));
  EXPECT_TRUE(says(refusal(with_tensor({256}, 4, 0, 256)), "type 4 is none that GGUF knows"));
  EXPECT_TRUE(says(refusal(with_tensor({256}, 0xFFFFFFFF, 0, 256)), "type 4294967295 is none"));
  const std::string image = with_tensor({256}, 39, 0, 256);
  EXPECT_EQ(parse_gguf(as_bytes(image), "m.gguf").error().code(), ErrorCode::kUnsupported);
}

TEST(GgufReader, TensorsLieInTheDataAlignedAndApart) {
  EXPECT_TRUE(
      says(refusal(with_tensor({4}, 0, 8, 64)), "begins at byte 8 of the data, no multiple of the alignment 32"));
  EXPECT_TRUE(says(refusal(with_tensor({4}, 0, 64, 64)), "the file is truncated"));
  EXPECT_TRUE(says(refusal(with_tensor({4}, 0, kTwoTo63, 64)), "the file is truncated"));
  EXPECT_TRUE(says(refusal(with_tensor({4}, 0, ~std::uint64_t{31}, 64)), "the file is truncated"));
  EXPECT_TRUE(says(refusal(with_tensor({17}, 0, 0, 64)), "takes 68 bytes from byte 0 of the data, which has 64"));
  const auto two = [](std::uint64_t first, std::uint64_t second, std::string_view second_name) {
    return padded(gguf_header(2, 0) + gguf_tensor_info("a", {16}, 0, first) +
                  gguf_tensor_info(second_name, {16}, 0, second)) +
           std::string(128, '\0');
  };
  EXPECT_EQ(refusal(two(64, 0, "b")), "accepted");
  EXPECT_TRUE(says(refusal(two(0, 32, "b")), "tensor \"b\": begins at byte 32 of the data, inside tensor \"a\""));
  EXPECT_TRUE(says(refusal(two(32, 32, "b")), "inside tensor"));
  EXPECT_TRUE(says(refusal(two(0, 64, "a")), "stands twice in the list of tensors"));
}

TEST(GgufReader, ManyKeysAndTensorsTakeNoTime) {
  std::string keys = gguf_header(0, kMaxGgufKeys);
  for (std::uint64_t i = 0; i < kMaxGgufKeys; ++i) keys += gguf_pair("k" + std::to_string(i), 0, "1");
  keys.pop_back();
  EXPECT_TRUE(says(refusal(keys), "metadata key \"k65535\": its value takes 1 bytes, but 0 are left"));
  std::string strings = u32_bytes(kString) + u64_bytes(1'000'000);
  for (int i = 0; i < 999'999; ++i) strings += u64_bytes(0);
  EXPECT_TRUE(says(refusal_of_pair("k", kArray, strings + u64_bytes(5)), "a string of its array takes 5 bytes"));
}

}  // namespace
}  // namespace valence
