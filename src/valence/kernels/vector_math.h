/// \file
/// Elementary functions over vectors, and the activations made of them.
///
/// Polynomials are minimax fits made for this file (Lawson's iteratively reweighted least squares in double precision,
/// then rounded to f32); errors are given as measured over all floats by the tests. NaN gives NaN, infinities give
/// limits.
#pragma once

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {
namespace {

template <class V>
using VecOf = typename V::Vec;

/// coefficients[0] + x * (coefficients[1] + x * ...)
template <class V, int kSize>
VecOf<V> polynomial(VecOf<V> x, const float (&coefficients)[kSize]) {
  VecOf<V> sum = V::broadcast(coefficients[kSize - 1]);
  for (int i = kSize - 2; i >= 0; --i) sum = V::fma(sum, x, V::broadcast(coefficients[i]));
  return sum;
}

// Adding 1.5 * 2^23 leaves a float no bits below one, so it rounds to an integer n; the 127 makes the low bits the
// biased exponent of 2^n, for n in [-127, 127].
inline constexpr float kRoundAndBias = 12582912.0F + 127.0F;

/// 2^y; y in [-126, 127]. Relative error 1e-7.
template <class V>
VecOf<V> exp2_in_range(VecOf<V> y) {
  constexpr float kExp2[] = {
      1.0F, 6.931471825e-01F, 2.402264774e-01F, 5.550332367e-02F, 9.618436918e-03F, 1.339887618e-03F, 1.535336633e-04F};
  const auto rounded = V::add(y, V::broadcast(kRoundAndBias));
  const auto fraction = V::sub(y, V::sub(rounded, V::broadcast(kRoundAndBias)));
  return V::mul(polynomial<V>(fraction, kExp2), V::shift_into_exponent(rounded));
}

// Below, e^x is not a normal number: it counts as 0, for subnormal operands slow a product down a hundredfold.
inline constexpr float kExpLowest = -87.33F;
inline constexpr float kExpHighest = 88.37F;

/// e^x for x <= kExpHighest. Relative error 1e-7; 0 below kExpLowest.
template <class V>
VecOf<V> exp_bounded_above(VecOf<V> x) {
  constexpr float kExp[] = {
      1.0F, 1.0F, 4.999999404e-01F, 1.666651964e-01F, 4.166840762e-02F, 8.368899114e-03F, 1.381419366e-03F};
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // nine bits: n * kLn2High is exact without a fused multiply-add
  constexpr float kLn2Low = -2.12194440e-4F;
  const auto clamped = V::max(V::broadcast(kExpLowest), x);
  const auto rounded = V::fma(clamped, V::broadcast(kLog2E), V::broadcast(kRoundAndBias));
  const auto n = V::sub(rounded, V::broadcast(kRoundAndBias));
  const auto r = V::fnma(n, V::broadcast(kLn2Low), V::fnma(n, V::broadcast(kLn2High), clamped));
  const auto e = V::mul(polynomial<V>(r, kExp), V::shift_into_exponent(rounded));
  return V::select_less(x, V::broadcast(kExpLowest), V::zero(), e);
}

template <class V>
VecOf<V> exp(VecOf<V> x) {
  return exp_bounded_above<V>(V::min(V::broadcast(kExpHighest), x));
}

/// Beyond, erfc(z / sqrt 2) is below 1e-35.
inline constexpr float kErfcBorder = 13.0F;

/// erfc(z / sqrt 2) for 0 <= z <= kErfcBorder, as 2^-Q(z): Q is a polynomial of degree 9 without constant term, fitted
/// with the weight with which its error enters gelu(). No division, no case distinction, no cancellation in the tail.
template <class V>
VecOf<V> erfc_of_normal(VecOf<V> z) {
  constexpr float kQ[] = {0.0F,
                          1.151110172e+00F,
                          4.591700137e-01F,
                          5.259976536e-02F,
                          -7.195994724e-03F,
                          2.228751837e-04F,
                          1.600446267e-04F,
                          -3.762240522e-05F,
                          3.605810889e-06F,
                          -1.245296488e-07F};
  return exp2_in_range<V>(V::sub(V::zero(), polynomial<V>(z, kQ)));
}

/// x * Phi(x) = max(x, 0) - |x| / 2 * erfc(|x| / sqrt 2).
/// Over all floats: error at most 1.1e-7 * max(1, gelu(x)), which is 2.5e-7 for |x| <= 6; relative 3e-6 for |x| < 3.
template <class V>
VecOf<V> gelu(VecOf<V> x) {
  const auto z = V::min(V::broadcast(kErfcBorder), V::abs(x));
  return V::fnma(V::mul(V::broadcast(0.5F), z), erfc_of_normal<V>(z), V::max(V::zero(), x));
}

/// gelu(x) within 5e-4 for |x| <= 1000, for results that are rounded to 8 bits next: x * Phi(x) with Phi an odd
/// polynomial on |x| <= 3.7, held at 0 and 1 (to within 2e-7) outside. A third of the work of gelu().
template <class V>
VecOf<V> gelu_to_be_quantized(VecOf<V> x) {
  constexpr float kPhi[] = {3.964750968e-01F,  -6.258772828e-02F, 7.848701344e-03F,
                            -6.175023940e-04F, 2.688880169e-05F,  -4.899745417e-07F};
  constexpr float kBorder = 3.7F;
  const auto bounded = V::min(V::broadcast(kBorder), V::max(V::broadcast(-kBorder), x));
  const auto odd = polynomial<V>(V::mul(bounded, bounded), kPhi);
  return V::mul(x, V::fma(odd, bounded, V::broadcast(0.5F)));
}

/// 2^y for -125 <= y <= 0, 2^-125 below (a subnormal would slow the next product down a hundredfold). Relative error
/// 3e-6: for weights that are rounded to 15 bits next.
template <class V>
VecOf<V> exp2_to_be_quantized(VecOf<V> y) {
  constexpr float kExp2[] = {9.999992614e-01F, 6.931218147e-01F, 2.402474483e-01F, 5.591786032e-02F, 9.570101911e-03F};
  const auto clamped = V::max(V::broadcast(-125.0F), y);
  const auto rounded = V::add(clamped, V::broadcast(kRoundAndBias));
  const auto fraction = V::sub(clamped, V::sub(rounded, V::broadcast(kRoundAndBias)));
  return V::mul(polynomial<V>(fraction, kExp2), V::shift_into_exponent(rounded));
}

/// x / (1 + e^-t), for x and t that have the same sign and are both large or both small.
template <class V>
VecOf<V> times_sigmoid(VecOf<V> x, VecOf<V> t) {
  return V::div(x, V::add(V::broadcast(1.0F), exp<V>(V::sub(V::zero(), t))));
}

/// x / 2 * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), written with the sigmoid: 1 + tanh(u) = 2 sigmoid(2u).
template <class V>
VecOf<V> gelu_tanh(VecOf<V> x) {
  constexpr float kTwoSqrtTwoOverPi = 1.595769122F;
  const auto bounded = V::max(V::broadcast(-11.0F), x);  // the result is 0 below; keeps -inf from 0 * inf
  const auto cubic =
      V::fma(V::mul(bounded, bounded), V::broadcast(0.044715F * kTwoSqrtTwoOverPi), V::broadcast(kTwoSqrtTwoOverPi));
  return times_sigmoid<V>(bounded, V::mul(bounded, cubic));
}

template <class V>
VecOf<V> silu(VecOf<V> x) {
  const auto bounded = V::max(V::broadcast(-88.0F), x);
  return times_sigmoid<V>(bounded, bounded);
}

/// Near 0 the odd polynomial of Cephes' tanhf (S. Moshier), elsewhere 1 - 2 / (e^2|x| + 1). Relative error 3e-7.
template <class V>
VecOf<V> tanh(VecOf<V> x) {
  constexpr float kTanh[] = {-3.33332819422e-1F, 1.33314422036e-1F, -5.37397155531e-2F, 2.06390887954e-2F,
                             -5.70498872745e-3F};
  constexpr float kCephesBorder = 0.625F;
  const auto one = V::broadcast(1.0F);
  const auto z = V::abs(x);
  const auto square = V::mul(x, x);
  const auto near_zero = V::fma(V::mul(polynomial<V>(square, kTanh), square), x, x);
  const auto e = exp<V>(V::add(z, z));
  const auto magnitude = V::sub(one, V::div(V::broadcast(2.0F), V::add(e, one)));
  const auto far = V::select_less(x, V::zero(), V::sub(V::zero(), magnitude), magnitude);
  return V::select_less(z, V::broadcast(kCephesBorder), near_zero, far);
}

template <class V, Activation kActivation>
VecOf<V> activation(VecOf<V> x) {
  if constexpr (kActivation == Activation::kGelu) return gelu<V>(x);
  if constexpr (kActivation == Activation::kGeluTanh) return gelu_tanh<V>(x);
  if constexpr (kActivation == Activation::kRelu) return V::max(V::zero(), x);
  if constexpr (kActivation == Activation::kSilu) return silu<V>(x);
  if constexpr (kActivation == Activation::kTanh) return tanh<V>(x);
  return x;
}

/// Calls function.template operator()<kActivation>() for the activation known only now.
template <class Function>
void with_activation(Activation kind, Function function) {
  switch (kind) {
    case Activation::kNone:
      return function.template operator()<Activation::kNone>();
    case Activation::kGelu:
      return function.template operator()<Activation::kGelu>();
    case Activation::kGeluTanh:
      return function.template operator()<Activation::kGeluTanh>();
    case Activation::kRelu:
      return function.template operator()<Activation::kRelu>();
    case Activation::kSilu:
      return function.template operator()<Activation::kSilu>();
    case Activation::kTanh:
      return function.template operator()<Activation::kTanh>();
  }
}

}  // namespace
}  // namespace valence::kernels
