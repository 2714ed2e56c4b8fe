/// \file
/// The product on tiles: blocks of 32 rows by 32 columns, two tiles by two.
///
/// Panels outside, blocks of rows inside, so that a panel (or a chunk of one) stays in the level-1 cache while the
/// operand streams past it. What keeps the tile unit busy, measured on Granite Rapids:
///  - Accumulators are stored inside the first step of the next block, each right before it starts from zero: four
///    stores at a block's end stall for 57 cycles, 84 % of the peak instead of 99 (in the level-1 cache).
///  - The operand is loaded with tileloaddt1: with plain loads it evicts the panel (72 % instead of 95).
///  - The epilogue of the block before the last is done between the steps of this one (42 -> 51 % with gelu).
///  - Deep products go in chunks of at most 16 steps: all of a panel would not fit in the level-1 cache.
#pragma once

#include "valence/kernels/amx_epilogue.h"
#include "valence/kernels/tile.h"

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kSumsInRow = kPanelColumns;
inline constexpr std::int64_t kSumsInBlock = kBlockRows * kSumsInRow;
inline constexpr std::int64_t kSumsRowBytes = kSumsInRow * 4;
// A chunk of the depth: so many steps at most. Its 32 KiB of panel share the level-1 cache with the sums.
inline constexpr std::int64_t kMaxChunkSteps = 16;
// Blocks whose sums are kept between chunks: 64 KiB, and 512 rows a pass over the weights.
inline constexpr std::int64_t kMaxChunkBlocks = 16;

/// The four accumulators (tiles 0 to 3) to [32 rows][32 columns].
inline void store_sums(std::int32_t* sums) {
  tile_store<0>(sums, kSumsRowBytes);
  tile_store<1, 64>(sums, kSumsRowBytes);
  tile_store<2, 16 * kSumsRowBytes>(sums, kSumsRowBytes);
  tile_store<3, 16 * kSumsRowBytes + 64>(sums, kSumsRowBytes);
}

/// Stores accumulator kTile of the block before, and starts that of this one: from zero, or from where it was left.
template <int kTile, int kOffset, bool kContinue>
void start_sums(std::int32_t* last_sums, const std::int32_t* sums) {
  tile_store<kTile, kOffset>(last_sums, kSumsRowBytes);
  if constexpr (kContinue) {
    tile_load<kTile, kOffset>(sums, kSumsRowBytes);
  } else {
    tile_zero<kTile>();
  }
}

/// A step of a block: tiles a0 and a1 of its two strips of rows (one strip: a0) by the panel's two.
template <class Tiles, int kStrips>
[[gnu::always_inline]] inline void multiply_step(const std::byte* a0, const std::byte* a1, const std::byte* b) {
  tile_load_streaming<4>(a0);
  tile_load<6>(b);
  Tiles::template dot<0, 4, 6>();
  tile_load<7, kTileBytes>(b);
  Tiles::template dot<1, 4, 7>();
  if constexpr (kStrips == 2) {
    tile_load_streaming<5>(a1);
    Tiles::template dot<2, 5, 6>();
    Tiles::template dot<3, 5, 7>();
  }
}

/// The first step of a block, which takes the accumulators over from the one before.
template <class Tiles, int kStrips, bool kContinue>
[[gnu::always_inline]] inline void multiply_first_step(const std::byte* a0, const std::byte* a1, const std::byte* b,
                                                       std::int32_t* last_sums, const std::int32_t* sums) {
  tile_load_streaming<4>(a0);
  tile_load<6>(b);
  tile_load<7, kTileBytes>(b);
  if constexpr (kStrips == 2) tile_load_streaming<5>(a1);
  start_sums<0, 0, kContinue>(last_sums, sums);
  Tiles::template dot<0, 4, 6>();
  start_sums<1, 64, kContinue>(last_sums, sums);
  Tiles::template dot<1, 4, 7>();
  start_sums<2, 16 * kSumsRowBytes, kContinue && kStrips == 2>(last_sums, sums);
  if constexpr (kStrips == 2) Tiles::template dot<2, 5, 6>();
  start_sums<3, 16 * kSumsRowBytes + 64, kContinue && kStrips == 2>(last_sums, sums);
  if constexpr (kStrips == 2) Tiles::template dot<3, 5, 7>();
}

/// A block whose sums are, or will be, in memory.
struct AmxBlock {
  const std::int32_t* sums = nullptr;
  std::int64_t row = 0;
  std::int64_t rows = 0;  ///< none: nothing to finish
  std::int64_t panel = 0;
};

/// Blocks on their way through the epilogue: `stored` had its accumulators in the tiles when the current block began;
/// `finishing` is the one before it.
template <class Epilogue>
class AmxPipeline {
 public:
  /// buffers: three blocks of sums. They are not members, for then the rest would have to be in memory as well: every
  /// tile instruction may change what its operand points into.
  AmxPipeline(const ProductCall& call, std::int32_t* buffers)
      : buffers_(buffers), last_sums_(buffers + 2 * kSumsInBlock), epilogue_(call) {}

  /// Where the first step of the block that begins stores the last one's accumulators.
  [[nodiscard]] std::int32_t* last_sums() const { return last_sums_; }

  void begin_block() {
    finishing_ = stored_;
    stored_ = last_;
    row_ = 0;
    if (finishing_.rows > 0 && finishing_.panel != panel_) {
      panel_ = finishing_.panel;
      epilogue_.begin_panel(panel_);
    }
  }
  /// The block that began ends with the epilogue to come; its sums go to a buffer of the pipeline's.
  void end_block(std::int64_t row, std::int64_t rows, std::int64_t panel) {
    last_sums_ = buffers_ + next_ * kSumsInBlock;
    next_ ^= 1;
    last_ = {last_sums_, row, rows, panel};
  }
  /// It goes on later: its sums are kept there.
  void interrupt_block(std::int32_t* sums) {
    last_sums_ = sums;
    last_.rows = 0;
  }

  void finish_rows(std::int64_t count) {
    const std::int64_t end = row_ + count < finishing_.rows ? row_ + count : finishing_.rows;
    for (; row_ < end; ++row_) epilogue_.finish_row(finishing_.sums + row_ * kSumsInRow, finishing_.row + row_);
  }

  void drain() {
    store_sums(last_sums_);
    for (int i = 0; i < 2; ++i) {
      begin_block();
      finish_rows(kBlockRows);
      last_.rows = 0;
    }
  }

 private:
  std::int32_t* buffers_;
  std::int32_t* last_sums_;  // before the first block: the last buffer, for what the tiles hold is of no interest
  std::int64_t next_ = 0;
  AmxBlock last_;
  AmxBlock stored_;
  AmxBlock finishing_;
  std::int64_t row_ = 0;
  std::int64_t panel_ = -1;
  Epilogue epilogue_;
};

/// Asks for memory ahead of use, a few lines at a time.
class Prefetcher {
 public:
  /// All of `ahead` in `calls` calls of advance().
  void aim(const ReadAhead& ahead, std::int64_t calls) {
    row_ = ahead.from;
    at_ = row_;
    row_end_ = row_ + ahead.row_bytes;
    stride_ = ahead.stride_bytes;
    rows_left_ = ahead.rows - 1;
    lines_ = (ahead.rows * ((ahead.row_bytes + 63) / 64) + calls - 1) / calls;
  }
  void advance() {
    for (std::int64_t line = 0; line < lines_; ++line) {
      if (at_ >= row_end_) {
        if (rows_left_ <= 0) return;
        next_row();
      }
      __builtin_prefetch(at_, 0, 2);
      at_ += 64;
    }
  }

 private:
  void next_row() {
    --rows_left_;
    row_ += stride_;
    row_end_ += stride_;
    at_ = row_;
  }

  const std::byte* row_ = nullptr;
  const std::byte* row_end_ = nullptr;
  const std::byte* at_ = nullptr;
  std::int64_t stride_ = 0;
  std::int64_t rows_left_ = 0;
  std::int64_t lines_ = 0;
};

/// What one block multiplies in one chunk of the depth; enough steps times rows_a_step to finish a block.
struct AmxChunk {
  const std::byte* a0;
  const std::byte* a1;
  const std::byte* b;
  std::int64_t steps;
  std::int32_t* sums;  ///< kept from the chunk before
};

template <class Tiles, int kStrips, bool kContinue, class Pipeline>
[[gnu::always_inline]] inline void multiply_chunk(AmxChunk chunk, std::int64_t rows_a_step, Pipeline& pipeline,
                                                  Prefetcher& prefetcher) {
  multiply_first_step<Tiles, kStrips, kContinue>(chunk.a0, chunk.a1, chunk.b, pipeline.last_sums(), chunk.sums);
  for (std::int64_t step = 1;; ++step) {
    prefetcher.advance();
    pipeline.finish_rows(rows_a_step);
    if (step >= chunk.steps) break;
    chunk.a0 += kTileBytes;
    chunk.a1 += kTileBytes;
    chunk.b += kPanelStepBytes;
    multiply_step<Tiles, kStrips>(chunk.a0, chunk.a1, chunk.b);
  }
}

/// Rows [first_row, first_row + rows), at most kMaxChunkBlocks blocks of them, by all panels of the call.
template <class P, class Pipeline>
[[gnu::always_inline]] inline void multiply_blocks(const ProductCall& call, std::int64_t first_row, std::int64_t rows,
                                                   Pipeline& pipeline, Prefetcher& prefetcher,
                                                   std::int32_t* kept_sums) {
  using Tiles = typename P::Tiles;
  const std::int64_t steps = depth_steps<P>(call.weights.in_features);
  const std::int64_t panel_bytes = steps * kPanelStepBytes;
  const std::int64_t strip_bytes = steps * kTileBytes;
  const std::int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  // A lone block uses each panel once: nothing to keep in the cache.
  const std::int64_t chunks = blocks > 1 ? (steps + kMaxChunkSteps - 1) / kMaxChunkSteps : 1;
  const std::byte* x = operand_row(call.x.values, steps, first_row);
  for (std::int64_t panel = call.first_panel; panel < call.first_panel + call.panels; ++panel) {
    const std::byte* weights = call.weights.panels + panel * panel_bytes;
    if (call.ahead.rows == 0) prefetcher.aim({weights + panel_bytes, panel_bytes, panel_bytes, 1}, blocks * steps);
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const std::int64_t step = share_begin(steps, chunks, chunk);
      const std::int64_t chunk_steps = share_begin(steps, chunks, chunk + 1) - step;
      const std::int64_t rows_a_step = (kBlockRows + chunk_steps - 1) / chunk_steps;
      for (std::int64_t block = 0; block < blocks; ++block) {
        const std::int64_t left = rows - block * kBlockRows;
        const std::byte* a = x + block * 2 * strip_bytes + step * kTileBytes;
        const AmxChunk part{a, a + strip_bytes, weights + step * kPanelStepBytes, chunk_steps,
                            kept_sums + block * kSumsInBlock};
        pipeline.begin_block();
        if (left > kTileRows) {
          chunk == 0 ? multiply_chunk<Tiles, 2, false>(part, rows_a_step, pipeline, prefetcher)
                     : multiply_chunk<Tiles, 2, true>(part, rows_a_step, pipeline, prefetcher);
        } else {
          chunk == 0 ? multiply_chunk<Tiles, 1, false>(part, rows_a_step, pipeline, prefetcher)
                     : multiply_chunk<Tiles, 1, true>(part, rows_a_step, pipeline, prefetcher);
        }
        if (chunk + 1 < chunks) {
          pipeline.interrupt_block(part.sums);
        } else {
          pipeline.end_block(first_row + block * kBlockRows, left < kBlockRows ? left : kBlockRows, panel);
        }
      }
    }
  }
}

template <class P, class Epilogue>
[[gnu::noinline]] void multiply_many_rows(const ProductCall& call) {
  alignas(64) std::int32_t kept_sums[kMaxChunkBlocks * kSumsInBlock];
  alignas(64) std::int32_t buffers[3 * kSumsInBlock];
  AmxPipeline<Epilogue> pipeline(call, buffers);
  const std::int64_t blocks = (call.rows + kBlockRows - 1) / kBlockRows;
  const std::int64_t passes = (blocks + kMaxChunkBlocks - 1) / kMaxChunkBlocks;
  Prefetcher prefetcher;
  if (call.ahead.rows > 0) prefetcher.aim(call.ahead, call.panels * blocks * depth_steps<P>(call.weights.in_features));
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    const std::int64_t begin = share_begin(blocks, passes, pass) * kBlockRows;
    const std::int64_t end = share_begin(blocks, passes, pass + 1) * kBlockRows;
    multiply_blocks<P>(call, call.first_row + begin, (end < call.rows ? end : call.rows) - begin, pipeline, prefetcher,
                       kept_sums);
  }
  pipeline.drain();
}

/// Two panels by one strip of rows: what is left to wait for is the weights, so they come as one stream.
template <class Tiles>
[[gnu::always_inline]] inline void multiply_strip_step(const std::byte* a, const std::byte* b0, const std::byte* b1) {
  tile_load<4>(a);
  tile_load<5>(b0);
  Tiles::template dot<0, 4, 5>();
  tile_load<6, kTileBytes>(b0);
  Tiles::template dot<1, 4, 6>();
  tile_load<7>(b1);
  Tiles::template dot<2, 4, 7>();
  tile_load<5, kTileBytes>(b1);
  Tiles::template dot<3, 4, 5>();
}

/// The epilogue of two panels of few rows, a row at a time.
template <class Epilogue>
class FewRowsEpilogue {
 public:
  explicit FewRowsEpilogue(const ProductCall& call) : epilogue_(call), first_row_(call.first_row), rows_(call.rows) {}

  /// sums: of the first panel in rows 0 to 15, of the second in the rest. It waits until the one before is finished.
  void begin(const std::int32_t* sums, std::int64_t panel, std::int64_t panels) {
    sums_ = sums;
    panel_ = panel;
    left_ = panels * rows_;
    row_ = 0;
  }
  void finish_rows(std::int64_t count) {
    for (; count > 0 && left_ > 0; --count, --left_) {
      if (row_ == rows_) {
        sums_ += kTileRows * kSumsInRow;
        ++panel_;
        row_ = 0;
      }
      if (row_ == 0) epilogue_.begin_panel(panel_);
      epilogue_.finish_row(sums_ + row_ * kSumsInRow, first_row_ + row_);
      ++row_;
    }
  }

 private:
  Epilogue epilogue_;
  std::int64_t first_row_;
  std::int64_t rows_;
  const std::int32_t* sums_ = nullptr;
  std::int64_t panel_ = 0;
  std::int64_t left_ = 0;
  std::int64_t row_ = 0;
};

/// Products of at most 16 rows.
template <class P, class Epilogue>
[[gnu::noinline]] void multiply_few_rows(const ProductCall& call) {
  constexpr std::int64_t kPrefetchLines = 64;  // what a step reads: two panels
  const std::int64_t steps = depth_steps<P>(call.weights.in_features);
  const std::int64_t panel_bytes = steps * kPanelStepBytes;
  const std::int64_t rows_a_step = (2 * call.rows + steps - 1) / steps;
  const std::int64_t end = call.first_panel + call.panels;
  alignas(64) std::int32_t buffers[2 * kSumsInBlock];
  std::int64_t current = 0;
  FewRowsEpilogue<Epilogue> epilogue(call);
  for (std::int64_t panel = call.first_panel; panel < end; panel += 2) {
    const std::byte* a = operand_row(call.x.values, steps, call.first_row);
    const std::byte* b0 = call.weights.panels + panel * panel_bytes;
    const std::byte* b1 = panel + 1 < end ? b0 + panel_bytes : b0;
    const std::byte* ahead = b0 + 2 * panel_bytes;
    tile_zero<0>();
    tile_zero<1>();
    tile_zero<2>();
    tile_zero<3>();
    for (std::int64_t step = 0; step < steps; ++step) {
      multiply_strip_step<typename P::Tiles>(a, b0, b1);
      for (std::int64_t line = 0; line < kPrefetchLines; ++line) __builtin_prefetch(ahead + line * 64, 0, 2);
      epilogue.finish_rows(rows_a_step);
      a += kTileBytes;
      b0 += kPanelStepBytes;
      b1 += kPanelStepBytes;
      ahead += 2 * kPanelStepBytes;
    }
    std::int32_t* sums = buffers + current * kSumsInBlock;
    store_sums(sums);
    epilogue.begin(sums, panel, end - panel < 2 ? end - panel : 2);
    current ^= 1;
  }
  epilogue.finish_rows(2 * call.rows);
}

template <class P, class Epilogue>
void amx_multiply(const ProductCall& call) {
  if (call.rows <= 0 || call.panels <= 0) return;
  call.rows <= kTileRows ? multiply_few_rows<P, Epilogue>(call) : multiply_many_rows<P, Epilogue>(call);
}

template <class P>
void amx_product(const ProductCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    if (call.out.layout == StagingLayout::kOwn) {
      amx_multiply<P, AmxEpilogue<P, typename P::OwnElement, kActivation>>(call);
    } else {
      amx_multiply<P, AmxEpilogue<P, typename P::RowElement, kActivation>>(call);
    }
  });
}

}  // namespace
}  // namespace valence::kernels
