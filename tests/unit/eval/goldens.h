/// \file
/// What tools/make_metric_goldens.py recorded, and the inputs that more than one test draws again.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/random.h"

namespace valence::eval {

/// A group of the golden file.
inline Json golden(std::string_view group) {
  constexpr std::size_t kMaxBytes = 1U << 20;
  static const Json all = [] {
    const auto text = read_file(std::filesystem::path(VALENCE_TESTS_DIR) / "unit/eval/data/metrics.json", kMaxBytes);
    return Json::parse(text.value(), "metrics.json").value();
  }();
  return all.at(group).value();
}

struct LabelSet {
  std::size_t num_labels = 0;
  std::vector<std::int32_t> truth;
  std::vector<std::int32_t> predicted;
};

/// single_label() of the script.
inline LabelSet draw_label_set(std::uint64_t seed) {
  Random draw(seed);
  LabelSet set;
  set.num_labels = 1 + draw.below(12);
  const std::uint64_t rows = 1 + draw.below(120);
  const std::uint64_t true_labels = 1 + draw.below(set.num_labels);
  const std::uint64_t predicted_labels = 1 + draw.below(set.num_labels);
  const std::uint64_t right_in_100 = draw.below(101);
  for (std::uint64_t row = 0; row < rows; ++row) {
    const auto truth = static_cast<std::int32_t>(draw.below(true_labels));
    const bool is_right = draw.below(100) < right_in_100;
    set.truth.push_back(truth);
    set.predicted.push_back(is_right ? truth : static_cast<std::int32_t>(draw.below(predicted_labels)));
  }
  return set;
}

}  // namespace valence::eval
