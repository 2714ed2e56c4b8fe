/// \file
/// A head of one sequence as attention on tiles sees it, where its rows go, and a row of it in f32.
#pragma once

#include "valence/kernels/amx_attention_pack.h"
#include "valence/kernels/amx_attention_pattern.h"
#include "valence/kernels/amx_attention_positions.h"
#include "valence/kernels/amx_row_kernels.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// One head of one sequence.
struct AmxHead {
  HeadRows q;
  HeadRows k;
  HeadRows v;
  KeyReach reach;
  const float* relative_bias;         ///< at distance 0; null: none
  const AttentionPattern* positions;  ///< whose relative positions are scored; null: none
  StagedLines out;
  bool own_layout;
  std::int64_t first_row;  ///< of out
  std::int64_t column;     ///< of out
  float scale;
};

template <class E>
__m512 widened(const HeadRows& rows, std::int64_t r, std::int64_t i) {
  return E::widen(_mm512_castsi512_si256(rows.line(r, i)));
}

/// out[column, column + n) of row r = v. n <= 32.
template <class RowElement, class OwnElement>
void store_context(const AmxHead& head, std::int64_t r, std::int64_t i, Floats32 v, std::int64_t n) {
  const __m512i line = head.own_layout ? OwnElement::narrow(v) : RowElement::narrow(v);
  const std::int64_t column = head.column + i;
  std::byte* row = head.out.at(head.first_row + r);
  if (n == kElementsInRow && column % kElementsInRow == 0) {
    _mm512_storeu_si512(row + column / kElementsInRow * head.out.column, line);
    return;
  }
  alignas(64) std::uint16_t elements[kElementsInRow];
  _mm512_store_si512(elements, line);
  for (std::int64_t c = column; c < column + n; ++c) {
    std::byte* to = row + c / kElementsInRow * head.out.column + c % kElementsInRow * 2;
    __builtin_memcpy(to, elements + (c - column), 2);
  }
}

/// The row of a query whose weights did not fit: in f32, with the maximum subtracted. Scores that are no numbers give
/// a row that is none.
template <class E, class RowElement, class OwnElement>
[[gnu::noinline]] void attend_exactly(const AmxHead& head, std::int64_t query, std::int64_t first_column,
                                      std::int64_t columns, float* scores) {
  using V = SimdAvx512;
  const KeySpan seen = head.reach.of(query, 1, head.k.count);
  const std::int64_t keys = seen.end - seen.begin;
  float greatest = -__builtin_inff();
  bool numbers = true;
  for (std::int64_t key = 0; key < keys; ++key) {
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < head.q.width; i += 16) {
      sum = _mm512_fmadd_ps(widened<E>(head.q, query, i), widened<E>(head.k, seen.begin + key, i), sum);
    }
    const std::int64_t distance = head.reach.first_position + query - seen.begin - key;
    float products = _mm512_reduce_add_ps(sum);
    if (head.positions != nullptr) {
      products +=
          AmxPositions<E>::exact(*head.positions, head.column, distance, head.q, query, head.k, seen.begin + key);
    }
    scores[key] = products * head.scale;
    if (head.relative_bias != nullptr) scores[key] += head.relative_bias[distance];
    numbers = numbers && scores[key] == scores[key];
    greatest = scores[key] > greatest ? scores[key] : greatest;
  }
  if (!numbers || !(greatest <= 3.4e38F && greatest >= -3.4e38F)) greatest = __builtin_nanf("");
  __m512 totals = _mm512_setzero_ps();
  for (std::int64_t key = 0; key < keys; key += 16) {
    const __m512 relative = _mm512_sub_ps(load_some(scores + key, keys - key), _mm512_set1_ps(greatest));
    const __m512 weights = _mm512_maskz_mov_ps(first16(keys - key), exp<V>(relative));
    _mm512_storeu_ps(scores + key, weights);  // there is room for whole vectors
    totals = _mm512_add_ps(totals, weights);
  }
  const float total = _mm512_reduce_add_ps(totals);
  for (std::int64_t i = first_column; i < first_column + columns; i += kElementsInRow) {
    Floats32 sum = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (std::int64_t key = 0; key < keys; ++key) {
      const Floats32 v = widen32<E>(head.v.line(seen.begin + key, i));
      sum.low = _mm512_fmadd_ps(_mm512_set1_ps(scores[key]), v.low, sum.low);
      sum.high = _mm512_fmadd_ps(_mm512_set1_ps(scores[key]), v.high, sum.high);
    }
    const __m512 inverse = _mm512_set1_ps(1.0F / total);
    const std::int64_t left = first_column + columns - i;
    store_context<RowElement, OwnElement>(head, query, i,
                                          {_mm512_mul_ps(sum.low, inverse), _mm512_mul_ps(sum.high, inverse)},
                                          left < kElementsInRow ? left : kElementsInRow);
  }
}

}  // namespace
}  // namespace valence::kernels
