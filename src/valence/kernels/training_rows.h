/// \file
/// Softmax, norms, activations and dropout for the backward pass. Included only by the files of one ISA each.
#pragma once

#include <type_traits>

#include "valence/kernels/row_kernels.h"
#include "valence/kernels/training_table.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// NaN counts for nothing.
template <class V>
float greatest_of(const float* row, std::int64_t begin, std::int64_t end) {
  auto lanes = V::broadcast(-__builtin_inff());
  std::int64_t i = begin;
  for (; i + V::kWidth <= end; i += V::kWidth) lanes = V::max(V::load(row + i), lanes);
  float each[V::kWidth];
  V::store(each, lanes);
  float greatest = -__builtin_inff();
  for (const float lane : each) greatest = lane > greatest ? lane : greatest;
  for (; i < end; ++i) greatest = row[i] > greatest ? row[i] : greatest;
  return greatest;
}

template <class V>
void softmax(const SoftmaxCall& call) noexcept {
  for (std::int64_t r = 0; r < call.x.rows; ++r) {
    float* row = call.x.data + r * call.x.stride;
    const std::int64_t begin = call.begin[r];
    const std::int64_t end = call.end[r];
    for (std::int64_t i = 0; i < begin; ++i) row[i] = 0.0F;
    for (std::int64_t i = end > begin ? end : begin; i < call.columns; ++i) row[i] = 0.0F;
    if (begin >= end) continue;
    const auto greatest = V::broadcast(greatest_of<V>(row, begin, end));
    const std::int64_t count = end - begin;
    float* x = row + begin;
    auto sums = V::zero();
    std::int64_t i = 0;
    for (; i + V::kWidth <= count; i += V::kWidth) {
      const auto e = exp_bounded_above<V>(V::sub(V::load(x + i), greatest));
      sums = V::add(sums, e);
      V::store(x + i, e);
    }
    float sum = V::sum(sums);
    if (i < count) {
      const std::int64_t rest = count - i;
      const auto e = exp_bounded_above<V>(V::sub(V::load_partial(x + i, rest), greatest));
      V::store_partial(x + i, e, rest);
      for (std::int64_t k = i; k < count; ++k) sum += x[k];
    }
    const auto inverse = V::broadcast(1.0F / sum);
    visit_vectors<V>(count, [&](std::int64_t at, std::int64_t n) {
      store_some<V>(x + at, V::mul(load_some<V>(x + at, n), inverse), n);
    });
  }
}

template <class V>
void softmax_backward(const SoftmaxBackwardCall& call) noexcept {
  const auto scale = V::broadcast(call.scale);
  for (std::int64_t r = 0; r < call.p.rows; ++r) {
    const float* p = call.p.data + r * call.p.stride;
    float* dp = call.dp.data + r * call.dp.stride;
    const auto dot_with_p = [&] {
      auto sums = V::zero();
      for (std::int64_t i = 0; i < call.columns; i += V::kWidth) sums = V::fma(V::load(p + i), V::load(dp + i), sums);
      return V::broadcast(V::sum(sums));
    };
    // Twice: where one p is nearly 1, the difference is all rounding the first time, and exact the second.
    const auto dot = dot_with_p();
    for (std::int64_t i = 0; i < call.columns; i += V::kWidth) V::store(dp + i, V::sub(V::load(dp + i), dot));
    const auto rest = dot_with_p();
    for (std::int64_t i = 0; i < call.columns; i += V::kWidth) {
      V::store(dp + i, V::mul(V::mul(V::load(p + i), V::sub(V::load(dp + i), rest)), scale));
    }
  }
}

inline constexpr float kInverseSqrtTwoPi = 0.3989422804F;

/// The derivative of gelu(x) = x Phi(x): Phi(x) + x phi(x).
template <class V>
VecOf<V> gelu_derivative(VecOf<V> x) {
  const auto border = V::broadcast(kErfcBorder);
  const auto z = V::min(border, V::abs(x));
  const auto half = V::mul(V::broadcast(0.5F), erfc_of_normal<V>(z));
  const auto phi_upper = V::select_less(x, V::zero(), half, V::sub(V::broadcast(1.0F), half));
  const auto density = V::mul(exp<V>(V::mul(V::mul(z, z), V::broadcast(-0.5F))), V::broadcast(kInverseSqrtTwoPi));
  const auto bounded = V::max(V::broadcast(-kErfcBorder), V::min(border, x));
  return V::fma(bounded, density, phi_upper);
}

/// d/dx of x / 2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3).
template <class V>
VecOf<V> gelu_tanh_derivative(VecOf<V> x) {
  constexpr float kSqrtTwoOverPi = 0.7978845608F;
  constexpr float kCubic = 0.044715F;
  const auto one = V::broadcast(1.0F);
  const auto bounded = V::max(V::broadcast(-11.0F), V::min(V::broadcast(11.0F), x));  // flat outside
  const auto square = V::mul(bounded, bounded);
  const auto u = V::mul(V::mul(bounded, V::broadcast(kSqrtTwoOverPi)), V::fma(square, V::broadcast(kCubic), one));
  const auto t = tanh<V>(u);
  const auto slope = V::mul(V::broadcast(kSqrtTwoOverPi), V::fma(square, V::broadcast(3.0F * kCubic), one));
  const auto bend = V::mul(V::mul(bounded, V::fnma(t, t, one)), slope);
  return V::mul(V::broadcast(0.5F), V::add(V::add(one, t), bend));
}

template <class V>
VecOf<V> silu_derivative(VecOf<V> x) {
  const auto one = V::broadcast(1.0F);
  const auto bounded = V::max(V::broadcast(-88.0F), V::min(V::broadcast(88.0F), x));
  const auto sigmoid = V::div(one, V::add(one, exp<V>(V::sub(V::zero(), bounded))));
  return V::fma(V::mul(bounded, sigmoid), V::sub(one, sigmoid), sigmoid);
}

template <class V, Activation kActivation>
VecOf<V> derivative(VecOf<V> x) {
  if constexpr (kActivation == Activation::kGelu) return gelu_derivative<V>(x);
  if constexpr (kActivation == Activation::kGeluTanh) return gelu_tanh_derivative<V>(x);
  if constexpr (kActivation == Activation::kRelu) {
    return V::select_less(V::zero(), x, V::broadcast(1.0F), V::zero());
  }
  if constexpr (kActivation == Activation::kSilu) return silu_derivative<V>(x);
  if constexpr (kActivation == Activation::kTanh) {
    const auto t = tanh<V>(x);
    return V::fnma(t, t, V::broadcast(1.0F));
  }
  return V::broadcast(1.0F);
}

/// Flattened: a call for each vector would load the coefficients of its polynomials each time.
template <class V>
[[gnu::flatten]] void activation_backward(const ActivationBackwardCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    const auto visit = [&](auto activated) {
      visit_vectors<V>(call.size, [&](std::int64_t i, std::int64_t n) {
        const auto x = load_some<V>(call.x + i, n);
        const auto slope = derivative<V, kActivation>(x);
        store_some<V>(call.dx + i, V::mul(load_some<V>(call.dy + i, n), slope), n);
        if constexpr (activated.value) store_some<V>(call.activated + i, activation<V, kActivation>(x), n);
      });
    };
    call.activated == nullptr ? visit(std::false_type{}) : visit(std::true_type{});
  });
}

template <class V>
void gate_backward(const GateBackwardCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    for (std::int64_t r = 0; r < call.x.rows; ++r) {
      const float* x = call.x.data + r * call.x.stride;
      const float* dy = call.dy.data + r * call.dy.stride;
      float* dx = call.dx.data + r * call.dx.stride;
      visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
        const auto gate = load_some<V>(x + i, n);
        const auto up = load_some<V>(x + call.width + i, n);
        const auto d = load_some<V>(dy + i, n);
        store_some<V>(dx + i, V::mul(V::mul(d, up), derivative<V, kActivation>(gate)), n);
        store_some<V>(dx + call.width + i, V::mul(d, activation<V, kActivation>(gate)), n);
      });
    }
  });
}

template <class V>
void norm_backward(const NormBackwardCall& call) noexcept {
  const bool centred = call.norm.kind == NormKind::kLayerNorm;
  const float count = static_cast<float>(call.width);
  for (std::int64_t r = 0; r < call.x.rows; ++r) {
    const float* x = call.x.data + r * call.x.stride;
    const float* dy = call.dy.data + r * call.dy.stride;
    float* dx = call.dx.data + r * call.dx.stride;
    const auto moments = norm_moments<V>(x, call.width, call.norm);
    const auto means = V::broadcast(moments.mean);
    const auto inverses = V::broadcast(moments.inverse);
    const auto normalised = [&](std::int64_t i, std::int64_t n) {
      return V::mul(V::sub(load_some<V>(x + i, n), means), inverses);
    };
    const auto gradient = [&](std::int64_t i, std::int64_t n) {
      const auto d = load_some<V>(dy + i, n);
      return call.norm.weight == nullptr ? d : V::mul(d, load_some<V>(call.norm.weight + i, n));
    };
    auto sums = V::zero();
    auto products = V::zero();
    visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
      const auto g = gradient(i, n);  // lanes past the width are 0
      sums = V::add(sums, g);
      products = V::fma(g, normalised(i, n), products);
    });
    const auto mean_of_gradient = V::broadcast(centred ? V::sum(sums) / count : 0.0F);
    const auto mean_of_product = V::broadcast(V::sum(products) / count);
    if (call.d_weight != nullptr) {  // before dx, which may be dy
      visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
        const auto d = load_some<V>(dy + i, n);
        store_some<V>(call.d_weight + i, V::fma(d, normalised(i, n), load_some<V>(call.d_weight + i, n)), n);
        store_some<V>(call.d_bias + i, V::add(d, load_some<V>(call.d_bias + i, n)), n);
      });
    }
    visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
      const auto g = V::sub(gradient(i, n), mean_of_gradient);
      store_some<V>(dx + i, V::mul(V::fnma(normalised(i, n), mean_of_product, g), inverses), n);
    });
  }
}

template <class V>
void column_sums(const ColumnSumsCall& call) noexcept {
  visit_vectors<V>(call.columns, [&](std::int64_t at, std::int64_t n) {
    const std::int64_t column = call.first + at;
    auto sum = V::zero();
    for (std::int64_t r = 0; r < call.x.rows; ++r) {
      sum = V::add(sum, load_some<V>(call.x.data + r * call.x.stride + column, n));
    }
    store_some<V>(call.sums + column, V::add(load_some<V>(call.sums + column, n), sum), n);
  });
}

/// A bijection of 32-bit numbers whose output passes for random: multiply and xor-shift rounds with the constants of
/// C. Wellons' hash-prospector (triple32's first two), after a Weyl step by the golden ratio.
[[gnu::always_inline]] inline std::uint32_t random_bits(std::uint32_t index, std::uint32_t low, std::uint32_t high) {
  std::uint32_t x = index * 0x9E3779B9U + low;
  x ^= x >> 17;
  x *= 0xED5AD4BBU;
  x ^= x >> 11;
  x = (x + high) * 0xAC4C1B51U;
  x ^= x >> 15;
  x *= 0x31848BABU;
  x ^= x >> 14;
  return x;
}

template <class V>
void dropout(const DropoutCall& call) noexcept {
  const auto low = static_cast<std::uint32_t>(call.key);
  const auto high = static_cast<std::uint32_t>(call.key >> 32);
  const float* x = call.x;
  float* out = call.out;
  const std::uint32_t threshold = call.threshold;
  const float scale = call.scale;
  // A plain loop: integer vectors are nothing that a Simd type has, and the compiler finds them (out may be x only).
#pragma GCC ivdep
  for (std::int64_t i = 0; i < call.size; ++i) {
    const std::uint32_t bits = random_bits(call.first + static_cast<std::uint32_t>(i), low, high);
    out[i] = bits >= threshold ? x[i] * scale : 0.0F;
  }
}

}  // namespace
}  // namespace valence::kernels
