#include "valence/kernels/amx_training_product.h"
#include "valence/kernels/bf16_pack_avx512.h"
#include "valence/kernels/bf16_product_tables.h"

namespace valence::kernels {

constinit const Bf16Products kBf16ProductsAmx = {"AMX bf16", pack_bf16_strip, pack_bf16_panel, amx_bf16_product};

}  // namespace valence::kernels
