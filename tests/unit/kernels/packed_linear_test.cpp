#include "valence/kernels/packed_linear.h"

#include <cstring>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/linear.h"

namespace valence::kernels {
namespace {

template <class T>
TensorView matrix(const std::vector<T>& values, DType dtype, Shape shape) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

/// What the packed layer answers to each unit vector: its weights, column by column.
std::vector<float> weights_of(const PackedLinear& packed) {
  const std::int64_t in_features = packed.in_features();
  std::vector<float> identity(static_cast<std::size_t>(in_features * in_features));
  for (std::int64_t i = 0; i < in_features; ++i) identity[i * in_features + i] = 1.0F;
  std::vector<float> columns(static_cast<std::size_t>(in_features * packed.out_features()));
  linear(rows_of(identity, in_features), packed, {}, rows_of(columns, packed.out_features()));
  return columns;
}

class Packing : public OnEachIsa {};
VALENCE_ON_EACH_ISA(Packing);

TEST_P(Packing, F32WeightsComeBackExactly) {
  const auto weight = random_floats(61 * 37);
  const auto packed = PackedLinear::pack(table(), {37, 61}, weight_rows(matrix(weight, DType::kF32, {61, 37})), {});
  const auto columns = weights_of(packed);
  for (int o = 0; o < 61; ++o) {
    for (int i = 0; i < 37; ++i) EXPECT_EQ(columns[i * 61 + o], weight[o * 37 + i]);
  }
}

TEST_P(Packing, Int8WeightsAreMultipliedByTheirRowsScale) {
  const std::vector<std::int8_t> weight = {1, -128, 127, 0, 5, -6};
  const std::vector<float> scales = {0.5F, 0.25F};
  const auto packed = PackedLinear::pack(table(), {3, 2}, weight_rows(matrix(weight, DType::kI8, {2, 3}), scales), {});
  EXPECT_EQ(weights_of(packed), (std::vector<float>{0.5F, 0.0F, -64.0F, 1.25F, 63.5F, -1.5F}));
}

TEST_P(Packing, SixteenBitWeightsAreWidened) {
  const std::vector<std::uint16_t> half = {0x3c00, 0xc000};    // 1, -2
  const std::vector<std::uint16_t> bfloat = {0x3f80, 0xc000};  // 1, -2
  for (const auto& view : {matrix(half, DType::kF16, {2, 1}), matrix(bfloat, DType::kBF16, {2, 1})}) {
    EXPECT_EQ(weights_of(PackedLinear::pack(table(), {1, 2}, weight_rows(view), {})),
              (std::vector<float>{1.0F, -2.0F}));
  }
}

TEST_P(Packing, BiasIsAddedAndMayBeAbsent) {
  const std::vector<float> weight = {2, 3};
  const std::vector<float> bias = {10, 20};
  const std::vector<float> x = {1};
  std::vector<float> out(2);
  const auto rows = weight_rows(matrix(weight, DType::kF32, {2, 1}));
  linear(rows_of(x, 1), PackedLinear::pack(table(), {1, 2}, rows, bias), {}, rows_of(out, 2));
  EXPECT_EQ(out, (std::vector<float>{12, 23}));
  linear(rows_of(x, 1), PackedLinear::pack(table(), {1, 2}, rows, {}), {}, rows_of(out, 2));
  EXPECT_EQ(out, (std::vector<float>{2, 3}));
}

}  // namespace
}  // namespace valence::kernels
