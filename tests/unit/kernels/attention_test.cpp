#include "valence/kernels/attention.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/reference.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {
namespace {

// An average of values |v| <= 1 with weights exact to 1e-6; the scores of these tests are below 30.
constexpr double kAttentionTolerance = 5e-6;

std::vector<std::int32_t> offsets(const std::vector<int>& lengths) {
  std::vector<std::int32_t> cu_seqlens = {0};
  for (const int length : lengths) cu_seqlens.push_back(cu_seqlens.back() + length);
  return cu_seqlens;
}

class Attention : public OnEachIsa {
 protected:
  static std::vector<float> attend(AttentionShape shape, QkvView qkv, const std::vector<std::int32_t>& cu_seqlens,
                                   AttentionQueries queries = AttentionQueries::kAll) {
    const std::int64_t hidden_size = shape.num_heads * shape.head_dim;
    const std::int64_t rows = queries == AttentionQueries::kAll ? cu_seqlens.back() : std::ssize(cu_seqlens) - 1;
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < cu_seqlens.size(); ++i) {
      longest = std::max<std::int64_t>(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
    }
    const auto size = static_cast<std::size_t>(self_attention_scratch_floats(table(), shape, longest));
    AlignedBuffer<float> scratch(size);
    std::fill_n(scratch.data(), size, std::numeric_limits<float>::quiet_NaN());  // nothing stale may be read
    std::vector<float> out(static_cast<std::size_t>(rows * hidden_size));
    self_attention(table(), shape, qkv, cu_seqlens, queries, scratch.span(), rows_of(out, hidden_size));
    return out;
  }
};
VALENCE_ON_EACH_ISA(Attention);

TEST_P(Attention, AgreesWithTheReferenceForEveryLength) {
  const AttentionShape shape{2, 64};
  for (const int length : {1, 2, 3, 7, 8, 9, 15, 16, 17, 25, 31, 32, 33, 47, 48, 49, 64, 95, 97, 128, 235, 512}) {
    const auto cu_seqlens = offsets({length});
    const auto qkv = random_floats(length * 3 * 128, 3.0F);
    std::vector<double> expected(static_cast<std::size_t>(length * 128));
    reference::self_attention(shape, packed_qkv(qkv.data(), shape), cu_seqlens, AttentionQueries::kAll,
                              rows_of(expected, 128));
    EXPECT_TRUE(near_all(attend(shape, packed_qkv(qkv.data(), shape), cu_seqlens), expected, 3 * kAttentionTolerance))
        << length;
  }
}

TEST_P(Attention, AgreesWithTheReferenceForEveryHeadSize) {
  for (const std::int64_t head_dim : {1, 4, 8, 16, 20, 24, 26, 32, 40, 48, 64, 72, 80, 96, 112, 128, 160, 256}) {
    const AttentionShape shape{3, head_dim};
    const auto cu_seqlens = offsets({5, 1, 20, 0, 33});
    const std::int64_t hidden_size = 3 * head_dim;
    const auto qkv = random_floats(cu_seqlens.back() * 3 * hidden_size);
    std::vector<double> expected(static_cast<std::size_t>(cu_seqlens.back() * hidden_size));
    reference::self_attention(shape, packed_qkv(qkv.data(), shape), cu_seqlens, AttentionQueries::kAll,
                              rows_of(expected, hidden_size));
    EXPECT_TRUE(near_all(attend(shape, packed_qkv(qkv.data(), shape), cu_seqlens), expected, kAttentionTolerance))
        << head_dim;
  }
}

TEST_P(Attention, BitsOfASequenceDoNotDependOnTheBatch) {
  const AttentionShape shape{3, 32};
  const std::vector<int> lengths = {1, 40, 7, 130, 16, 49, 3, 100};
  const auto cu_seqlens = offsets(lengths);
  const auto qkv = random_floats(cu_seqlens.back() * 3 * 96, 2.0F);
  const auto together = attend(shape, packed_qkv(qkv.data(), shape), cu_seqlens);
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const auto alone = attend(shape, packed_qkv(qkv.data() + cu_seqlens[s] * 3 * 96, shape), offsets({lengths[s]}));
    EXPECT_TRUE(same_bits(alone.data(), together.data() + cu_seqlens[s] * 96, lengths[s] * 96)) << s;
  }
}

TEST_P(Attention, FirstTokensAloneComeOutAsAmongAll) {
  const AttentionShape shape{4, 32};
  const auto cu_seqlens = offsets({17, 1, 60, 128});
  const auto qkv = random_floats(cu_seqlens.back() * 3 * 128, 2.0F);
  const auto all = attend(shape, packed_qkv(qkv.data(), shape), cu_seqlens);
  std::vector<float> first_queries;
  for (int s = 0; s < 4; ++s) {
    const auto row = qkv.begin() + cu_seqlens[s] * 3 * 128;
    first_queries.insert(first_queries.end(), row, row + 128);
  }
  QkvView view = packed_qkv(qkv.data(), shape);
  view.q = first_queries.data();
  view.q_stride = 128;
  const auto first = attend(shape, view, cu_seqlens, AttentionQueries::kFirstOfEach);
  for (int s = 0; s < 4; ++s) {
    EXPECT_TRUE(same_bits(first.data() + s * 128, all.data() + cu_seqlens[s] * 128, 128)) << s;
  }
}

TEST_P(Attention, HugeScoresPickTheirKey) {
  const AttentionShape shape{1, 16};
  std::vector<float> qkv(3 * 48);
  for (int t = 0; t < 3; ++t) {
    qkv[t * 48 + t] = 3000.0F;  // q and k of token t point along axis t
    qkv[t * 48 + 16 + t] = 3000.0F;
    qkv[t * 48 + 32] = static_cast<float>(t + 1);
  }
  const auto out = attend(shape, packed_qkv(qkv.data(), shape), offsets({3}));
  for (int t = 0; t < 3; ++t) EXPECT_EQ(out[t * 16], static_cast<float>(t + 1));
}

TEST_P(Attention, NotANumberStaysInItsSequence) {
  const AttentionShape shape{1, 32};
  const auto cu_seqlens = offsets({20, 20});
  auto qkv = random_floats(40 * 96);
  qkv[25 * 96 + 32] = std::numeric_limits<float>::quiet_NaN();  // a key of the second sequence
  const auto out = attend(shape, packed_qkv(qkv.data(), shape), cu_seqlens);
  for (int i = 0; i < 20 * 32; ++i) EXPECT_TRUE(std::isfinite(out[i]));
  for (int i = 20 * 32; i < 40 * 32; ++i) EXPECT_TRUE(std::isnan(out[i]));
}

}  // namespace
}  // namespace valence::kernels
