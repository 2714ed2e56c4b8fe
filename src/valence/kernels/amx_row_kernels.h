/// \file
/// Rows on their way to the next product on tiles: quantised or rounded to 16 bits, as they are or normalised first.
#pragma once

#include <type_traits>

#include "valence/kernels/amx_precision.h"
#include "valence/kernels/integer_rows.h"
#include "valence/kernels/tile.h"

namespace valence::kernels {
namespace {

inline __mmask16 first16(std::int64_t n) { return n >= 16 ? __mmask16{0xffff} : SimdAvx512::first(n > 0 ? n : 0); }

/// n values from p on (at most 16), then zeros.
[[gnu::always_inline]] inline __m512 load_some(const float* p, std::int64_t n) {
  return n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first16(n), p);
}
[[gnu::always_inline]] inline void store_some(float* p, __m512 v, std::int64_t n) {
  n >= 16 ? _mm512_storeu_ps(p, v) : _mm512_mask_storeu_ps(p, first16(n), v);
}

/// The sources of rows: load(i, n) gives values [i, i + 32) of which n are the row's, and zeros for the rest.
struct F32Row {
  const float* row;

  [[nodiscard, gnu::always_inline]] Floats32 load(std::int64_t i, std::int64_t n) const {
    return {load_some(row + i, n), load_some(row + i + 16, n - 16)};
  }
};

template <class E>
struct StagedRow {
  const std::byte* row;
  std::int64_t column;  ///< bytes from 32 elements to the next

  StagedRow(const std::byte* first, std::int64_t column_bytes) : row(first), column(column_bytes) {}
  StagedRow(const StagedLines& lines, std::int64_t r) : row(lines.at(r)), column(lines.column) {}
  [[nodiscard, gnu::always_inline]] __m512i line(std::int64_t i, std::int64_t n) const {
    if (n <= 0) return _mm512_setzero_si512();
    const __m512i v = _mm512_loadu_si512(row + i / kElementsInRow * column);
    return n >= kElementsInRow ? v : _mm512_maskz_mov_epi16(static_cast<__mmask32>((1U << n) - 1U), v);
  }
  [[nodiscard, gnu::always_inline]] Floats32 load(std::int64_t i, std::int64_t n) const {
    return widen32<E>(line(i, n));
  }
};

/// visit(i, n) for [i, i + kStep) and how many of those are inside. For all but the last n is a constant by its type,
/// so that the compiler makes a body without masks for them.
template <std::int64_t kStep, class Visit>
void visit_steps(std::int64_t width, Visit visit) {
  const std::int64_t whole = width / kStep * kStep;
  for (std::int64_t i = 0; i < whole; i += kStep) visit(i, std::integral_constant<std::int64_t, kStep>());
  if (whole < width) visit(whole, width - whole);
}

/// The greatest magnitude by its bits, in which NaN is greater than everything.
struct Magnitude {
  __m512i low = _mm512_setzero_si512();
  __m512i high = _mm512_setzero_si512();

  void add(Floats32 x) {
    const __m512i sign_out = _mm512_set1_epi32(0x7fffffff);
    low = _mm512_max_epi32(low, _mm512_and_si512(_mm512_castps_si512(x.low), sign_out));
    high = _mm512_max_epi32(high, _mm512_and_si512(_mm512_castps_si512(x.high), sign_out));
  }
  [[nodiscard]] float get() const {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(_mm512_max_epi32(low, high)))));
  }
};

/// A row as integers: x = q * scale. Where q would be no number (NaN, infinities) or the scale too small for its
/// inverse, q is zero, and the scale says what the row was.
struct Int8Scale {
  float scale;
  float inverse;

  explicit Int8Scale(float magnitude)
      : scale(magnitude * (1.0F / 127.0F)),
        inverse(magnitude > 1e-35F && magnitude <= kGreatestFloat ? 127.0F / magnitude : 0.0F) {}
  [[nodiscard]] bool is_zero() const { return inverse == 0.0F; }
};

/// 64 values as integers, in order.
inline __m512i quantized(Floats32 a, Floats32 b, __m512 inverse) {
  const auto integers = [&](__m512 v) { return _mm512_cvtps_epi32(_mm512_mul_ps(v, inverse)); };
  const __m512i low = _mm512_packs_epi32(integers(a.low), integers(a.high));
  const __m512i high = _mm512_packs_epi32(integers(b.low), integers(b.high));
  // The packs interleave by quarters of a register.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
}

/// The row of an operand from its f32 or staged values of a known magnitude.
template <class Source>
void quantize_values(const Source& source, std::int64_t width, Int8Scale scale, std::byte* to) {
  const __m512 inverse = _mm512_set1_ps(scale.inverse);
  visit_steps<64>(width, [&](std::int64_t i, auto n) {
    const __m512i q =
        scale.is_zero() ? _mm512_setzero_si512() : quantized(source.load(i, n), source.load(i + 32, n - 32), inverse);
    _mm512_store_si512(to + i / 64 * kTileBytes, q);
  });
}

/// One row of an operand.
template <class P>
struct OperandRow;

template <>
struct OperandRow<AmxInt8> {
  std::byte* to;
  float* scale;

  OperandRow(const Operand& operand, std::int64_t width, std::int64_t row)
      : to(operand_row(operand.values, depth_steps<AmxInt8>(width), row)), scale(operand.scales + row) {}

  template <class Source>
  void write(const Source& source, std::int64_t width) const {
    Magnitude magnitude;
    visit_steps<64>(width, [&](std::int64_t i, auto n) {
      magnitude.add(source.load(i, n));
      magnitude.add(source.load(i + 32, n - 32));
    });
    write(source, width, magnitude);
  }
  template <class Source>
  void write(const Source& source, std::int64_t width, const Magnitude& magnitude) const {
    const Int8Scale s(magnitude.get());
    *scale = s.scale;
    quantize_values(source, width, s, to);
  }
};

template <class E>
struct OperandRow<Amx16<E>> {
  std::byte* to;

  OperandRow(const Operand& operand, std::int64_t width, std::int64_t row)
      : to(operand_row(operand.values, depth_steps<Amx16<E>>(width), row)) {}

  void write(const F32Row& source, std::int64_t width) const {
    visit_steps<kElementsInRow>(width, [&](std::int64_t i, auto n) {
      _mm512_store_si512(to + i / kElementsInRow * kTileBytes, E::narrow(source.load(i, n)));
    });
  }
  void write(const F32Row& source, std::int64_t width, const Magnitude&) const { write(source, width); }
  void write(const StagedRow<E>& source, std::int64_t width) const {
    visit_steps<kElementsInRow>(width, [&](std::int64_t i, auto n) {
      _mm512_store_si512(to + i / kElementsInRow * kTileBytes, source.line(i, n));
    });
  }
};

/// A row of fp16 is quantised in fp16 arithmetic, twice as fast, if its scale and its inverse are ordinary numbers
/// there.
struct Fp16Scale {
  _Float16 inverse;
  bool ordinary;

  /// greatest: the bits of the magnitudes, which order as integers.
  explicit Fp16Scale(__m512i greatest) {
    const __m256i half = _mm256_max_epi16(_mm512_castsi512_si256(greatest), _mm512_extracti64x4_epi64(greatest, 1));
    const auto bits = static_cast<std::int16_t>(_mm512_reduce_max_epi32(_mm512_cvtepi16_epi32(half)));
    const float magnitude = _mm512_cvtss_f32(_mm512_cvtph_ps(_mm256_set1_epi16(bits)));
    ordinary = magnitude >= 2e-3F && magnitude <= 65504.0F;
    // A little less than 127: the product is rounded before it is made an integer.
    inverse = static_cast<_Float16>(ordinary ? 126.9F / magnitude : 0.0F);
  }
  [[nodiscard]] float scale() const { return 1.0F / static_cast<float>(inverse); }
};

inline __m512i add_magnitude(__m512i greatest, __m512i x) {
  return _mm512_max_epi16(greatest, _mm512_and_si512(x, _mm512_set1_epi16(0x7fff)));
}

/// 64 values of fp16 as integers, in order.
inline __m512i quantized(__m512i low, __m512i high, __m512h inverse) {
  const auto integers = [&](__m512i v) {
    return _mm512_cvtph_epi16(_mm512_mul_ph(reinterpret_cast<__m512h>(v), inverse));
  };
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);  // the pack interleaves by quarters
  return _mm512_permutexvar_epi64(order, _mm512_packs_epi16(integers(low), integers(high)));
}

inline void quantize_fp16_row(const StagedRow<Fp16>& source, std::int64_t width, const OperandRow<AmxInt8>& out) {
  __m512i greatest = _mm512_setzero_si512();
  visit_steps<kElementsInRow>(width,
                              [&](std::int64_t i, auto n) { greatest = add_magnitude(greatest, source.line(i, n)); });
  const Fp16Scale scale(greatest);
  if (!scale.ordinary) return out.write(source, width);
  *out.scale = scale.scale();
  const __m512h inverse = _mm512_set1_ph(scale.inverse);
  visit_steps<64>(width, [&](std::int64_t i, auto n) {
    _mm512_store_si512(out.to + i / 64 * kTileBytes,
                       quantized(source.line(i, n), source.line(i + 32, n - 32), inverse));
  });
}

/// quantize_fp16_row for sixteen rows that make a strip of tiles on both sides, which are read and written from end to
/// end. width: a multiple of 64.
inline void quantize_strip(const std::byte* lines, std::int64_t width, const Operand& out, std::int64_t row) {
  const std::int64_t end = width / kElementsInRow * kTileBytes;
  __m512i greatest[kTileRows];
  for (auto& g : greatest) g = _mm512_setzero_si512();
  for (std::int64_t line = 0; line < end; line += kTileBytes) {
    VALENCE_UNROLL
    for (int r = 0; r < kTileRows; ++r) {
      greatest[r] = add_magnitude(greatest[r], _mm512_load_si512(lines + line + r * kTileRowBytes));
    }
  }
  _Float16 inverses[kTileRows];
  bool ordinary[kTileRows];
  for (int r = 0; r < kTileRows; ++r) {
    const Fp16Scale scale(greatest[r]);
    inverses[r] = scale.inverse;
    ordinary[r] = scale.ordinary;
    if (scale.ordinary) out.scales[row + r] = scale.scale();
  }
  std::byte* to = operand_row(out.values, depth_steps<AmxInt8>(width), row);
  for (std::int64_t line = 0; line < end; line += 2 * kTileBytes, to += kTileBytes) {
    for (int r = 0; r < kTileRows; ++r) {
      const std::byte* x = lines + line + r * kTileRowBytes;
      _mm512_store_si512(to + r * kTileRowBytes, quantized(_mm512_load_si512(x), _mm512_load_si512(x + kTileBytes),
                                                           _mm512_set1_ph(inverses[r])));
    }
  }
  for (int r = 0; r < kTileRows; ++r) {
    if (ordinary[r]) continue;
    StagedRow<Fp16> source(lines + r * kTileRowBytes, kTileBytes);
    OperandRow<AmxInt8>(out, width, row + r).write(source, width);
  }
}

template <class P, class E>
void quantize_staged(const QuantizeCall& call) {
  const StagedLines lines(call.staging);
  constexpr bool kFp16ToInt8 = P::kQuantized && std::is_same_v<E, Fp16>;
  const bool tiles = call.staging.layout == StagingLayout::kOwn && call.width % 64 == 0;
  for (std::int64_t r = 0; r < call.rows;) {
    const std::int64_t row = call.first_row + r;
    if constexpr (kFp16ToInt8) {
      const bool strip = row % kTileRows == 0 && (call.staging.first_row + r) % kTileRows == 0;
      if (tiles && strip && r + kTileRows <= call.rows) {
        quantize_strip(lines.at(r), call.width, call.out, row);
        r += kTileRows;
        continue;
      }
      quantize_fp16_row(StagedRow<E>(lines, r), call.width, OperandRow<P>(call.out, call.width, row));
    } else {
      OperandRow<P>(call.out, call.width, row).write(StagedRow<E>(lines, r), call.width);
    }
    ++r;
  }
}

template <class P>
void amx_quantize(const QuantizeCall& call) noexcept {
  if (call.f32.data == nullptr) {
    return call.staging.layout == StagingLayout::kOwn ? quantize_staged<P, typename P::OwnElement>(call)
                                                      : quantize_staged<P, typename P::RowElement>(call);
  }
  for (std::int64_t r = 0; r < call.rows; ++r) {
    OperandRow<P>(call.out, call.width, call.first_row + r)
        .write(F32Row{call.f32.data + r * call.f32.stride}, call.width);
  }
}

/// What a row's elements are multiplied by and what is added.
struct RowMoments {
  float inverse;
  float shift;
};

/// row += addend; the moments of the sum, in one pass over it unless the mean is so large that E[x^2] - E[x]^2 would
/// lose digits.
template <class Addend>
RowMoments add_and_measure(float* row, const Addend& addend, std::int64_t width, const LayerNormWeights& norm) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
  __m512 squares[4] = {sums[0], sums[0], sums[0], sums[0]};
  visit_steps<64>(width, [&](std::int64_t i, auto n) {
    for (int half = 0; half < 2; ++half) {
      const Floats32 more = addend.load(i + 32 * half, n - 32 * half);
      const auto add = [&](__m512 v, int part) __attribute__((always_inline)) {
        float* p = row + i + 16 * part;
        const __m512 x = _mm512_add_ps(load_some(p, n - 16 * part), v);
        store_some(p, x, n - 16 * part);
        sums[part] = _mm512_add_ps(sums[part], x);
        squares[part] = _mm512_fmadd_ps(x, x, squares[part]);
      };
      add(more.low, 2 * half);
      add(more.high, 2 * half + 1);
    }
  });
  const auto total = [](const __m512(&v)[4]) {
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(v[0], v[1]), _mm512_add_ps(v[2], v[3])));
  };
  constexpr float kLargeMean = 16.0F;  // squared, over the variance
  const float count = static_cast<float>(width);
  const bool centred_row = norm.kind == NormKind::kLayerNorm;
  const float mean = centred_row ? total(sums) / count : 0.0F;
  float variance = total(squares) / count - mean * mean;
  if (!(variance * kLargeMean >= mean * mean)) {
    __m512 centred = _mm512_setzero_ps();
    const __m512 means = _mm512_set1_ps(mean);
    visit_steps<16>(width, [&](std::int64_t i, auto n) {
      const __m512 x = _mm512_maskz_sub_ps(first16(n), load_some(row + i, n), means);
      centred = _mm512_fmadd_ps(x, x, centred);
    });
    variance = _mm512_reduce_add_ps(centred) / count;
  }
  const float inverse = 1.0F / __builtin_sqrtf(variance + norm.epsilon);
  return {inverse, -mean * inverse};
}

/// to = (row * inverse + shift) * weight + bias, and its magnitude. `to` may be `row`.
template <bool kAffine>
Magnitude normalize(const float* row, float* to, RowMoments moments, std::int64_t width, const LayerNormWeights& norm) {
  Magnitude magnitude;
  const __m512 inverse = _mm512_set1_ps(moments.inverse);
  const __m512 shift = _mm512_set1_ps(moments.shift);
  visit_steps<32>(width, [&](std::int64_t i, auto n) {
    const auto part = [&](std::int64_t at, std::int64_t count) __attribute__((always_inline)) {
      __m512 x = _mm512_maskz_fmadd_ps(first16(count), load_some(row + at, count), inverse, shift);
      if constexpr (kAffine) {
        x = _mm512_fmadd_ps(x, load_some(norm.weight + at, count), load_some(norm.bias + at, count));
      } else {
        if (norm.weight != nullptr) x = _mm512_mul_ps(x, load_some(norm.weight + at, count));
        if (norm.bias != nullptr) x = _mm512_add_ps(x, load_some(norm.bias + at, count));
      }
      store_some(to + at, x, count);
      return x;
    };
    const __m512 low = part(i, n);
    magnitude.add({low, part(i + 16, n - 16)});
  });
  return magnitude;
}

// A row's sums take long to come out of their vectors, and so does its magnitude: rows take turns.
template <class P, class E>
void add_norm_rows(const AddNormCall& call) {
  const StagedLines addend(call.addend);
  const bool affine = call.norm.weight != nullptr && call.norm.bias != nullptr;
  for (std::int64_t first = 0; first < call.hidden.rows; first += kNormRows) {
    const std::int64_t rows = call.hidden.rows - first < kNormRows ? call.hidden.rows - first : kNormRows;
    const auto row = [&](std::int64_t r) { return call.hidden.data + (first + r) * call.hidden.stride; };
    const auto normed = [&](std::int64_t r) { return call.normed == nullptr ? row(r) : call.normed + r * call.width; };
    RowMoments moments[kNormRows];
    Magnitude magnitudes[kNormRows];
    for (std::int64_t r = 0; r < rows; ++r) {
      moments[r] = add_and_measure(row(r), StagedRow<E>(addend, first + r), call.width, call.norm);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      magnitudes[r] = affine ? normalize<true>(row(r), normed(r), moments[r], call.width, call.norm)
                             : normalize<false>(row(r), normed(r), moments[r], call.width, call.norm);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      OperandRow<P>(call.out, call.width, call.first_row + first + r)
          .write(F32Row{normed(r)}, call.width, magnitudes[r]);
    }
  }
}

template <class P>
void amx_add_norm(const AddNormCall& call) noexcept {
  call.addend.layout == StagingLayout::kOwn ? add_norm_rows<P, typename P::OwnElement>(call)
                                            : add_norm_rows<P, typename P::RowElement>(call);
}

template <class E>
void widen_rows(const Staging& from, RowsView<float> to, std::int64_t width) {
  const StagedLines lines(from);
  for (std::int64_t r = 0; r < to.rows; ++r) {
    const StagedRow<E> row(lines, r);
    visit_steps<kElementsInRow>(width, [&](std::int64_t i, auto n) {
      const Floats32 x = row.load(i, n);
      store_some(to.data + r * to.stride + i, x.low, n);
      store_some(to.data + r * to.stride + i + 16, x.high, n - 16);
    });
  }
}

template <class P>
void amx_to_f32(const Staging& from, RowsView<float> to, std::int64_t width) noexcept {
  from.layout == StagingLayout::kOwn ? widen_rows<typename P::OwnElement>(from, to, width)
                                     : widen_rows<typename P::RowElement>(from, to, width);
}

}  // namespace
}  // namespace valence::kernels
