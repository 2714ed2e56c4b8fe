/// \file
/// What this core can do at most, so that a speed can be given as a share of it.
#pragma once

namespace valence::bench {

/// Gflop/s of f32 multiply-adds on independent registers, 1 multiply-add = 2 flop, at the widest vectors this CPU has
/// (512 or 256 bit), by processor time. Takes about 50 ms of the calling thread; call it beside the work it is compared
/// with, because clocks move. 0 when the CPU has no FMA.
double measure_f32_fma_peak_gflops();

}  // namespace valence::bench
