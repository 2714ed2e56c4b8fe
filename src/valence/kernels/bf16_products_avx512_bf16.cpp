#include "valence/kernels/bf16_dot_product.h"
#include "valence/kernels/bf16_pack_avx512.h"
#include "valence/kernels/bf16_product_tables.h"

namespace valence::kernels {

constinit const Bf16Products kBf16ProductsAvx512Bf16 = {"AVX-512 bf16", pack_bf16_strip, pack_bf16_panel,
                                                        bf16_dot_product};

}  // namespace valence::kernels
