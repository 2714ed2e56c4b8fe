/// \file
/// The parameters of a model in training: values, and gradients of those that learn, each in one block of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/tensor/tensor_view.h"
#include "valence/train/lazy_floats.h"

namespace valence::train {

/// How a parameter takes part in training.
struct Parameter {
  std::string name;  ///< transformers' (or peft's) for it
  Shape shape;
  std::size_t offset = 0;  ///< of its first value in ParameterSet::values()
  std::size_t size = 0;
  bool learns = true;
  bool decays = true;  ///< takes part in weight decay: matrices, not biases and norms
  /// Only rows that a batch looked up have a gradient: the optimizer asks which.
  bool by_row = false;
  std::size_t gradient = 0;  ///< of its first gradient in ParameterSet::gradients(); set when it learns
};

/// All are added first, then set_learning() is called; from then on every value keeps its place.
class ParameterSet {
 public:
  ParameterSet() = default;

  /// What a parameter begins as; `fill` writes shape's elements.
  template <class Fill>
  void add(std::string name, Shape shape, Fill&& fill) {
    Parameter& parameter = append(std::move(name), std::move(shape));
    fill(values_of(parameter));
  }

  /// Room for `floats` values in all, before the first add(): the sum of room_for() over the parameters.
  void reserve(std::size_t floats);
  [[nodiscard]] static std::size_t room_for(std::size_t floats);
  /// Sets which ones learn, and makes room for their gradients, all zero. Pages that nobody writes take no memory.
  template <class Learns>
  void set_learning(Learns&& learns) {
    for (Parameter& parameter : parameters_) parameter.learns = learns(parameter);
    place_gradients();
  }

  [[nodiscard]] std::span<const Parameter> parameters() const { return parameters_; }
  [[nodiscard]] std::span<Parameter> parameters() { return parameters_; }
  [[nodiscard]] const Parameter* find(std::string_view name) const;
  [[nodiscard]] std::span<float> values_of(const Parameter& parameter) {
    return values_.span().subspan(parameter.offset, parameter.size);
  }
  [[nodiscard]] std::span<const float> values_of(const Parameter& parameter) const {
    return values_.span().subspan(parameter.offset, parameter.size);
  }
  [[nodiscard]] std::span<float> gradients_of(const Parameter& parameter) {
    return gradients_.span().subspan(parameter.gradient, parameter.size);
  }
  [[nodiscard]] std::span<float> gradients() { return gradients_.span(); }
  /// How many of gradients(), from the first, belong to parameters that are used whole; those by_row come after them.
  [[nodiscard]] std::size_t dense_gradients() const { return dense_gradients_; }
  /// Where the gradient of the value at `value` goes; null if it does not learn. `value` points into values().
  [[nodiscard]] float* gradient_of(const float* value) const;
  /// The parameter that `value` belongs to.
  [[nodiscard]] const Parameter& owner_of(const float* value) const;

  /// The values as tensors by name: views, valid while the set lives.
  [[nodiscard]] TensorTable tensors() const;
  [[nodiscard]] std::size_t learning_size() const;

 private:
  Parameter& append(std::string name, Shape shape);
  void place_gradients();

  std::vector<Parameter> parameters_;
  LazyFloats values_;
  std::size_t used_ = 0;
  LazyFloats gradients_;
  std::size_t dense_gradients_ = 0;
};

}  // namespace valence::train
