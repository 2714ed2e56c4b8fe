/// \file
/// Gated feed-forwards on their way to the next product on tiles: staged rows to operand rows, at once.
#pragma once

#include "valence/kernels/amx_row_kernels.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

template <class P, class E, Activation kActivation>
void gate_rows(const GateOperandCall& call) {
  using V = SimdAvx512;
  const StagedLines lines(call.x);
  const std::int64_t up = call.width / kElementsInRow * lines.column;
  for (std::int64_t r = 0; r < call.rows; ++r) {
    const StagedRow<E> gates(lines, r);
    const StagedRow<E> values(lines.at(r) + up, lines.column);
    Magnitude magnitude;
    for (std::int64_t i = 0; i < call.width; i += kElementsInRow) {
      const Floats32 g = gates.load(i, kElementsInRow);
      const Floats32 v = values.load(i, kElementsInRow);
      const Floats32 product = {_mm512_mul_ps(activation<V, kActivation>(g.low), v.low),
                                _mm512_mul_ps(activation<V, kActivation>(g.high), v.high)};
      magnitude.add(product);
      _mm512_storeu_ps(call.row + i, product.low);
      _mm512_storeu_ps(call.row + i + 16, product.high);
    }
    OperandRow<P>(call.out, call.width, call.first_row + r).write(F32Row{call.row}, call.width, magnitude);
  }
}

template <class P>
void amx_gate(const GateOperandCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    call.x.layout == StagingLayout::kOwn ? gate_rows<P, typename P::OwnElement, kActivation>(call)
                                         : gate_rows<P, typename P::RowElement, kActivation>(call);
  });
}

}  // namespace
}  // namespace valence::kernels
