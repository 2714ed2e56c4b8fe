#include "support/amx_emulator.h"

#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace valence {
namespace {

constexpr int kTiles = 8;
constexpr int kMaxRows = 16;
constexpr int kMaxRowBytes = 64;

struct Tile {
  alignas(64) std::byte rows[kMaxRows][kMaxRowBytes];
};

/// What ldtilecfg reads (palette 1).
struct Configuration {
  std::uint8_t palette;
  std::uint8_t start_row;
  std::uint8_t reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

struct Unit {
  Configuration configuration;
  Tile tiles[kTiles];
};
thread_local Unit unit;

/// The registers of a context by their number in an instruction.
std::int64_t register_value(const ucontext_t& context, int number) {
  static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[kOrder[number]];
}

std::int32_t read_i32(const std::uint8_t* p) {
  std::int32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

/// A VEX instruction of opcode map 0F38, three-byte prefix.
struct Instruction {
  std::uint8_t prefix;  ///< pp: 0 none, 1 66, 2 F3, 3 F2
  std::uint8_t opcode;
  int mod;
  int reg;
  int rm;
  int vvvv;
  std::byte* address = nullptr;  ///< of a memory operand without its index
  std::int64_t stride = 0;       ///< index * scale
  std::int64_t size = 0;         ///< bytes of the instruction

  /// False if it is not of this form.
  bool decode(const std::uint8_t* code, const ucontext_t& context) {
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return false;  // map, W0, L0
    const int x = (code[1] & 0x40) != 0 ? 0 : 8;
    const int b = (code[1] & 0x20) != 0 ? 0 : 8;
    prefix = code[2] & 3;
    vvvv = (~code[2] >> 3) & 0xf;
    opcode = code[3];
    mod = code[4] >> 6;
    reg = (code[4] >> 3) & 7;
    rm = code[4] & 7;
    size = 5;
    if (mod == 3) return true;
    std::int64_t at = 0;
    if (rm == 4) {
      const std::uint8_t sib = code[size++];
      const int base = sib & 7;
      const int index = ((sib >> 3) & 7) + x;
      if (index != 4) stride = register_value(context, index) * (std::int64_t{1} << (sib >> 6));
      if (base == 5 && mod == 0) {
        at = read_i32(code + size);
        size += 4;
      } else {
        at = register_value(context, base + b);
      }
    } else if (rm == 5 && mod == 0) {
      at = reinterpret_cast<std::int64_t>(code + size + 4) + read_i32(code + size);
      size += 4;
    } else {
      at = register_value(context, rm + b);
    }
    if (mod == 1) {
      at += static_cast<std::int8_t>(code[size]);
      size += 1;
    } else if (mod == 2) {
      at += read_i32(code + size);
      size += 4;
    }
    address = reinterpret_cast<std::byte*>(at);
    return true;
  }
};

template <class T>
T element(const Tile& tile, int row, int index) {
  T value;
  std::memcpy(&value, tile.rows[row] + static_cast<std::size_t>(index) * sizeof(T), sizeof value);
  return value;
}
template <class T>
void set_element(Tile& tile, int row, int index, T value) {
  std::memcpy(tile.rows[row] + static_cast<std::size_t>(index) * sizeof(T), &value, sizeof value);
}

float flush(float v) { return std::abs(v) < std::numeric_limits<float>::min() ? std::copysign(0.0F, v) : v; }

float from_bf16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return flush(value);  // subnormal inputs count as zero
}

float from_fp16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const auto fraction = static_cast<float>(bits & 0x3ff);
  float value;
  if (exponent == 0x1f) {
    value = fraction == 0.0F ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);  // subnormal inputs keep their value
  } else {
    value = std::ldexp(fraction + 1024.0F, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

/// sums (a: rows x depth) += a * b (b: depth / 4 rows of columns, four bytes each).
template <class A>
void dot_bytes(Tile& sums, const Tile& a, const Tile& b, int rows, int columns, int groups) {
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < columns; ++n) {
      auto sum = element<std::uint32_t>(sums, m, n);  // wraps around
      for (int k = 0; k < groups; ++k) {
        for (int i = 0; i < 4; ++i) {
          sum += static_cast<std::uint32_t>(element<A>(a, m, 4 * k + i) * element<std::int8_t>(b, k, 4 * n + i));
        }
      }
      set_element(sums, m, n, sum);
    }
  }
}

template <class Widen>
void dot_pairs(Tile& sums, const Tile& a, const Tile& b, int rows, int columns, int groups, Widen widen) {
  for (int m = 0; m < rows; ++m) {
    for (int n = 0; n < columns; ++n) {
      float even = 0.0F;
      float odd = 0.0F;
      for (int k = 0; k < groups; ++k) {
        const auto product = [&](int i, float sum) {
          return flush(std::fma(widen(element<std::uint16_t>(a, m, 2 * k + i)),
                                widen(element<std::uint16_t>(b, k, 2 * n + i)), sum));
        };
        even = product(0, even);
        odd = product(1, odd);
      }
      const float sum = flush(flush(element<float>(sums, m, n)) + flush(even + odd));
      set_element(sums, m, n, sum);
    }
  }
}

bool dot(const Instruction& instruction) {
  if (instruction.mod != 3 || instruction.vvvv >= kTiles) return false;
  Tile& sums = unit.tiles[instruction.reg];
  const Tile& a = unit.tiles[instruction.rm];
  const Tile& b = unit.tiles[instruction.vvvv];
  const int rows = unit.configuration.rows[instruction.reg];
  const int columns = unit.configuration.row_bytes[instruction.reg] / 4;
  const int groups = unit.configuration.row_bytes[instruction.rm] / 4;
  if (instruction.opcode == 0x5e && instruction.prefix == 3) {
    dot_bytes<std::int8_t>(sums, a, b, rows, columns, groups);
  } else if (instruction.opcode == 0x5e && instruction.prefix == 1) {
    dot_bytes<std::uint8_t>(sums, a, b, rows, columns, groups);
  } else if (instruction.opcode == 0x5c && instruction.prefix == 2) {
    dot_pairs(sums, a, b, rows, columns, groups, from_bf16);
  } else if (instruction.opcode == 0x5c && instruction.prefix == 3) {
    dot_pairs(sums, a, b, rows, columns, groups, from_fp16);
  } else {
    return false;
  }
  return true;
}

bool configure(const Instruction& instruction) {
  if (instruction.prefix == 0 && (instruction.mod != 3 || instruction.rm == 0)) {
    std::memset(&unit, 0, sizeof unit);  // both set all tiles to zero
    if (instruction.mod != 3) std::memcpy(&unit.configuration, instruction.address, sizeof unit.configuration);
    return true;
  }
  if (instruction.prefix != 3 || instruction.mod != 3) return false;
  unit.tiles[instruction.reg] = {};
  return true;
}

bool move_tile(const Instruction& instruction) {
  if (instruction.mod == 3 || instruction.rm != 4 || instruction.prefix == 0) return false;
  Tile& tile = unit.tiles[instruction.reg];
  const int rows = unit.configuration.rows[instruction.reg];
  const auto bytes = std::size_t{unit.configuration.row_bytes[instruction.reg]};
  const bool store = instruction.prefix == 2;
  if (!store) tile = {};
  for (int r = 0; r < rows; ++r) {
    std::byte* memory = instruction.address + r * instruction.stride;
    store ? std::memcpy(memory, tile.rows[r], bytes) : std::memcpy(tile.rows[r], memory, bytes);
  }
  return true;
}

void on_illegal_instruction(int, siginfo_t*, void* opaque) {
  auto& context = *static_cast<ucontext_t*>(opaque);
  const auto* code = reinterpret_cast<const std::uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  Instruction instruction;
  bool done = instruction.decode(code, context);
  if (done) {
    switch (instruction.opcode) {
      case 0x49:
        done = configure(instruction);
        break;
      case 0x4b:
        done = move_tile(instruction);
        break;
      case 0x5c:
      case 0x5e:
        done = dot(instruction);
        break;
      default:
        done = false;
    }
  }
  if (done) {
    context.uc_mcontext.gregs[REG_RIP] += instruction.size;
  } else {
    signal(SIGILL, SIG_DFL);  // the instruction is tried again, and ends the process
  }
}

}  // namespace

void install_amx_emulator() {
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGILL, &action, nullptr);
}

}  // namespace valence
