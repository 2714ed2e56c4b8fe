#include "valence/model/onnx/formula_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "valence/model/onnx/mask_match.h"
#include "valence/model/onnx/node_view.h"
#include "valence/model/onnx/tensor_match.h"

namespace valence::onnx {
namespace {

// Of the cosines of rotary positions, which a graph in halves has in halves.
constexpr double kNumberTolerance = 5e-3;
constexpr std::uint64_t kMaxComparisons = 1U << 18U;  // a model of 48 layers takes some 10'000
constexpr int kMaxDepth = 6000;                       // a layer takes some 20; each stands on the stack

/// What kinds of formulas stand how far below `id`, in no order.
std::uint64_t sketch(const Formulas& formulas, FormulaId id, int depth) {
  if (id < 0 || depth == 0) return 0;
  const Formula& formula = formulas[id];
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;
  const std::uint64_t kind = static_cast<std::uint64_t>(formula.kind) + 1;
  const std::uint64_t below = sketch(formulas, formula.a, depth - 1) + sketch(formulas, formula.b, depth - 1);
  return (kind * kGolden) ^ (below * kGolden + (below >> 29U));
}

class Matcher {
 public:
  Matcher(const WalkedFile& found, const WalkedFile& expected, const ProbeBatch& batch, std::string_view model_type)
      : found_(found), expected_(expected), batch_(batch), model_type_(model_type) {}

  Result<FoundWeights> match();

 private:
  [[nodiscard]] const Formula& wanted(FormulaId id) const { return expected_.graph.formulas[id]; }
  [[nodiscard]] const Formula& given(FormulaId id) const { return found_.graph.formulas[id]; }

  bool is_same(FormulaId want, FormulaId have);
  bool compare(FormulaId want, FormulaId have);
  bool compare_operands(FormulaId want, FormulaId have);
  bool compare_sums(FormulaId want, FormulaId have);
  [[nodiscard]] bool numbers_agree(const Formula& want, const Formula& have) const;
  [[nodiscard]] bool rows_agree(const Formula& want, const Formula& have) const;
  [[nodiscard]] FormulaId without_padding(FormulaId id) const;
  bool fails(FormulaId want, FormulaId have);

  Status bind(FormulaId want, FormulaId have);
  Status bind_weight(FormulaId want, FormulaId have, const WeightRef& parameter, const WeightRef& tensor,
                     bool is_linear);
  [[nodiscard]] bool has_bias(const Formula& want, const Formula& have) const;
  [[nodiscard]] std::string describe_expected(FormulaId want) const;
  [[nodiscard]] tl::unexpected<Error> unexpected(FormulaId want, FormulaId have) const;

  const WalkedFile& found_;
  const WalkedFile& expected_;
  const ProbeBatch& batch_;
  std::string_view model_type_;
  using Pair = std::pair<FormulaId, FormulaId>;
  std::map<Pair, bool> known_;
  std::map<Pair, std::vector<Pair>> operands_;  // which operand is which, of formulas that are the same
  std::set<Pair> bound_;
  std::uint64_t comparisons_ = 0;
  int depth_ = 0;
  int deepest_ = -1;
  Pair culprit_ = {-1, -1};
  std::optional<double> eps_;
  FoundWeights weights_;
};

/// Remembers where the two part ways furthest from the logits: everything before is understood.
bool Matcher::fails(FormulaId want, FormulaId have) {
  if (depth_ > deepest_) {
    deepest_ = depth_;
    culprit_ = {want, have};
  }
  return false;
}

/// torch.onnx gives normalisations without a bias one of zeros.
bool Matcher::has_bias(const Formula& want, const Formula& have) const {
  if (static_cast<bool>(want.bias) == static_cast<bool>(have.bias)) return true;
  return have.bias && is_all_zero(found_.file.tensors[static_cast<std::size_t>(have.bias.tensor)]);
}

/// Ids of tokens and positions: what a row of padding is does not matter, for nothing looks at it.
bool Matcher::rows_agree(const Formula& want, const Formula& have) const {
  const Shape shape(want.shape.begin(), want.shape.end() - 1);
  const bool is_batch = shape == Shape{batch_.batch_size, batch_.sequence_length};
  if (broadcast_shape({&have.numbers->shape, &shape}) != shape) return false;
  const auto of_want = broadcast_offsets(want.numbers->shape, shape);
  const auto of_have = broadcast_offsets(have.numbers->shape, shape);
  for (std::size_t i = 0; i < of_want.size(); ++i) {
    if (is_batch && batch_.attention_mask[i] == 0) continue;
    if (want.numbers->integers[of_want[i]] != have.numbers->integers[of_have[i]]) return false;
  }
  return true;
}

bool Matcher::numbers_agree(const Formula& want, const Formula& have) const {
  if (is_real(want.numbers->type) != is_real(have.numbers->type)) return false;
  if (!is_real(want.numbers->type)) return want.numbers->integers == have.numbers->integers;
  if (broadcast_shape({&have.numbers->shape, &want.shape}) != want.shape) return false;
  const auto of_want = broadcast_offsets(want.numbers->shape, want.shape);
  const auto of_have = broadcast_offsets(have.numbers->shape, want.shape);
  for (std::size_t i = 0; i < of_want.size(); ++i) {
    const double difference = want.numbers->at(of_want[i]) - have.numbers->at(of_have[i]);
    if (!(std::fabs(difference) <= kNumberTolerance)) return false;
  }
  return true;
}

/// What `id` is to tokens that are no padding: DeBERTa multiplies embeddings, and older exports shares, with the mask.
FormulaId Matcher::without_padding(FormulaId id) const {
  const Formula& formula = given(id);
  if (formula.kind == FormulaKind::kTimes && is_one_for_tokens(*formula.numbers, formula.shape, batch_))
    return formula.a;
  const bool clears = formula.kind == FormulaKind::kFill && formula.number == 0 &&
                      given(formula.a).kind == FormulaKind::kSoftmax && hides_only_padding(formula, batch_);
  return clears ? formula.a : id;
}

/// The elements that a view shows, one after another: how they are cut into axes is what uses them that says.
std::vector<Atom> elements_of(const Formula& view) {
  std::vector<Atom> atoms;
  for (const auto& axis : view.layout) atoms.insert(atoms.end(), axis.begin(), axis.end());
  merge_atoms(atoms);
  return atoms;
}

/// Whether a formula of shape `have` may be one of shape `want`: what works on rows may have them joined.
bool shapes_agree(FormulaKind kind, const Shape& want, const Shape& have) {
  if (want == have) return true;
  if (kind == FormulaKind::kView) return element_count(want) == element_count(have);
  const bool works_on_rows = kind == FormulaKind::kLinear || kind == FormulaKind::kNormalize ||
                             kind == FormulaKind::kRootNormalize || kind == FormulaKind::kAdd ||
                             kind == FormulaKind::kMultiply || kind == FormulaKind::kGelu ||
                             kind == FormulaKind::kGeluTanh || kind == FormulaKind::kSilu ||
                             kind == FormulaKind::kRelu || kind == FormulaKind::kTanh || kind == FormulaKind::kScale;
  return works_on_rows && !want.empty() && !have.empty() && want.back() == have.back() &&
         element_count(want) == element_count(have);
}

bool Matcher::is_same(FormulaId want_view, FormulaId have_view) {
  const FormulaId want = expected_.graph.formulas.same_elements(want_view);
  const FormulaId have = found_.graph.formulas.same_elements(have_view);
  const auto known = known_.find({want, have});
  if (known != known_.end()) return known->second;
  if (++comparisons_ > kMaxComparisons || depth_ == kMaxDepth) return fails(want, have);
  ++depth_;
  const auto before = std::pair(deepest_, culprit_);
  bool same = compare(want, have);
  const FormulaId bare = same ? have : without_padding(have);
  if (bare != have) {
    std::tie(deepest_, culprit_) = before;
    same = is_same(want, bare);
    if (same) operands_[{want, have}] = {{want, bare}};
  }
  --depth_;
  known_[{want, have}] = same;
  return same;
}

/// Sums of a few, in any order and with any brackets: embeddings are added so and so.
bool Matcher::compare_sums(FormulaId want, FormulaId have) {
  constexpr std::size_t kMost = 4;
  const auto terms = [](const Formulas& formulas, FormulaId sum) {
    std::vector<FormulaId> found;
    std::vector<FormulaId> open = {sum};
    while (!open.empty() && found.size() + open.size() <= kMost) {
      const Formula& next = formulas[open.back()];
      if (next.kind != FormulaKind::kAdd) {
        found.push_back(open.back());
        open.pop_back();
        continue;
      }
      open.back() = next.a;
      open.push_back(next.b);
    }
    return open.empty() ? found : std::vector<FormulaId>{};
  };
  const std::vector<FormulaId> wants = terms(expected_.graph.formulas, want);
  std::vector<FormulaId> haves = terms(found_.graph.formulas, have);
  if (wants.size() < 3 || wants.size() != haves.size()) return false;
  std::vector<Pair> pairs;
  for (const FormulaId term : wants) {
    const auto same = std::ranges::find_if(haves, [&](FormulaId other) { return is_same(term, other); });
    if (same == haves.end()) return false;
    pairs.emplace_back(term, *same);
    haves.erase(same);
  }
  operands_[{want, have}] = std::move(pairs);
  return true;
}

bool Matcher::compare(FormulaId want_id, FormulaId have_id) {
  const Formula& want = wanted(want_id);
  const Formula& have = given(have_id);
  const auto is_mask = [](const Formula& formula) {
    return formula.kind == FormulaKind::kMask || formula.kind == FormulaKind::kFill;
  };
  if (is_mask(want)) {
    const MaskedScores wanted_scores = masked_scores(expected_.graph.formulas, want_id, batch_);
    const MaskedScores given_scores = masked_scores(found_.graph.formulas, have_id, batch_);
    if (wanted_scores.sees != given_scores.sees || given_scores.sees.empty()) return fails(want_id, have_id);
    operands_[{want_id, have_id}] = {{wanted_scores.scores, given_scores.scores}};
    return is_same(wanted_scores.scores, given_scores.scores);
  }
  if (want.kind != have.kind || !shapes_agree(want.kind, want.shape, have.shape) ||
      static_cast<bool>(want.weight) != static_cast<bool>(have.weight) || !has_bias(want, have) ||
      elements_of(want) != elements_of(have) || want.offset != have.offset) {
    return fails(want_id, have_id);
  }
  const bool is_norm = want.kind == FormulaKind::kNormalize || want.kind == FormulaKind::kRootNormalize;
  if (is_norm) {
    if (eps_ && !nearly(have.number, *eps_)) return fails(want_id, have_id);
    eps_ = have.number;
  } else if (!nearly(have.number, want.number) && have.number != want.number) {
    return fails(want_id, have_id);
  }
  if (want.numbers != nullptr) {
    const bool agree = want.kind == FormulaKind::kEmbedding ? rows_agree(want, have) : numbers_agree(want, have);
    if (!agree) return fails(want_id, have_id);
  }
  if (want.b < 0) return want.a < 0 || is_same(want.a, have.a);
  // What failed on the way to an order that fits is no fault.
  const auto before = std::pair(deepest_, culprit_);
  const bool same = compare_operands(want_id, have_id);
  if (same) std::tie(deepest_, culprit_) = before;
  return same;
}

bool Matcher::compare_operands(FormulaId want_id, FormulaId have_id) {
  const Formula& want = wanted(want_id);
  const Formula& have = given(have_id);
  if (want.kind != FormulaKind::kAdd && want.kind != FormulaKind::kMultiply) {
    return is_same(want.a, have.a) && is_same(want.b, have.b);
  }
  const auto looks_alike = [&](FormulaId wanted_one, FormulaId given_one) {
    constexpr int kDepth = 4;
    return sketch(expected_.graph.formulas, wanted_one, kDepth) == sketch(found_.graph.formulas, given_one, kDepth);
  };
  const bool straight = looks_alike(want.a, have.a) && looks_alike(want.b, have.b);
  const bool turned = looks_alike(want.a, have.b) && looks_alike(want.b, have.a);
  if ((straight || !turned) && is_same(want.a, have.a) && is_same(want.b, have.b)) return true;
  // Where only one order can be meant, the other is not tried: what fails would be no fault.
  const bool only_straight = straight && !turned;
  if (!only_straight && is_same(want.a, have.b) && is_same(want.b, have.a)) {
    operands_[{want_id, have_id}] = {{want.a, have.b}, {want.b, have.a}};
    return true;
  }
  return want.kind == FormulaKind::kAdd && compare_sums(want_id, have_id);
}

std::string Matcher::describe_expected(FormulaId want) const {
  const Formula& formula = wanted(want);
  if (formula.weight) {
    const std::string_view name = expected_.file.tensors[static_cast<std::size_t>(formula.weight.tensor)].name;
    switch (formula.kind) {
      case FormulaKind::kLinear:
        return fmt::format("the linear layer of {}{}", name, formula.bias ? " with its bias" : "");
      case FormulaKind::kNormalize:
      case FormulaKind::kRootNormalize:
        return fmt::format("the normalisation of {}", name);
      default:
        return fmt::format("rows of {}", name);
    }
  }
  const OnnxNode& node = expected_.file.nodes[static_cast<std::size_t>(formula.node)];
  return fmt::format("the {} that valence writes as {}", node.op_type, node.name);
}

tl::unexpected<Error> Matcher::unexpected(FormulaId want, FormulaId have) const {
  const auto node = static_cast<std::size_t>(given(have).node);
  return not_understood(found_.file.source, found_.file.nodes[node],
                        fmt::format("in a {} classifier, here stands {}", model_type_, describe_expected(want)));
}

Status Matcher::bind_weight(FormulaId want, FormulaId have, const WeightRef& parameter, const WeightRef& tensor,
                            bool is_linear) {
  if (!parameter) return {};
  const std::string name(expected_.file.tensors[static_cast<std::size_t>(parameter.tensor)].name);
  const auto [place, is_new] = weights_.parts.try_emplace(name, FoundWeights::Part{tensor, is_linear});
  if (is_new) return {};
  switch (same_parameter(found_.file, place->second.ref, tensor)) {
    case SameParameter::kNo:
      return unexpected(want, have);
    case SameParameter::kYes:
      break;
    case SameParameter::kSecondIsQuantised:
      place->second.ref = tensor;
      break;
  }
  return {};
}

/// Names the tensors under two formulas that are the same. Not by recursion: a path may be as long as a model is deep.
Status Matcher::bind(FormulaId want_root, FormulaId have_root) {
  std::vector<Pair> open = {{want_root, have_root}};
  while (!open.empty()) {
    const Pair pair = {expected_.graph.formulas.same_elements(open.back().first),
                       found_.graph.formulas.same_elements(open.back().second)};
    open.pop_back();
    if (!bound_.insert(pair).second) continue;
    const Formula& want = wanted(pair.first);
    const Formula& have = given(pair.second);
    const auto other = operands_.find(pair);
    if (other != operands_.end()) {
      open.insert(open.end(), other->second.begin(), other->second.end());
      continue;
    }
    VALENCE_TRY_STATUS(
        bind_weight(pair.first, pair.second, want.weight, have.weight, want.kind == FormulaKind::kLinear));
    VALENCE_TRY_STATUS(bind_weight(pair.first, pair.second, want.bias, have.bias, false));
    if (want.a >= 0) open.emplace_back(want.a, have.a);
    if (want.b >= 0) open.emplace_back(want.b, have.b);
  }
  return {};
}

Result<FoundWeights> Matcher::match() {
  if (!is_same(expected_.graph.logits, found_.graph.logits)) return unexpected(culprit_.first, culprit_.second);
  VALENCE_TRY_STATUS(bind(expected_.graph.logits, found_.graph.logits));
  weights_.norm_eps = eps_.value_or(0);
  return std::move(weights_);
}

}  // namespace

Result<FoundWeights> match_formula(const WalkedFile& found, const WalkedFile& expected, const ProbeBatch& batch,
                                   std::string_view model_type) {
  return Matcher(found, expected, batch, model_type).match();
}

}  // namespace valence::onnx
