#include "valence/train/parameter_set.h"

#include <algorithm>

#include "valence/base/check.h"

namespace valence::train {
namespace {

// Values begin on a cache line.
constexpr std::size_t kAlignment = 16;

std::size_t aligned(std::size_t floats) { return (floats + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void ParameterSet::reserve(std::size_t floats) {
  VALENCE_ASSERT(parameters_.empty(), "values do not move");
  values_ = LazyFloats(floats, floats);
}

std::size_t ParameterSet::room_for(std::size_t floats) { return aligned(floats); }

Parameter& ParameterSet::append(std::string name, Shape shape) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.shape = std::move(shape);
  parameter.offset = used_;
  parameter.size = 1;
  for (const std::int64_t extent : parameter.shape) parameter.size *= static_cast<std::size_t>(extent);
  used_ += aligned(parameter.size);
  VALENCE_ASSERT(used_ <= values_.span().size(), "reserve() made room for all");
  parameters_.push_back(std::move(parameter));
  return parameters_.back();
}

void ParameterSet::place_gradients() {
  std::size_t at = 0;
  const auto place = [&](bool by_row) {
    for (Parameter& parameter : parameters_) {
      if (!parameter.learns || parameter.by_row != by_row) continue;
      parameter.gradient = at;
      at += aligned(parameter.size);
    }
  };
  place(false);
  dense_gradients_ = at;
  place(true);  // mostly untouched, at the end
  gradients_ = LazyFloats(at, dense_gradients_);
}

const Parameter* ParameterSet::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

const Parameter& ParameterSet::owner_of(const float* value) const {
  const auto at = static_cast<std::size_t>(value - values_.data());
  const auto after = std::ranges::upper_bound(parameters_, at, {}, &Parameter::offset);
  VALENCE_ASSERT(at < used_ && after != parameters_.begin(), "a value of this set");
  return *std::prev(after);
}

float* ParameterSet::gradient_of(const float* value) const {
  const Parameter& owner = owner_of(value);
  if (!owner.learns) return nullptr;
  return gradients_.data() + owner.gradient + (value - (values_.data() + owner.offset));
}

TensorTable ParameterSet::tensors() const {
  TensorTable table;
  for (const Parameter& parameter : parameters_) {
    table.emplace(parameter.name, TensorView{DType::kF32, parameter.shape, std::as_bytes(values_of(parameter))});
  }
  return table;
}

std::size_t ParameterSet::learning_size() const {
  std::size_t size = 0;
  for (const Parameter& parameter : parameters_) size += parameter.learns ? parameter.size : 0;
  return size;
}

}  // namespace valence::train
