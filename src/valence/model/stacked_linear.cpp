#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

std::vector<float> f32_values(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

}  // namespace

StackedLinear::StackedLinear(std::initializer_list<const LinearWeights*> parts)
    : in_features_((*parts.begin())->weight.columns()) {
  part_scales_.reserve(parts.size());  // weight_rows() keeps views of its elements
  for (const LinearWeights* part : parts) {
    const auto& scales =
        part_scales_.emplace_back(part->weight.row_scale ? f32_values(*part->weight.row_scale) : std::vector<float>());
    all_i8_ = all_i8_ && !scales.empty();
    scales_.insert(scales_.end(), scales.begin(), scales.end());
    for (std::int64_t row = 0; row < part->weight.rows(); ++row) owner_.emplace_back(parts_.size(), row);
    parts_.push_back(kernels::weight_rows(part->weight.values, scales));
    const auto bias = f32_values(part->bias);
    bias_.insert(bias_.end(), bias.begin(), bias.end());
  }
}

kernels::LinearShape StackedLinear::shape() const {
  return {.in_features = in_features_, .out_features = static_cast<std::int64_t>(owner_.size())};
}

kernels::WeightRows StackedLinear::rows() const {
  return [this](std::int64_t out_feature, std::span<float> out) {
    const auto& [part, row] = owner_[static_cast<std::size_t>(out_feature)];
    parts_[part](row, out);
  };
}

}  // namespace valence
