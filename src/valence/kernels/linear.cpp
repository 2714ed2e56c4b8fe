#include "valence/kernels/linear.h"

#include "valence/base/check.h"

namespace valence::kernels {

void linear(RowsView<const float> x, const PackedLinear& weights, const LinearEpilogue& epilogue,
            RowsView<float> out) noexcept {
  VALENCE_ASSERT(x.rows == out.rows, "a row of x gives a row of out");
  VALENCE_ASSERT(epilogue.residual.data == nullptr || epilogue.residual.rows == out.rows, "a residual for each row");
  if (x.rows == 0) return;
  weights.kernels().f32->linear({.weights = weights.f32_panels(),
                                 .x = x,
                                 .residual = epilogue.residual,
                                 .out = out,
                                 .activation = epilogue.activation});
}

}  // namespace valence::kernels
