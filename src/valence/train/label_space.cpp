#include "valence/train/label_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "valence/train/examples.h"

namespace valence::train {
namespace {

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> parts_of(std::string_view label) {
  std::vector<std::string> parts;
  while (!label.empty()) {
    const std::size_t end = std::min(label.find(kLabelSeparator), label.size());
    if (end > 0) parts.emplace_back(label.substr(0, end));
    label.remove_prefix(std::min(end + 1, label.size()));
  }
  return parts;
}

Status refuse_quantities(const std::vector<std::string>& classes) {
  bool fraction = false;
  for (const std::string& name : classes) {
    const auto value = number_of(name);
    if (!value) return {};
    fraction = fraction || *value != std::floor(*value);
  }
  if (!fraction && classes.size() <= kMostNumberClasses) return {};
  return fail(ErrorCode::kInvalidData, "the label column",
              fmt::format("holds {} different numbers, from {} to {}", classes.size(), classes.front(), classes.back()),
              "say --problem_type regression to learn the number, or single_label_classification for classes");
}

Result<HeadRequest> regression(std::span<const std::string> labels) {
  for (const std::string& label : labels) {
    if (!number_of(label)) {
      return fail(ErrorCode::kInvalidData, "the label column",
                  fmt::format("\"{}\" is no number, which regression needs", label));
    }
  }
  return HeadRequest{{"LABEL_0"}, ProblemType::kRegression};
}

}  // namespace

Result<HeadRequest> label_space(std::span<const std::string> labels, std::optional<ProblemType> problem_type) {
  if (problem_type == ProblemType::kRegression) return regression(labels);
  HeadRequest head;
  head.problem_type = problem_type.value_or(ProblemType::kSingleLabel);
  std::set<std::string> names;
  for (const std::string& label : labels) {
    if (head.problem_type == ProblemType::kMultiLabel) {
      for (std::string& part : parts_of(label)) names.insert(std::move(part));
    } else {
      names.insert(label);
    }
  }
  head.labels.assign(names.begin(), names.end());
  if (std::ranges::all_of(head.labels, [](const std::string& name) { return number_of(name).has_value(); })) {
    std::ranges::stable_sort(head.labels, {}, [](const std::string& name) { return *number_of(name); });
  }
  if (!problem_type) VALENCE_TRY_STATUS(refuse_quantities(head.labels));
  const std::size_t least = head.problem_type == ProblemType::kMultiLabel ? 1 : 2;
  if (head.labels.size() < least) {
    return fail(ErrorCode::kInvalidData, "the label column",
                head.labels.empty()
                    ? std::string("names no label at all")
                    : fmt::format("holds one label only, \"{}\": there is nothing to tell apart", head.labels.front()),
                "add rows of another label");
  }
  return head;
}

Result<Target> target_of(const std::string& label, const HeadRequest& head) {
  Target target;
  const auto id_of = [&](const std::string& name) -> Result<std::size_t> {
    const auto found = std::ranges::find(head.labels, name);
    if (found != head.labels.end()) return static_cast<std::size_t>(found - head.labels.begin());
    return fail(ErrorCode::kInvalidData, {},
                fmt::format("label \"{}\" is none of {}", name, fmt::join(head.labels, ", ")));
  };
  switch (head.problem_type) {
    case ProblemType::kSingleLabel: {
      VALENCE_TRY(const std::size_t id, id_of(label));
      target.label = static_cast<std::int32_t>(id);
      return target;
    }
    case ProblemType::kMultiLabel:
      target.values.assign(head.labels.size(), 0.0F);
      for (const std::string& part : parts_of(label)) {
        VALENCE_TRY(const std::size_t id, id_of(part));
        target.values[id] = 1.0F;
      }
      return target;
    case ProblemType::kRegression:
      break;
  }
  const auto value = number_of(label);
  if (!value) return fail(ErrorCode::kInvalidData, {}, fmt::format("label \"{}\" is no number", label));
  target.values = {static_cast<float>(*value)};
  return target;
}

std::vector<std::uint64_t> label_counts(std::span<const Target> targets, const HeadRequest& head) {
  std::vector<std::uint64_t> counts(head.labels.size());
  for (const Target& target : targets) {
    if (head.problem_type == ProblemType::kSingleLabel) ++counts[static_cast<std::size_t>(target.label)];
    if (head.problem_type != ProblemType::kMultiLabel) continue;
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += target.values[i] > 0 ? 1 : 0;
  }
  return counts;
}

std::vector<bool> held_out(std::span<const Target> targets, const HeadRequest& head, double share, std::uint64_t seed) {
  std::vector<bool> out(targets.size(), false);
  const bool classes = head.problem_type == ProblemType::kSingleLabel;
  std::map<std::int32_t, std::vector<std::size_t>> groups;
  for (const std::uint32_t i : shuffled(targets.size(), seed, 0)) groups[classes ? targets[i].label : 0].push_back(i);
  for (const auto& [label, rows] : groups) {
    auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(rows.size())));
    if (share > 0 && rows.size() >= 2) count = std::clamp<std::size_t>(count, 1, rows.size() - 1);
    if (rows.size() < 2) count = 0;  // the only one of its kind is learned from
    for (std::size_t i = 0; i < count; ++i) out[rows[i]] = true;
  }
  return out;
}

}  // namespace valence::train
