/// \file
/// AMX in software, so that kernels with tile instructions are tested on CPUs without them.
#pragma once

namespace valence {

/// From now on tile instructions that the CPU refuses (SIGILL) are carried out by this process, on tiles that each
/// thread has its own of: ldtilecfg, tilerelease, tilezero, tileloadd(t1), tilestored, tdpbssd, tdpbusd, tdpbf16ps and
/// tdpfp16ps, as the Intel SDM, volume 2, defines them. Other illegal instructions still end the process. A CPU with
/// AMX, in a process that may use it, never gets here. Idempotent; x86-64 Linux.
void install_amx_emulator();

}  // namespace valence
