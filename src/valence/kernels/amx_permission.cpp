#include "valence/kernels/amx_permission.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace valence::kernels {

bool request_amx_permission() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  // asm/prctl.h of Linux 5.16, which older headers lack: the request, and the tile data's bit in XCR0.
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace valence::kernels
