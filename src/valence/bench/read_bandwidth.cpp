#include "valence/bench/read_bandwidth.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "valence/bench/cpu_clock.h"
#include "valence/bench/percentile.h"
#include "valence/bench/together.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMiB = std::size_t{1} << 20U;
constexpr std::size_t kLargestCached = 32 * kMiB;
constexpr int kRounds = 5;

// Loads into registers nobody reads, in assembly so that they stay. One step of eight; `end` is a multiple of it.
#define VALENCE_READ_LOOP(load, width)                                                                                 \
  asm volatile("1:\n" load " (%0), %%" width "mm0\n" load " %c2(%0), %%" width "mm1\n" load " %c3(%0), %%" width       \
               "mm2\n" load " %c4(%0), %%" width "mm3\n" load " %c5(%0), %%" width "mm4\n" load " %c6(%0), %%" width   \
               "mm5\n" load " %c7(%0), %%" width "mm6\n" load " %c8(%0), %%" width                                     \
               "mm7\n add %9, %0\n cmp %1, %0\n jb 1b\n"                                                               \
               : "+r"(at)                                                                                              \
               : "r"(end), "i"(kLoad), "i"(2 * kLoad), "i"(3 * kLoad), "i"(4 * kLoad), "i"(5 * kLoad), "i"(6 * kLoad), \
                 "i"(7 * kLoad), "i"(8 * kLoad)                                                                        \
               : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "memory", "cc")

__attribute__((noinline)) void read_512(const std::byte* at, const std::byte* end) {
  constexpr int kLoad = 64;
  VALENCE_READ_LOOP("vmovaps", "z");
  asm volatile("vzeroupper" ::: "memory");
}

__attribute__((noinline)) void read_256(const std::byte* at, const std::byte* end) {
  constexpr int kLoad = 32;
  VALENCE_READ_LOOP("vmovaps", "y");
  asm volatile("vzeroupper" ::: "memory");
}

__attribute__((noinline)) void read_128(const std::byte* at, const std::byte* end) {
  constexpr int kLoad = 16;
  VALENCE_READ_LOOP("movaps", "x");
}

using Reader = void (*)(const std::byte*, const std::byte*);

Reader widest_reader() {
  if (kernels::has_flag("avx512f")) return read_512;
  return kernels::has_flag("avx2") ? read_256 : read_128;
}

std::size_t whole_pages(std::size_t bytes) { return std::max(kPage, bytes / kPage * kPage); }

}  // namespace

std::vector<ReadProbe> read_probes(const std::vector<Cache>& caches, std::size_t threads) {
  std::vector<ReadProbe> probes;
  std::size_t last = 0;
  std::size_t largest = 0;  // all instances of a level together
  for (const Cache& cache : caches) {
    const std::size_t all = cache.size_bytes * cache.instances;
    const bool shared = cache.level >= 3;
    const std::size_t bytes = shared ? std::min(all / 2 / threads, std::max(8 * kMiB, 2 * last)) : cache.size_bytes / 2;
    // A thread's share of a shared cache that its own one holds as well would be read from there.
    if (bytes > last) probes.push_back({"L" + std::to_string(cache.level), whole_pages(bytes)});
    last = cache.size_bytes;
    largest = std::max(largest, all);
  }
  probes.push_back({"DRAM", whole_pages(std::clamp(2 * largest, 64 * kMiB, 2048 * kMiB) / threads)});
  return probes;
}

double measure_read_gbs(std::size_t bytes_per_thread, std::size_t threads, double seconds) {
  const Reader read = widest_reader();
  std::vector<AlignedBuffer<std::byte>> buffers(threads);
  const auto fill = [&](std::size_t thread) {
    // Pages that nobody wrote would all be the same one.
    buffers[thread] = AlignedBuffer<std::byte>(bytes_per_thread);
    std::memset(buffers[thread].data(), 1, bytes_per_thread);
  };
  const auto sweep = [&](std::size_t thread, std::int64_t times) {
    const auto bytes = buffers[thread].span();
    for (std::int64_t i = 0; i < times; ++i) read(bytes.data(), bytes.data() + bytes.size());
  };
  const auto alone = [&](std::int64_t times) {
    const double start = thread_cpu_seconds();
    sweep(0, times);
    return thread_cpu_seconds() - start;
  };

  // Each thread fills its own buffer, so that it lies near its core.
  if (threads == 1) {
    fill(0);
  } else {
    seconds_together(threads, fill, [](std::size_t) {});
  }
  sweep(0, 1);
  std::int64_t times = 1;
  double took = alone(times);
  while (took < seconds / kRounds / 4) took = alone(times *= 2);
  times = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(times) * seconds / kRounds / took));

  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    const bool fits_a_cache = bytes_per_thread <= kLargestCached;
    const double elapsed = threads == 1
                               ? alone(times)
                               : seconds_together(
                                     threads,
                                     [&](std::size_t thread) {
                                       if (fits_a_cache)
                                         sweep(thread, 1);  // threads are new in each round, and their core may be
                                     },
                                     [&](std::size_t thread) { sweep(thread, times); });
    rates.push_back(static_cast<double>(threads * bytes_per_thread) * static_cast<double>(times) / elapsed / 1e9);
  }
  return median(std::move(rates));
}

}  // namespace valence::bench
