#include "valence/train/bf16_multiplier.h"

#include <algorithm>

#include "valence/base/check.h"
#include "valence/train/row_views.h"

namespace valence::train {
namespace {

using kernels::kBf16PanelColumns;
using kernels::kBf16PanelStepBytes;
using kernels::kBf16StepDepth;
using kernels::kBf16StripRows;
using kernels::kBf16StripStepBytes;

// Of the left side, what passes by a panel at a time: on Granite Rapids tiles kept their pace while it was below 0.8 MB
// of a 2 MiB level-2 cache.
constexpr std::int64_t kLeftBytes = 768 << 10;
// Rows are divided for more threads than there are panels down to this: a panel is then read for little.
constexpr std::int64_t kLeastRows = 64;
constexpr std::int64_t kRowStep = 2 * kBf16StripRows;  // blocks of rows begin at an even strip
// Panels a call: a product ends with the sums of two blocks still on their way, so one panel alone is short.
constexpr std::int64_t kPanelsTogether = 2;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }
std::int64_t panels_of(const Bf16Multiplier::Product& product) { return blocks_of(product.columns, kBf16PanelColumns); }

}  // namespace

/// How the work of one multiply() is cut.
struct Bf16Multiplier::Plan {
  std::span<const Segment> left;
  std::int64_t rows = 0;
  std::int64_t steps = 0;         ///< tiles along the depth, of all segments
  std::int64_t rows_a_block = 0;  ///< a multiple of kRowStep
  std::int64_t row_blocks = 0;

  Plan(std::span<const Segment> left_side, std::int64_t left_rows, std::span<const Product> products,
       std::size_t threads)
      : left(left_side), rows(left_rows) {
    for (const Segment& segment : left) steps += blocks_of(segment.depth, kBf16StepDepth);
    std::int64_t calls = 0;
    for (const Product& product : products) calls += blocks_of(panels_of(product), kPanelsTogether);
    const std::int64_t most = std::max(kLeastRows, kLeftBytes / (steps * kBf16StepDepth * 2));
    const std::int64_t wanted = blocks_of(2 * static_cast<std::int64_t>(threads), std::max<std::int64_t>(1, calls));
    const std::int64_t divided = threads == 1 ? rows : std::max(kLeastRows, blocks_of(rows, wanted));
    rows_a_block = blocks_of(std::min(most, divided), kRowStep) * kRowStep;
    row_blocks = blocks_of(rows, rows_a_block);
  }
  [[nodiscard]] std::int64_t strip_bytes() const { return steps * kBf16StripStepBytes; }
  [[nodiscard]] std::int64_t panel_bytes() const { return steps * kBf16PanelStepBytes; }
};

void Bf16Multiplier::pack_strip(const Plan& plan, std::int64_t strip) {
  const std::int64_t first = strip * kBf16StripRows;
  std::byte* to = strips_.data() + strip * plan.strip_bytes();
  for (const Segment& segment : plan.left) {
    const bool along = segment.order == kernels::DepthOrder::kAlongLines;
    kernels_.pack_strip({.from = segment.from + (along ? first * segment.stride : first),
                         .stride = segment.stride,
                         .order = segment.order,
                         .lines = std::min(kBf16StripRows, plan.rows - first),
                         .depth = segment.depth,
                         .to = to});
    to += blocks_of(segment.depth, kBf16StepDepth) * kBf16StripStepBytes;
  }
}

void Bf16Multiplier::pack_panel(const Product& product, std::int64_t panel, std::byte* to) const {
  const std::int64_t first = panel * kBf16PanelColumns;
  for (const Segment& segment : product.right) {
    const bool along = segment.order == kernels::DepthOrder::kAlongLines;
    kernels_.pack_panel({.from = segment.from + (along ? first * segment.stride : first),
                         .stride = segment.stride,
                         .order = segment.order,
                         .lines = std::min(kBf16PanelColumns, product.columns - first),
                         .depth = segment.depth,
                         .to = to});
    to += blocks_of(segment.depth, kBf16StepDepth) * kBf16PanelStepBytes;
  }
}

/// What packing two panels of a product reads, of its first segment.
kernels::ReadAhead Bf16Multiplier::reads_of(const Product& product, std::int64_t panel) {
  const Segment& segment = product.right.front();
  const std::int64_t first = panel * kBf16PanelColumns;
  const std::int64_t lines = std::min(kPanelsTogether * kBf16PanelColumns, product.columns - first);
  const bool along = segment.order == kernels::DepthOrder::kAlongLines;
  constexpr std::int64_t kBytes = sizeof(float);
  return {reinterpret_cast<const std::byte*>(segment.from + (along ? first * segment.stride : first)),
          segment.stride * kBytes, (along ? segment.depth : lines) * kBytes, along ? lines : segment.depth};
}

void Bf16Multiplier::multiply(std::span<const Segment> left, std::int64_t rows, std::span<const Product> products,
                              const LineTask& before_lines) {
  const Plan plan(left, rows, products, team_.size());
  const std::int64_t strips = blocks_of(rows, kBf16StripRows);
  grow(strips_, static_cast<std::size_t>((strips + 1) * plan.strip_bytes()));
  // A panel that several blocks of rows want is packed beforehand, for all.
  const bool shares = plan.row_blocks > 1;
  std::int64_t all_panels = 0;
  for (const Product& product : products) {
    VALENCE_ASSERT(product.right.size() == left.size(), "a segment of the right side for each of the left");
    all_panels += panels_of(product);
  }
  if (shares) grow(shared_panels_, static_cast<std::size_t>(all_panels * plan.panel_bytes()));
  team_.parallel_for(static_cast<std::size_t>(strips + (shares ? all_panels : 0)), [&](std::size_t item, std::size_t) {
    auto index = static_cast<std::int64_t>(item);
    if (index < strips) {
      const std::int64_t first = index * kBf16StripRows;
      if (before_lines) before_lines(first, std::min(kBf16StripRows, rows - first));
      return pack_strip(plan, index);
    }
    index -= strips;
    std::byte* const to = shared_panels_.data() + index * plan.panel_bytes();
    const Product* product = products.data();
    for (; index >= panels_of(*product); ++product) index -= panels_of(*product);
    pack_panel(*product, index, to);
  });

  struct Part {
    const Product* product;
    std::int64_t first_panel;  ///< of the product
    std::int64_t shared;       ///< its place among all
  };
  std::vector<Part> parts;
  std::int64_t before = 0;
  for (const Product& product : products) {
    for (std::int64_t panel = 0; panel < panels_of(product); panel += kPanelsTogether) {
      parts.push_back({&product, panel, before + panel});
    }
    before += panels_of(product);
  }
  // Blocks of rows outside: the threads work on one of them, which stays in their caches, while panels pass by.
  team_.parallel_for(
      parts.size() * static_cast<std::size_t>(plan.row_blocks), [&](std::size_t item, std::size_t member) {
        const auto& [product, first_panel, shared] = parts[item % parts.size()];
        const std::int64_t first_row = static_cast<std::int64_t>(item / parts.size()) * plan.rows_a_block;
        const std::byte* panels = shared_panels_.data() + shared * plan.panel_bytes();
        if (!shares) {
          auto& own = panels_[member];
          own.ensure(static_cast<std::size_t>(kPanelsTogether * plan.panel_bytes()));
          const std::int64_t end = std::min(first_panel + kPanelsTogether, panels_of(*product));
          for (std::int64_t panel = first_panel; panel < end; ++panel) {
            pack_panel(*product, panel, own.data() + (panel - first_panel) * plan.panel_bytes());
          }
          panels = own.data();
        }
        kernels::ReadAhead ahead;
        const std::size_t next = item + team_.size();
        if (!shares && next < parts.size()) ahead = reads_of(*parts[next].product, parts[next].first_panel);
        const std::int64_t column = first_panel * kBf16PanelColumns;
        kernels_.product({.left = strips_.data() + first_row / kBf16StripRows * plan.strip_bytes(),
                          .right = panels,
                          .steps = plan.steps,
                          .columns = std::min(kPanelsTogether * kBf16PanelColumns, product->columns - column),
                          .out = {product->out.data + first_row * product->out.stride + column,
                                  std::min(plan.rows_a_block, rows - first_row), product->out.stride},
                          .bias = product->bias == nullptr ? nullptr : product->bias + column,
                          .accumulate = product->accumulate,
                          .ahead = ahead});
      });
}

}  // namespace valence::train
