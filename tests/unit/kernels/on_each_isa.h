/// \file
/// Kernel tests run once for every ISA of this CPU; matrices of seeded random numbers.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "valence/kernels/dispatch.h"

namespace valence::kernels {

class OnEachIsa : public testing::TestWithParam<Isa> {
 protected:
  [[nodiscard]] static const KernelTable& table() { return *kernel_table(GetParam()).value(); }
};

#define VALENCE_ON_EACH_ISA(suite)                                          \
  INSTANTIATE_TEST_SUITE_P(Isas, suite, testing::ValuesIn(runnable_isas()), \
                           [](const auto& test) { return std::string(name(test.param)); })

/// Uniform in [-spread, spread).
inline std::vector<float> random_floats(std::int64_t size, float spread = 1.0F, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-spread, spread);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& v : values) v = uniform(engine);
  return values;
}

inline RowsView<const float> rows_of(const std::vector<float>& values, std::int64_t width) {
  return {values.data(), static_cast<std::int64_t>(values.size()) / width, width};
}
inline RowsView<float> rows_of(std::vector<float>& values, std::int64_t width) {
  return {values.data(), static_cast<std::int64_t>(values.size()) / width, width};
}
inline RowsView<double> rows_of(std::vector<double>& values, std::int64_t width) {
  return {values.data(), static_cast<std::int64_t>(values.size()) / width, width};
}

/// Equal to the last bit, NaNs and signs of zero included.
inline bool same_bits(const float* a, const float* b, std::int64_t size) {
  return std::memcmp(a, b, static_cast<std::size_t>(size) * sizeof(float)) == 0;
}

/// |actual - expected| <= tolerance * scale for all; the message names the first that is not.
inline testing::AssertionResult near_all(const std::vector<float>& actual, const std::vector<double>& expected,
                                         double tolerance) {
  if (actual.size() != expected.size()) return testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!(std::abs(actual[i] - expected[i]) <= tolerance)) {
      return testing::AssertionFailure() << "element " << i << ": " << actual[i] << ", expected " << expected[i]
                                         << " within " << tolerance;
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace valence::kernels
