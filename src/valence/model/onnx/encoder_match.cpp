#include "valence/model/onnx/encoder_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "valence/model/onnx/node_view.h"
#include "valence/model/weight_export.h"

namespace valence::onnx {
namespace {

// Exporters write -inf, the least number of the type, or, years ago, -10000.
constexpr double kLeastMask = -9000;

FormulaKind kind_of(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return FormulaKind::kGelu;
    case Activation::kGeluTanh:
      return FormulaKind::kGeluTanh;
    case Activation::kRelu:
      return FormulaKind::kRelu;
    case Activation::kSilu:
      return FormulaKind::kSilu;
    case Activation::kTanh:
      return FormulaKind::kTanh;
    case Activation::kNone:
      break;
  }
  return FormulaKind::kAdd;  // which is no activation
}

/// Whether the formula of such a classifier is known here: BERT's and what differs from it by names, widths, positions
/// and shared layers.
Status check_kind(const OnnxFile& file, const ModelSpec& spec) {
  if (is_like_bert(spec)) return {};
  return fail(
      ErrorCode::kUnsupported, file.source,
      fmt::format("ONNX files of such a {} model are not read, only of sequence classifiers of the kind of BERT",
                  spec.model_type),
      "give the Hugging Face directory that it was exported from");
}

class Matcher {
 public:
  Matcher(const OnnxFile& file, const WalkedGraph& graph, const ProbeBatch& batch, const ModelSpec& spec,
          const Architecture& architecture)
      : file_(file),
        formulas_(graph.formulas),
        batch_(batch),
        spec_(spec),
        architecture_(architecture),
        names_(architecture.names) {}

  Result<FoundWeights> match(FormulaId logits);

 private:
  /// A Result whose error names the node that made `id`.
  [[nodiscard]] tl::unexpected<Error> unexpected(FormulaId id, std::string_view expected) const {
    const auto node = static_cast<std::size_t>(formulas_[id].node);
    return not_understood(file_.source, file_.nodes[node],
                          fmt::format("in a {} classifier, here stands {}", spec_.model_type, expected));
  }
  Result<const Formula*> expect(FormulaId id, FormulaKind kind, std::string_view expected) const {
    if (formulas_[id].kind != kind) return unexpected(id, expected);
    return &formulas_[id];
  }
  Result<FormulaId> linear(FormulaId id, const std::string& name);
  Result<FormulaId> layer_norm(FormulaId id, const std::string& name);
  Status keep(FormulaId id, const std::string& name, const WeightRef& ref, bool is_linear);
  [[nodiscard]] bool is_same(const WeightRef& a, const WeightRef& b) const;
  Result<FormulaId> layer(FormulaId id, std::int64_t index);
  Result<FormulaId> attention(FormulaId context, const std::string& prefix);
  Result<FormulaId> masked_scores(FormulaId id) const;
  Status check_mask(FormulaId id, const Formula& mask) const;
  Status check_heads(FormulaId id, const Formula& split, bool turned, std::string_view role) const;
  Status embeddings(FormulaId id);
  Status embedding(FormulaId id);
  [[nodiscard]] bool takes_rows(const Formula& table, const std::vector<std::int64_t>& rows) const;

  const OnnxFile& file_;
  const Formulas& formulas_;
  const ProbeBatch& batch_;
  const ModelSpec& spec_;
  const Architecture& architecture_;
  const TensorNames& names_;
  FoundWeights found_;
  bool in_layer_ = false;
  std::optional<double> eps_;
};

Status Matcher::keep(FormulaId id, const std::string& name, const WeightRef& ref, bool is_linear) {
  const auto [place, is_new] = found_.parts.try_emplace(name, FoundWeights::Part{ref, is_linear, in_layer_});
  if (!is_new && !is_same(place->second.ref, ref)) return unexpected(id, fmt::format("{} as before", name));
  return {};
}

/// Layers that share their parameters (ALBERT) may have them several times in a file, once a layer.
bool Matcher::is_same(const WeightRef& a, const WeightRef& b) const {
  const auto equal = [&](std::int32_t first, std::int32_t second) {
    if (first == second) return true;
    if (first < 0 || second < 0) return false;
    const OnnxTensor& x = file_.tensors[static_cast<std::size_t>(first)];
    const OnnxTensor& y = file_.tensors[static_cast<std::size_t>(second)];
    return x.type == y.type && x.dims == y.dims && std::ranges::equal(x.bytes, y.bytes);
  };
  return a.transposed == b.transposed && a.axis == b.axis && equal(a.tensor, b.tensor) && equal(a.scale, b.scale) &&
         equal(a.zero_point, b.zero_point);
}

Result<FormulaId> Matcher::linear(FormulaId id, const std::string& name) {
  VALENCE_TRY(const Formula* const formula, expect(id, FormulaKind::kLinear, fmt::format("the linear layer {}", name)));
  if (!formula->bias) return unexpected(id, fmt::format("the linear layer {} with a bias", name));
  VALENCE_TRY_STATUS(keep(id, name + ".weight", formula->weight, true));
  VALENCE_TRY_STATUS(keep(id, name + ".bias", formula->bias, false));
  return formula->a;
}

Result<FormulaId> Matcher::layer_norm(FormulaId id, const std::string& name) {
  VALENCE_TRY(const Formula* const formula,
              expect(id, FormulaKind::kNormalize, fmt::format("the layer normalisation {}", name)));
  if (!formula->weight || !formula->bias) {
    return unexpected(id, fmt::format("the layer normalisation {} with weight and bias", name));
  }
  if (eps_ && !nearly(formula->number, *eps_)) {
    return unexpected(id, fmt::format("a layer normalisation with the epsilon of the others, {}", *eps_));
  }
  eps_ = formula->number;
  VALENCE_TRY_STATUS(keep(id, name + ".weight", formula->weight, false));
  VALENCE_TRY_STATUS(keep(id, name + ".bias", formula->bias, false));
  return formula->a;
}

bool Matcher::takes_rows(const Formula& table, const std::vector<std::int64_t>& rows) const {
  const Shape shape = {batch_.batch_size, batch_.sequence_length};
  const ProbeTensor& indices = *table.numbers;
  if (broadcast_shape({&indices.shape, &shape}) != shape) return false;
  const auto offsets = broadcast_offsets(indices.shape, shape);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    // What a row of padding is does not matter: nothing looks at it.
    if (batch_.attention_mask[i] == 1 && indices.integers[offsets[i]] != rows[i]) return false;
  }
  return true;
}

Status Matcher::embedding(FormulaId id) {
  const Formula& table = formulas_[id];
  constexpr auto kExpected = "the sum of the word, position and token type embeddings";
  if (table.kind != FormulaKind::kEmbedding) return unexpected(id, kExpected);
  std::vector<std::int64_t> positions;
  for (std::int64_t b = 0; b < batch_.batch_size; ++b) {
    for (std::int64_t s = 0; s < batch_.sequence_length; ++s) positions.push_back(spec_.encoder.first_position + s);
  }
  const std::vector<std::int64_t> zeros(positions.size(), 0);
  struct Role {
    std::string_view name;
    const std::vector<std::int64_t>* rows;
  };
  // Without the input token_type_ids a graph takes them all to be zero, which they are for single texts.
  for (const Role& role :
       {Role{names_.word_embeddings, &batch_.input_ids}, Role{names_.position_embeddings, &positions},
        Role{names_.token_type_embeddings, &batch_.token_type_ids}, Role{names_.token_type_embeddings, &zeros}}) {
    const bool is_there = role.name != names_.token_type_embeddings || spec_.encoder.type_vocab_size > 0;
    if (!is_there || !takes_rows(table, *role.rows)) continue;
    return keep(id, std::string(role.name) + ".weight", table.weight, false);
  }
  return unexpected(id, kExpected);
}

Status Matcher::embeddings(FormulaId id) {
  if (spec_.encoder.embedding_size > 0) {
    VALENCE_TRY(id, linear(id, std::string(names_.embedding_projection)));
  }
  VALENCE_TRY(const FormulaId sum, layer_norm(id, std::string(names_.embeddings_norm)));
  const std::size_t wanted = spec_.encoder.type_vocab_size == 0 ? 2 : 3;
  std::vector<FormulaId> open = {sum};
  std::size_t tables = 0;
  while (!open.empty()) {
    const FormulaId next = open.back();
    open.pop_back();
    if (formulas_[next].kind == FormulaKind::kAdd && open.size() + tables < wanted) {
      open.push_back(formulas_[next].a);
      open.push_back(formulas_[next].b);
      continue;
    }
    const std::size_t before = found_.parts.size();
    VALENCE_TRY_STATUS(embedding(next));
    if (found_.parts.size() == before) return unexpected(next, "another table, for this one was added before");
    ++tables;
  }
  if (tables != wanted) return unexpected(sum, "the sum of the word, position and token type embeddings");
  return {};
}

/// That `mask` lets every token of the batch see those of its own text, and no padding.
Status Matcher::check_mask(FormulaId id, const Formula& mask) const {
  const bool fills = mask.kind == FormulaKind::kFill;
  const auto offsets = broadcast_offsets(mask.numbers->shape, mask.shape);
  const auto tokens = static_cast<std::size_t>(batch_.sequence_length);
  const std::size_t heads = offsets.size() / (static_cast<std::size_t>(batch_.batch_size) * tokens * tokens);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::size_t key = i % tokens;
    const std::size_t query = i / tokens % tokens;
    const std::size_t text = i / (tokens * tokens * heads);
    if (batch_.attention_mask[text * tokens + query] == 0) continue;
    const double value = mask.numbers->at(offsets[i]);
    const double added = fills ? (value != 0 ? mask.number : 0) : value;
    const bool sees = batch_.attention_mask[text * tokens + key] == 1;
    if (sees ? added != 0 : !(added < kLeastMask)) return unexpected(id, "the mask of padding");
  }
  return {};
}

/// The scores under any masks, unscaled; checks the scale.
Result<FormulaId> Matcher::masked_scores(FormulaId id) const {
  for (int masks = 0; masks < 3; ++masks) {
    const Formula& formula = formulas_[id];
    if (formula.kind != FormulaKind::kMask && formula.kind != FormulaKind::kFill) break;
    VALENCE_TRY_STATUS(check_mask(id, formula));
    id = formula.a;
  }
  const Formulas::Scaled scaled = formulas_.without_factor(id);
  const double expected = 1 / std::sqrt(static_cast<double>(spec_.encoder.head_size()));
  if (!nearly(scaled.factor, expected)) {
    return unexpected(id, fmt::format("attention scaled by {:.6g}, not {:.6g}", expected, scaled.factor));
  }
  return scaled.id;
}

/// `split` must be [batch, tokens, hidden] as [batch, heads, tokens, head_size], or with the last two turned.
Status Matcher::check_heads(FormulaId id, const Formula& split, bool turned, std::string_view role) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t head = spec_.encoder.head_size();
  const std::int64_t heads = spec_.encoder.num_attention_heads;
  const std::int64_t tokens = batch_.sequence_length;
  Layout expected = whole_layout({batch_.batch_size, 1, 1, 1});
  const auto axis = [](std::int64_t size, std::int64_t stride) {
    return size == 1 ? std::vector<Atom>{} : std::vector<Atom>{{size, stride}};
  };
  expected[0] = axis(batch_.batch_size, tokens * hidden);
  expected[1] = axis(heads, head);
  expected[2] = turned ? axis(head, 1) : axis(tokens, hidden);
  expected[3] = turned ? axis(tokens, hidden) : axis(head, 1);
  if (split.shape.size() != 4 || formulas_.layout_of(id) != expected) {
    return unexpected(id, fmt::format("the {} in {} heads of {}", role, heads, head));
  }
  return {};
}

/// From the context, [batch, tokens, hidden], to the hidden states that queries, keys and values are made of.
Result<FormulaId> Matcher::attention(FormulaId context, const std::string& prefix) {
  const FormulaId products = formulas_.behind_view(context);
  VALENCE_TRY(const Formula* const product, expect(products, FormulaKind::kProduct, "attention over the values"));
  const std::int64_t head = spec_.encoder.head_size();
  const std::int64_t tokens = batch_.sequence_length;
  const std::int64_t heads = spec_.encoder.num_attention_heads;
  // [batch, heads, tokens, head_size] read as [batch, tokens, hidden].
  Layout joined(3);
  const auto push = [](std::vector<Atom>& axis, std::int64_t size, std::int64_t stride) {
    if (size > 1) axis.push_back({size, stride});
  };
  push(joined[0], batch_.batch_size, heads * tokens * head);
  push(joined[1], tokens, head);
  push(joined[2], heads, tokens * head);
  push(joined[2], head, 1);
  if (heads > 1 && tokens == 1) joined[2] = {{heads * head, 1}};
  if (heads == 1) joined[2] = {{head, 1}};
  if (formulas_.layout_of(context) != joined) return unexpected(context, "the heads, side by side again");
  VALENCE_TRY(const Formula* const softmax, expect(product->a, FormulaKind::kSoftmax, "the softmax of attention"));
  VALENCE_TRY(const FormulaId scores_id, masked_scores(softmax->a));
  VALENCE_TRY(const Formula* const scores, expect(scores_id, FormulaKind::kProduct, "queries times keys"));
  VALENCE_TRY_STATUS(check_heads(scores->a, formulas_[scores->a], false, "query"));
  VALENCE_TRY_STATUS(check_heads(scores->b, formulas_[scores->b], true, "key"));
  VALENCE_TRY_STATUS(check_heads(product->b, formulas_[product->b], false, "value"));
  VALENCE_TRY(const FormulaId query, linear(formulas_.behind_view(scores->a), prefix + std::string(names_.query)));
  VALENCE_TRY(const FormulaId key, linear(formulas_.behind_view(scores->b), prefix + std::string(names_.key)));
  VALENCE_TRY(const FormulaId value, linear(formulas_.behind_view(product->b), prefix + std::string(names_.value)));
  if (key != query) return unexpected(key, "what the queries are made of");
  if (value != query) return unexpected(value, "what the queries are made of");
  return query;
}

/// From a layer's output to its input.
Result<FormulaId> Matcher::layer(FormulaId id, std::int64_t index) {
  const std::string prefix = (architecture_.layer_module != nullptr ? architecture_.layer_module(spec_, index)
                                                                    : fmt::format("{}.{}", names_.layers, index)) +
                             ".";
  // The branch is the linear layer over what `inner` says; its input may be a linear layer too.
  const auto residual = [&](FormulaId sum_id, FormulaKind inner,
                            std::string_view branch) -> Result<std::pair<FormulaId, FormulaId>> {
    VALENCE_TRY(const Formula* const sum, expect(sum_id, FormulaKind::kAdd, fmt::format("{} plus its input", branch)));
    const auto is_branch = [&](FormulaId candidate) {
      const Formula& formula = formulas_[candidate];
      return formula.kind == FormulaKind::kLinear && formulas_[formulas_.behind_view(formula.a)].kind == inner;
    };
    return is_branch(sum->a) ? std::pair(sum->a, sum->b) : std::pair(sum->b, sum->a);
  };
  VALENCE_TRY(const FormulaId output_sum, layer_norm(id, prefix + std::string(names_.output_norm)));
  VALENCE_TRY(const auto feed_forward,
              residual(output_sum, kind_of(spec_.encoder.hidden_act), "the feed-forward block"));
  VALENCE_TRY(const FormulaId activated, linear(feed_forward.first, prefix + std::string(names_.output)));
  VALENCE_TRY(const Formula* const activation,
              expect(activated, kind_of(spec_.encoder.hidden_act), "the activation that config.json names"));
  VALENCE_TRY(const FormulaId middle, linear(activation->a, prefix + std::string(names_.intermediate)));
  if (middle != feed_forward.second) return unexpected(feed_forward.second, "the input of the feed-forward block");

  VALENCE_TRY(const FormulaId attention_sum, layer_norm(middle, prefix + std::string(names_.attention_norm)));
  VALENCE_TRY(const auto attended, residual(attention_sum, FormulaKind::kProduct, "attention"));
  VALENCE_TRY(const FormulaId context, linear(attended.first, prefix + std::string(names_.attention_output)));
  VALENCE_TRY(const FormulaId input, attention(context, prefix));
  if (input != attended.second) return unexpected(attended.second, "the input of attention");
  return input;
}

Result<FoundWeights> Matcher::match(FormulaId logits) {
  VALENCE_TRY(const FormulaId activated, linear(logits, std::string(names_.classifier)));
  VALENCE_TRY(const Formula* const activation,
              expect(activated, kind_of(spec_.head.dense_act), "the activation of the head's dense layer"));
  VALENCE_TRY(const FormulaId first, linear(activation->a, std::string(names_.head_dense)));
  VALENCE_TRY(const Formula* const first_token, expect(first, FormulaKind::kFirst, "the first token"));
  FormulaId hidden = first_token->a;
  in_layer_ = true;
  for (std::int64_t i = spec_.encoder.num_hidden_layers; i-- > 0;) {
    VALENCE_TRY(hidden, layer(hidden, i));
  }
  in_layer_ = false;
  VALENCE_TRY_STATUS(embeddings(hidden));
  found_.layer_norm_eps = *eps_;
  return std::move(found_);
}

}  // namespace

Result<FoundWeights> match_encoder(const OnnxFile& file, const WalkedGraph& graph, const ProbeBatch& batch,
                                   const ModelSpec& spec, const Architecture& architecture) {
  VALENCE_TRY_STATUS(check_kind(file, spec));
  return Matcher(file, graph, batch, spec, architecture).match(graph.logits);
}

}  // namespace valence::onnx
