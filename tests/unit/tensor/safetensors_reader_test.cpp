#include "valence/tensor/safetensors_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "support/safetensors_image.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::image_of;

Result<TensorTable> parse(const std::string& image) { return parse_safetensors(as_bytes(image), "m.safetensors"); }

/// The refusal in words; "accepted" when there was none.
std::string refusal(const std::string& image) {
  const auto tensors = parse(image);
  return tensors ? "accepted" : tensors.error().to_string();
}

/// The refusal of a header that is followed by `data_bytes` zeros.
std::string refusal_of_header(std::string_view header, std::size_t data_bytes = 0) {
  return refusal(image_of(header, std::string(data_bytes, '\0')));
}

std::string with_length(std::uint64_t length, std::string_view rest) {
  std::string image;
  for (int byte = 0; byte < 8; ++byte) image += static_cast<char>(length >> (8 * byte) & 0xFF);
  return image + std::string(rest);
}

TEST(SafetensorsReader, TensorsAreViewsIntoTheImage) {
  const std::string image = image_of({{"a", "F32", {2}, "12345678"}, {"b.c", "I8", {1, 3}, "xyz"}});
  const auto tensors = parse(image);
  ASSERT_TRUE(tensors) << tensors.error().to_string();
  ASSERT_EQ(tensors->size(), 2U);
  const TensorView& b = tensors->at("b.c");
  EXPECT_EQ(b.dtype, DType::kI8);
  EXPECT_EQ(b.shape, (Shape{1, 3}));
  EXPECT_EQ(b.bytes.data(), as_bytes(image).data() + image.size() - 3);
  EXPECT_EQ(b.bytes.size(), 3U);
}

TEST(SafetensorsReader, EveryDTypeIsReadWithItsWidth) {
  const auto tensors = parse(image_of({{"1", "F32", {1}, "...."},
                                       {"2", "F16", {1}, ".."},
                                       {"3", "BF16", {1}, ".."},
                                       {"4", "I8", {1}, "."},
                                       {"5", "U8", {1}, "."},
                                       {"6", "I16", {1}, ".."},
                                       {"7", "I32", {1}, "...."},
                                       {"8", "I64", {1}, "........"},
                                       {"9", "F64", {1}, "........"},
                                       {"10", "BOOL", {1}, "."}}));
  ASSERT_TRUE(tensors) << tensors.error().to_string();
  EXPECT_EQ(tensors->at("10").dtype, DType::kBool);
}

TEST(SafetensorsReader, ScalarsAndEmptyTensorsAreLegal) {
  const auto tensors = parse(image_of({{"empty", "F32", {0, 7}, ""}, {"scalar", "F32", {}, "1234"}}));
  ASSERT_TRUE(tensors) << tensors.error().to_string();
  EXPECT_EQ(tensors->at("empty").elements(), 0);
  EXPECT_EQ(tensors->at("scalar").elements(), 1);
}

TEST(SafetensorsReader, NoTensorsAtAllIsLegal) { EXPECT_EQ(refusal_of_header("{}"), "accepted"); }

TEST(SafetensorsReader, TensorsMayBeListedInAnyOrder) {
  EXPECT_EQ(refusal_of_header(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                              R"("a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}})",
                              3),
            "accepted");
}

TEST(SafetensorsReader, EmptyFileIsNamedAsSuch) {
  EXPECT_EQ(refusal(""), "m.safetensors: is empty, expected a safetensors file.");
}

TEST(SafetensorsReader, FileShorterThanItsLengthFieldIsRefused) {
  EXPECT_EQ(refusal("1234567"), "m.safetensors: has 7 bytes, too few for a safetensors file.");
}

TEST(SafetensorsReader, HeaderLongerThanTheFileIsRefused) {
  EXPECT_EQ(refusal(with_length(3, "{}")),
            "m.safetensors: announces a header of 3 bytes, but 2 follow: truncated, or not a safetensors file.");
}

TEST(SafetensorsReader, HeaderLengthsThatWouldOverflowAreRefused) {
  for (const std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    EXPECT_EQ(refusal(with_length(length, "{}")), "m.safetensors: announces a header of " + std::to_string(length) +
                                                      " bytes, but 2 follow: truncated, or not a safetensors file.");
  }
}

TEST(SafetensorsReader, HeaderOverTheLimitIsRefusedUnread) {
  const std::string blanks(kMaxSafetensorsHeaderBytes + 1, ' ');
  EXPECT_EQ(refusal(image_of(blanks)),
            "m.safetensors: announces a header of 25000001 bytes, more than the 25000000 allowed.");
}

TEST(SafetensorsReader, HeaderMustStartWithABrace) {
  const std::string expected = "m.safetensors: the header does not start with '{': not a safetensors file.";
  EXPECT_EQ(refusal_of_header(" {}"), expected);
  EXPECT_EQ(refusal_of_header("[]"), expected);
  EXPECT_EQ(refusal_of_header("\xEF\xBB\xBF{}"), expected);  // a byte order mark
  EXPECT_EQ(refusal_of_header(""), expected);
}

TEST(SafetensorsReader, TruncatedAtEveryByteIsRefused) {
  const std::string image = image_of({{"a", "F32", {2}, "12345678"}, {"b", "I8", {3}, "xyz"}});
  for (std::size_t size = 0; size < image.size(); ++size) EXPECT_NE(refusal(image.substr(0, size)), "accepted") << size;
}

TEST(SafetensorsReader, ReversedOffsetsAreRefused) {
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", 8),
            "m.safetensors: tensor \"x\": data_offsets [8, 4] run backwards.");
}

TEST(SafetensorsReader, OffsetsBeyondTheDataAreRefused) {
  EXPECT_EQ(
      refusal_of_header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7),
      "m.safetensors: tensor \"x\": data_offsets [0, 8] reach beyond the 7 bytes of data: the file is truncated.");
  EXPECT_NE(refusal_of_header(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,)"
                              R"(18446744073709551615]}})",
                              1),
            "accepted");
}

TEST(SafetensorsReader, SizeMustBeThatOfShapeAndType) {
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"F16","shape":[2,3],"data_offsets":[0,8]}})", 8),
            "m.safetensors: tensor \"x\": shape [2, 3] of F16 takes 12 bytes, but data_offsets [0, 8] hold 8.");
}

TEST(SafetensorsReader, ShapesThatOverflowAreRefused) {
  const std::string x = "m.safetensors: tensor \"x\": ";
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
            x + "shape [4294967296, 4294967296] of U8 overflows 64 bits.");
  // The count fits, the bytes do not.
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})"),
            x + "shape [4611686018427387904] of F32 overflows 64 bits.");
  // A zero behind an overflow does not heal it, as in the reference.
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})"),
            x + "shape [4294967296, 4294967296, 0] of U8 overflows 64 bits.");
  EXPECT_EQ(refusal_of_header(R"({"x":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0]}})"),
            x + "the shape's extent 9223372036854775808 overflows 64 bits (byte 47 of the header).");
}

TEST(SafetensorsReader, OverlapsHolesAndTrailingBytesAreRefused) {
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})",
                              7),
            "m.safetensors: tensor \"b\": data_offsets [3, 7] overlap those of \"a\", [0, 4].");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})",
                              9),
            "m.safetensors: tensor \"b\": begins at byte 5 of the data, but the tensors before it end at 4: a hole.");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 6),
            "m.safetensors: 2 trailing bytes after the last tensor.");
}

TEST(SafetensorsReader, PickleAndZipAreAnsweredWithTheWayToConvert) {
  for (const std::string_view magic : {"PK\x03\x04", "\x80\x02\x8A\x0Al\xFC\x9C", "\x80\x04\x95"}) {
    const auto tensors = parse(std::string(magic) + std::string(100, 'x'));
    ASSERT_FALSE(tensors);
    EXPECT_EQ(tensors.error().code(), ErrorCode::kInvalidData);
    EXPECT_NE(tensors.error().what().find("never opened"), std::string::npos);
    EXPECT_NE(tensors.error().hint().find("save_pretrained"), std::string::npos);
  }
}

TEST(SafetensorsReader, HeaderLengthThatSpellsAPickleMagicIsStillSafetensors) {
  const std::string header = "{}" + std::string(0x280 - 2, ' ');  // 0x280 is stored as 80 02 00 ...
  EXPECT_EQ(refusal_of_header(header), "accepted");
}

TEST(SafetensorsReader, OtherFormatsAreRecognised) {
  const auto gguf = parse(std::string("GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0", 16));
  ASSERT_FALSE(gguf);
  EXPECT_EQ(gguf.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:1\n").find("Git LFS pointer"),
            std::string::npos);
  EXPECT_NE(refusal("\x89HDF\r\n\x1A\n    ").find("HDF5"), std::string::npos);
}

}  // namespace
}  // namespace valence
