/// \file
/// The operating system's leave to use the tile registers.
#pragma once

namespace valence::kernels {

/// Asks Linux for it, which a process must do before its first tile instruction (arch_prctl, ARCH_REQ_XCOMP_PERM). False
/// if it is refused: an old kernel, a sandbox, or a thread with a signal stack too small for the tiles. Cheap enough
/// to ask again, and the answer holds for all threads.
[[nodiscard]] bool request_amx_permission();

}  // namespace valence::kernels
