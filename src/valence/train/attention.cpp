#include "valence/train/attention.h"

#include <algorithm>
#include <array>

#include "valence/train/bf16_attention.h"

namespace valence::train {
namespace {

using kernels::MultiplyCall;

// Queries whose scores are in memory at a time: 64 x 512 floats are 128 KiB.
constexpr std::int64_t kQueryBlock = 64;

std::int64_t rounded_up(std::int64_t size) {
  return (size + kernels::kMaxVectorWidth - 1) / kernels::kMaxVectorWidth * kernels::kMaxVectorWidth;
}

/// to[row][0, padded) = from[row][0, width), then zeros.
void copy_padded(RowsView<const float> from, std::int64_t width, std::int64_t padded, float* to) {
  for (std::int64_t row = 0; row < from.rows; ++row, to += padded) {
    std::copy_n(from.data + row * from.stride, width, to);
    std::fill(to + width, to + padded, 0.0F);
  }
}

void copy_back(const float* from, std::int64_t padded, std::int64_t width, RowsView<float> to) {
  for (std::int64_t row = 0; row < to.rows; ++row, from += padded) std::copy_n(from, width, to.data + row * to.stride);
}

}  // namespace

/// One key-value head of one sequence, with the query heads that share it.
struct Attention::Work {
  const AttentionCall& call;
  const kernels::TrainingKernels& kernels;
  Bf16Attention* bf16 = nullptr;  ///< null: products in f32
  std::int64_t sequence;
  std::int64_t kv_head;
  std::int64_t first_token;
  std::int64_t keys;
  std::int64_t dim;                  ///< of a head, padded
  std::int64_t stride;               ///< of a row of scores
  RowsView<float> d_keys, d_values;  ///< where their sums over queries are
  float *k, *v, *k_turned, *v_turned, *q, *p, *dropped, *dp, *d_out, *dq, *dk, *dv, *rows;
  // Of relative terms: the rows of the tables that this sequence's distances have, from first_distance_row on.
  std::int64_t first_distance_row = 0;
  std::int64_t distance_rows = 0;    ///< how many
  std::int64_t distance_stride = 0;  ///< that, padded
  float *position_keys = nullptr, *position_keys_turned = nullptr, *position_queries = nullptr,
        *position_queries_turned = nullptr, *by_query = nullptr, *by_key = nullptr, *d_by_query = nullptr,
        *d_by_key = nullptr, *d_table_part = nullptr;

  [[nodiscard]] std::size_t floats() const {
    const std::int64_t tables = 5 * distance_stride * dim + 2 * (kQueryBlock + stride) * distance_stride;
    return static_cast<std::size_t>(6 * stride * dim + 4 * kQueryBlock * dim + 3 * kQueryBlock * stride + tables);
  }

  Work(const AttentionCall& of, const kernels::TrainingKernels& table, std::int64_t in_sequence, std::int64_t head)
      : call(of),
        kernels(table),
        sequence(in_sequence),
        kv_head(head),
        first_token(of.cu_seqlens[static_cast<std::size_t>(in_sequence)]),
        keys(of.cu_seqlens[static_cast<std::size_t>(in_sequence) + 1] - first_token),
        dim(rounded_up(of.form.head_dim)),
        stride(rounded_up(keys)) {
    if (call.relative == nullptr || call.relative->bias != nullptr) return;
    first_distance_row = call.relative->rows[static_cast<std::size_t>(call.relative->longest - keys)];
    distance_rows = row_of(keys - 1) + 1;
    distance_stride = rounded_up(distance_rows);
  }

  /// Of a distance, from first_distance_row.
  [[nodiscard]] std::int64_t row_of(std::int64_t distance) const {
    return call.relative->rows[static_cast<std::size_t>(call.relative->longest - 1 + distance)] - first_distance_row;
  }
  [[nodiscard]] bool has_content_to_position() const {
    return call.relative != nullptr && call.relative->position_keys.data != nullptr;
  }
  [[nodiscard]] bool has_position_to_content() const {
    return call.relative != nullptr && call.relative->position_queries.data != nullptr;
  }

  void take(float* scratch) {
    const std::int64_t rows_of_keys = stride * dim;
    const std::int64_t block = kQueryBlock * dim;
    for (float** part : {&k, &v, &k_turned, &v_turned, &dk, &dv}) {
      *part = scratch;
      scratch += rows_of_keys;
    }
    for (float** part : {&q, &d_out, &dq, &rows}) {
      *part = scratch;
      scratch += block;
    }
    for (float** part : {&p, &dropped, &dp}) {
      *part = scratch;
      scratch += kQueryBlock * stride;
    }
    for (float** part :
         {&position_keys, &position_keys_turned, &position_queries, &position_queries_turned, &d_table_part}) {
      *part = scratch;
      scratch += distance_stride * dim;
    }
    for (float** part : {&by_query, &d_by_query}) {
      *part = scratch;
      scratch += kQueryBlock * distance_stride;
    }
    for (float** part : {&by_key, &d_by_key}) {
      *part = scratch;
      scratch += stride * distance_stride;
    }
  }

  /// Whether products read and write rows of the call where they lie; else they are copied, to be padded.
  [[nodiscard]] bool in_place() const {
    return bf16 != nullptr && dim == call.form.head_dim && call.relative == nullptr;
  }
  /// Rows of x's head, padded to `dim`: as they lie, or copied to `copy`.
  RowsView<const float> padded(RowsView<const float> x, std::int64_t row, std::int64_t count, std::int64_t head,
                               float* copy) const {
    const RowsView<const float> own = part(x, row, count, head);
    if (in_place()) return own;
    copy_padded(own, call.form.head_dim, dim, copy);
    return {copy, count, dim};
  }

  [[nodiscard]] std::int64_t queries() const { return call.queries == Queries::kAll ? keys : 1; }
  [[nodiscard]] std::int64_t first_row() const { return call.queries == Queries::kAll ? first_token : sequence; }
  /// The place in its sequence of the query in row `row` of this sequence's queries.
  [[nodiscard]] std::int64_t position(std::int64_t row) const {
    if (call.queries == Queries::kAll) return row;
    return call.queries == Queries::kLastOfEach ? keys - 1 : 0;
  }
  [[nodiscard]] std::int64_t head_group() const { return call.form.num_heads / call.form.num_kv_heads; }

  template <class T>
  RowsView<T> part(RowsView<T> of, std::int64_t row, std::int64_t rows_in_part, std::int64_t head) const {
    return {of.data + row * of.stride + head * call.form.head_dim, rows_in_part, of.stride};
  }

  void prepare(const Gradients* gradients) {
    const std::int64_t width = call.form.head_dim;
    const bool backward = gradients != nullptr;
    if (backward) {
      d_keys = in_place() ? part(gradients->k, first_token, keys, kv_head) : RowsView<float>{dk, keys, dim};
      d_values = in_place() ? part(gradients->v, first_token, keys, kv_head) : RowsView<float>{dv, keys, dim};
      for (const RowsView<float>& sums : {d_keys, d_values}) {
        for (std::int64_t key = 0; key < keys; ++key) std::fill_n(sums.data + key * sums.stride, dim, 0.0F);
      }
    }
    if (bf16 != nullptr) {
      bf16->take(part(call.k, first_token, keys, kv_head), part(call.v, first_token, keys, kv_head), backward);
      // What distances say of a key is in f32.
      if (has_position_to_content()) copy_padded(part(call.k, first_token, keys, kv_head), width, dim, k);
      return;
    }
    copy_padded(part(call.k, first_token, keys, kv_head), width, dim, k);
    copy_padded(part(call.v, first_token, keys, kv_head), width, dim, v);
    kernels.transpose(
        {.from = k, .from_stride = dim, .rows = keys, .columns = dim, .to = k_turned, .to_stride = stride});
    if (!backward) return;
    kernels.transpose(
        {.from = v, .from_stride = dim, .rows = keys, .columns = dim, .to = v_turned, .to_stride = stride});
  }

  /// to = a b^T for rows of `dim`, b given turned.
  void multiply_rows(const float* a, std::int64_t count, const float* turned, std::int64_t columns, float* to) const {
    kernels.multiply({.a = a,
                      .a_stride = dim,
                      .b = turned,
                      .b_stride = columns,
                      .c = to,
                      .c_stride = columns,
                      .rows = count,
                      .columns = columns,
                      .depth = call.form.head_dim});
  }

  /// The head's part of the tables, and every key against every row of position_queries.
  void prepare_relative(std::int64_t head, bool backward) {
    if (call.relative == nullptr) return;
    const auto take_table = [&](RowsView<const float> table, float* plain, float* turned) {
      copy_padded(part(table, first_distance_row, distance_rows, head), call.form.head_dim, dim, plain);
      kernels.transpose({.from = plain,
                         .from_stride = dim,
                         .rows = distance_rows,
                         .columns = dim,
                         .to = turned,
                         .to_stride = distance_stride});
    };
    if (has_content_to_position()) take_table(call.relative->position_keys, position_keys, position_keys_turned);
    if (!has_position_to_content()) return;
    take_table(call.relative->position_queries, position_queries, position_queries_turned);
    multiply_rows(k, keys, position_queries_turned, distance_stride, by_key);
    if (backward) std::fill_n(d_by_key, keys * distance_stride, 0.0F);
  }

  /// Adds to the scores of a block (already scaled) what distances say.
  void add_relative(std::int64_t head, std::int64_t row, std::int64_t count, std::int64_t begin, std::int64_t columns) {
    if (call.relative == nullptr) return;
    if (has_content_to_position()) multiply_rows(rows, count, position_keys_turned, distance_stride, by_query);
    const std::int64_t end = std::min(keys, begin + columns);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = position(row + i);
      for (std::int64_t key = begin; key < end; ++key) {
        const std::int64_t distance_row = row_of(at - key);
        float& score = p[i * stride + key - begin];
        if (call.relative->bias != nullptr) {
          score += call.relative->bias[(first_distance_row + distance_row) * call.form.num_heads + head];
        }
        if (has_content_to_position()) score += by_query[i * distance_stride + distance_row];
        if (has_position_to_content()) score += call.form.scale * by_key[key * distance_stride + distance_row];
      }
    }
  }

  /// From dp, the gradient of the unscaled scores of a block, to those of the tables; adds to dq what queries get.
  void relative_backward(std::int64_t head, std::int64_t row, std::int64_t count, std::int64_t begin,
                         std::int64_t seen) {
    if (call.relative == nullptr) return;
    if (has_content_to_position()) std::fill_n(d_by_query, count * distance_stride, 0.0F);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = position(row + i);
      for (std::int64_t j = 0; j < seen; ++j) {
        const std::int64_t distance_row = row_of(at - begin - j);
        const float gradient = dp[i * stride + j];
        if (call.relative->d_bias != nullptr) {
          call.relative->d_bias[(first_distance_row + distance_row) * call.form.num_heads + head] +=
              gradient / call.form.scale;
        }
        if (has_content_to_position()) d_by_query[i * distance_stride + distance_row] += gradient;
        if (has_position_to_content()) d_by_key[(begin + j) * distance_stride + distance_row] += gradient;
      }
    }
    if (!has_content_to_position()) return;
    kernels.multiply({.a = d_by_query,
                      .a_stride = distance_stride,
                      .b = position_keys,
                      .b_stride = dim,
                      .c = dq,
                      .c_stride = dim,
                      .rows = count,
                      .columns = dim,
                      .depth = distance_rows,
                      .accumulate = true});
    add_to_table(d_by_query, count, q, call.relative->d_position_keys, head);
  }

  /// d_table's columns of the head += of^T with.
  void add_to_table(const float* of, std::int64_t depth, const float* with, RowsView<float> d_table,
                    std::int64_t head) const {
    kernels.multiply({.left = MultiplyCall::Left::kColumns,
                      .a = of,
                      .a_stride = distance_stride,
                      .b = with,
                      .b_stride = dim,
                      .c = d_table_part,
                      .c_stride = dim,
                      .rows = distance_rows,
                      .columns = dim,
                      .depth = depth});
    const RowsView<float> own = part(d_table, first_distance_row, distance_rows, head);
    for (std::int64_t r = 0; r < distance_rows; ++r) {
      for (std::int64_t c = 0; c < call.form.head_dim; ++c) own.data[r * own.stride + c] += d_table_part[r * dim + c];
    }
  }

  /// What keys get of position_queries, once all queries are done.
  void finish_relative(std::int64_t head) {
    if (!has_position_to_content()) return;
    kernels.multiply({.a = d_by_key,
                      .a_stride = distance_stride,
                      .b = position_queries,
                      .b_stride = dim,
                      .c = dk,
                      .c_stride = dim,
                      .rows = keys,
                      .columns = dim,
                      .depth = distance_rows,
                      .accumulate = true});
    add_to_table(d_by_key, keys, k, call.relative->d_position_queries, head);
  }

  /// Keys that some query of a block sees: in whole vectors, within the padded row.
  struct KeyRange {
    std::int64_t begin, columns;
    std::array<std::int32_t, kQueryBlock> first, last;  ///< of each query, from begin
  };
  [[nodiscard]] KeyRange seen_by(std::int64_t row, std::int64_t count) const {
    KeyRange range{keys, 0, {}, {}};
    std::int64_t end = 0;
    std::array<std::int64_t, kQueryBlock> first{};
    std::array<std::int64_t, kQueryBlock> last{};
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = position(row + i);
      const auto slot = static_cast<std::size_t>(i);
      const std::int64_t window = call.form.window;
      first[slot] = window >= 0 ? std::max<std::int64_t>(0, at - window) : 0;
      last[slot] = window >= 0 ? std::min(keys, at + window + 1) : keys;
      if (call.form.causal) last[slot] = std::min(last[slot], at + 1);
      range.begin = std::min(range.begin, first[slot]);
      end = std::max(end, last[slot]);
    }
    const std::int64_t step = bf16 != nullptr ? Bf16Attention::kKeyStep : kernels::kMaxVectorWidth;
    range.begin = range.begin / step * step;
    range.columns = rounded_up(end) - range.begin;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      range.first[i] = static_cast<std::int32_t>(first[i] - range.begin);
      range.last[i] = static_cast<std::int32_t>(last[i] - range.begin);
    }
    return range;
  }

  /// to = a b^T for the keys of a range, b (keys or values) given turned.
  void multiply_across(const float* a, std::int64_t count, const float* turned, const KeyRange& range,
                       float* to) const {
    kernels.multiply({.a = a,
                      .a_stride = dim,
                      .b = turned + range.begin,
                      .b_stride = stride,
                      .c = to,
                      .c_stride = stride,
                      .rows = count,
                      .columns = range.columns,
                      .depth = call.form.head_dim});
  }
  /// to = a b over the keys of a range, b (keys or values) as they are.
  void multiply_along(const float* a, std::int64_t count, const float* b, const KeyRange& range, float* to) const {
    kernels.multiply({.a = a,
                      .a_stride = stride,
                      .b = b + range.begin * dim,
                      .b_stride = dim,
                      .c = to,
                      .c_stride = dim,
                      .rows = count,
                      .columns = dim,
                      .depth = std::min(range.columns, keys - range.begin)});
  }

  /// p = softmax(scale q k^T) of a block, and `dropped`: p as the values see it. Rows of both are `stride` apart.
  const float* probabilities(std::int64_t head, std::int64_t row, std::int64_t count, const KeyRange& range) {
    const RowsView<const float> queries = padded(call.q, first_row() + row, count, head, q);
    const float scale = call.form.scale;
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t c = 0; c < dim; ++c) rows[i * dim + c] = queries.data[i * queries.stride + c] * scale;
    }
    if (bf16 != nullptr) {
      bf16->by_keys({rows, count, dim}, {range.begin, range.columns}, {p, count, stride});
    } else {
      multiply_across(rows, count, k_turned, range, p);
    }
    add_relative(head, row, count, range.begin, range.columns);
    kernels.softmax(
        {.x = {p, count, stride}, .columns = range.columns, .begin = range.first.data(), .end = range.last.data()});
    if (!call.dropout.any()) return p;
    drop(head, row, count, range, p, dropped);
    return dropped;
  }

  /// The same numbers whenever it is called for a block.
  void drop(std::int64_t head, std::int64_t row, std::int64_t count, const KeyRange& range, const float* from,
            float* to) const {
    const std::uint64_t key =
        mixed(call.dropout_key + static_cast<std::uint64_t>(sequence * call.form.num_heads + head));
    for (std::int64_t i = 0; i < count; ++i) {
      kernels.dropout({.x = from + i * stride,
                       .out = to + i * stride,
                       .size = range.columns,
                       .key = key,
                       .first = static_cast<std::uint32_t>((row + i) * stride + range.begin),
                       .threshold = call.dropout.threshold(),
                       .scale = call.dropout.scale()});
    }
  }

  void forward(std::int64_t head, RowsView<float> out) {
    for (std::int64_t row = 0; row < queries(); row += kQueryBlock) {
      const std::int64_t count = std::min(kQueryBlock, queries() - row);
      const KeyRange range = seen_by(row, count);
      const float* weights = probabilities(head, row, count, range);
      const RowsView<float> to = part(out, first_row() + row, count, head);
      if (bf16 != nullptr) {
        bf16->of_values({weights, count, stride}, {range.begin, std::min(range.columns, keys - range.begin)}, to);
        continue;
      }
      multiply_along(weights, count, v, range, rows);
      copy_back(rows, dim, call.form.head_dim, to);
    }
  }

  void backward(std::int64_t head, RowsView<const float> gradient, const Gradients& gradients) {
    for (std::int64_t row = 0; row < queries(); row += kQueryBlock) {
      const std::int64_t count = std::min(kQueryBlock, queries() - row);
      const KeyRange range = seen_by(row, count);
      const std::int64_t seen = std::min(range.columns, keys - range.begin);
      const float* weights = probabilities(head, row, count, range);
      const RowsView<const float> d_context = padded(gradient, first_row() + row, count, head, d_out);
      const RowsView<const float> queries_read =
          in_place() ? part(call.q, first_row() + row, count, head) : RowsView<const float>{q, count, dim};
      const auto add_to_keys = [&](const float* of_queries, RowsView<const float> from, RowsView<float> to) {
        if (bf16 != nullptr) {
          bf16->add_transposed({of_queries, count, stride}, {range.begin, seen}, from, to);
          return;
        }
        kernels.multiply({.left = MultiplyCall::Left::kColumns,
                          .a = of_queries,
                          .a_stride = stride,
                          .b = from.data,
                          .b_stride = from.stride,
                          .c = to.data + range.begin * to.stride,
                          .c_stride = to.stride,
                          .rows = seen,
                          .columns = dim,
                          .depth = count,
                          .accumulate = true});
      };
      add_to_keys(weights, d_context, d_values);
      if (bf16 != nullptr) {
        bf16->by_values(d_context, {range.begin, range.columns}, {dp, count, stride});
      } else {
        multiply_across(d_out, count, v_turned, range, dp);
      }
      if (call.dropout.any()) drop(head, row, count, range, dp, dp);
      kernels.softmax_backward(
          {.p = {p, count, stride}, .dp = {dp, count, stride}, .columns = range.columns, .scale = call.form.scale});
      add_to_keys(dp, queries_read, d_keys);
      const RowsView<float> d_queries = part(gradients.q, first_row() + row, count, head);
      if (bf16 != nullptr) {
        bf16->of_keys({dp, count, stride}, {range.begin, seen},
                      in_place() ? d_queries : RowsView<float>{dq, count, dim});
      } else {
        multiply_along(dp, count, k, range, dq);
      }
      if (in_place()) continue;
      relative_backward(head, row, count, range.begin, seen);
      copy_back(dq, dim, call.form.head_dim, d_queries);
    }
  }
};

void Attention::run(const AttentionCall& call, std::int64_t sequence, std::int64_t kv_head, std::size_t member,
                    const Gradients* gradients, RowsView<const float> d_out, RowsView<float> out) {
  Work work(call, *kernels_.training, sequence, kv_head);
  auto& scratch = scratch_[member];
  scratch.ensure(work.floats());
  work.take(scratch.data());
  std::optional<Bf16Attention> bf16;
  if (bf16_ != nullptr) {
    auto& packed = bf16_scratch_[member];
    packed.ensure(Bf16Attention::scratch_bytes(work.keys, call.form.head_dim, kQueryBlock));
    work.bf16 = &bf16.emplace(*bf16_, work.keys, call.form.head_dim, kQueryBlock, packed.data());
  }
  work.prepare(gradients);
  for (std::int64_t i = 0; i < work.head_group(); ++i) {
    const std::int64_t head = work.kv_head * work.head_group() + i;
    work.prepare_relative(head, gradients != nullptr);
    if (gradients != nullptr) {
      work.backward(head, d_out, *gradients);
      work.finish_relative(head);
    } else {
      work.forward(head, out);
    }
  }
  if (gradients == nullptr || work.in_place()) return;
  const std::int64_t width = call.form.head_dim;
  copy_back(work.dk, work.dim, width, work.part(gradients->k, work.first_token, work.keys, work.kv_head));
  copy_back(work.dv, work.dim, width, work.part(gradients->v, work.first_token, work.keys, work.kv_head));
}

void Attention::for_each(const AttentionCall& call, const Gradients* gradients, RowsView<const float> d_out,
                         RowsView<float> out) {
  const std::int64_t kv_heads = call.form.num_kv_heads;
  const auto sequences = static_cast<std::int64_t>(call.cu_seqlens.size()) - 1;
  if (call.relative != nullptr && gradients != nullptr) {
    // All sequences add to a head's columns of the tables: in their order, whoever does the head.
    team_.parallel_for(static_cast<std::size_t>(kv_heads), [&](std::size_t head, std::size_t member) {
      for (std::int64_t sequence = 0; sequence < sequences; ++sequence) {
        run(call, sequence, static_cast<std::int64_t>(head), member, gradients, d_out, out);
      }
    });
    return;
  }
  team_.parallel_for(static_cast<std::size_t>(sequences * kv_heads), [&](std::size_t item, std::size_t member) {
    const auto index = static_cast<std::int64_t>(item);
    run(call, index / kv_heads, index % kv_heads, member, gradients, d_out, out);
  });
}

void Attention::forward(const AttentionCall& call, RowsView<float> out) { for_each(call, nullptr, {}, out); }

void Attention::backward(const AttentionCall& call, RowsView<const float> d_out, const Gradients& gradients) {
  for_each(call, &gradients, d_out, {});
}

}  // namespace valence::train
