"""The files compiled for a higher ISA define their table and nothing else that a linker could share.

An inline function emitted there is a weak symbol; if the linker keeps that copy, a program dies of an illegal instruction
on a CPU without the ISA, in code that never asked for it.

Usage: isa_symbols.py NM ARCHIVE
"""

import re
import subprocess
import sys

EXPECTED = {
    "f32_avx2.cpp.o": {"valence::kernels::kF32Avx2"},
    "f32_avx512.cpp.o": {"valence::kernels::kF32Avx512"},
    "bf16_amx.cpp.o": {"valence::kernels::kBf16Amx"},
    "fp16_amx.cpp.o": {"valence::kernels::kFp16Amx"},
    "bf16_avx512.cpp.o": {"valence::kernels::kBf16Avx512"},
    "bf16_products_amx.cpp.o": {"valence::kernels::kBf16ProductsAmx"},
    "bf16_products_avx512_bf16.cpp.o": {"valence::kernels::kBf16ProductsAvx512Bf16"},
    "f32_portable.cpp.o": {"valence::kernels::kF32Portable"},
    "i16_avx512_vnni.cpp.o": {"valence::kernels::kI16Avx512Vnni"},
    "i16_avx_vnni.cpp.o": {"valence::kernels::kI16AvxVnni"},
    "i8_amx.cpp.o": {"valence::kernels::kI8Amx"},
    "i8_avx2.cpp.o": {"valence::kernels::kI8Avx2"},
    "i8_avx_vnni.cpp.o": {"valence::kernels::kI8AvxVnni"},
    "i8_avx512_vnni.cpp.o": {"valence::kernels::kI8Avx512Vnni"},
    "i8_portable.cpp.o": {"valence::kernels::kI8Portable"},
    "training_avx2.cpp.o": {"valence::kernels::kBf16ProductsAvx2", "valence::kernels::kTrainingAvx2"},
    "training_avx512.cpp.o": {"valence::kernels::kBf16ProductsAvx512", "valence::kernels::kTrainingAvx512"},
    "training_portable.cpp.o": {"valence::kernels::kBf16ProductsPortable", "valence::kernels::kTrainingPortable"},
}
# A defined symbol that other files see: an address, then an upper-case type or one of the weak and unique ones. Left out:
# the address of the exception personality (data), and what the address sanitizer adds for each global.
SHARED = re.compile(r"^[0-9a-f]+ [A-Zuvw] (?!DW\.ref\.|__odr_asan)(.*)$")


def shared_symbols(nm: str, archive: str) -> dict[str, set[str]]:
    listing = subprocess.run([nm, "--demangle", archive], check=True, capture_output=True, text=True).stdout
    symbols: dict[str, set[str]] = {}
    member = ""
    for line in listing.splitlines():
        if line.endswith(".o:"):
            member = line[:-1]
        elif match := SHARED.match(line):
            symbols.setdefault(member, set()).add(match[1])
    return symbols


def main() -> int:
    symbols = shared_symbols(*sys.argv[1:3])
    failures = [
        f"{member}: expected {sorted(wanted)}, found {sorted(symbols.get(member, set()))}"
        for member, wanted in EXPECTED.items()
        if symbols.get(member, set()) != wanted
    ]
    print("\n".join(failures) or "each ISA file defines its table only")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
