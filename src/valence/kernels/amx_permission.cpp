#include "valence/kernels/amx_permission.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "valence/kernels/cpu_identity.h"

namespace valence::kernels {

const AmxPermission& amx_permission() {
  static const AmxPermission permission = []() -> AmxPermission {
    // Linux, arch/x86/include/uapi/asm/prctl.h; the number of the tile data state in XCR0.
    constexpr long kArchReqXcompPerm = 0x1023;
    constexpr long kTileData = 18;
    if (!has_flag("amx_tile")) return {AmxAnswer::kNoTiles, 0};
    if (::syscall(SYS_arch_prctl, kArchReqXcompPerm, kTileData) == 0) return {AmxAnswer::kGranted, 0};
    return {AmxAnswer::kRefused, errno};
  }();
  return permission;
}

}  // namespace valence::kernels
