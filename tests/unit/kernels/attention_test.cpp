#include "valence/kernels/attention.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "unit/kernels/attention_calls.h"

namespace valence::kernels {
namespace {

class Attention : public OnEachIsa {
 protected:
  static std::vector<float> attend(AttentionShape shape, QkvView qkv, const std::vector<std::int32_t>& cu_seqlens,
                                   AttentionQueries queries = AttentionQueries::kAll) {
    return kernels::attend(table(), shape, {}, qkv, cu_seqlens, queries);
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
