#include "valence/train/base_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "valence/base/json.h"
#include "valence/model/arch/registry.h"
#include "valence/model/config.h"
#include "valence/model/config_names.h"
#include "valence/model/config_rewrite.h"
#include "valence/train/random.h"

namespace valence::train {
namespace {

// In the layer of the mean, a token's own state joins the mean as the residual: so much weaker.
constexpr float kMeanOverState = 1000.0F;

/// One parameter on its way into the set.
struct Planned {
  std::string name;
  Shape shape;
  TensorView view;
  enum class Start { kStored, kNormal, kZero, kOne, kIdentity, kLargeIdentity } start = Start::kStored;

  [[nodiscard]] std::size_t size() const {
    std::size_t elements = 1;
    for (const std::int64_t extent : shape) elements *= static_cast<std::size_t>(extent);
    return elements;
  }
};

class Maker {
 public:
  Maker(const ModelSpec& spec, const Checkpoint& checkpoint, std::uint64_t seed)
      : spec_(spec), names_(find_architecture(spec.model_type)->names), checkpoint_(checkpoint), seed_(seed) {
    const std::string word = fmt::format("{}.weight", names_.word_embeddings);
    bare_ = !checkpoint.find(word) && checkpoint.find(word.substr(names_.base_prefix.size())).has_value();
  }

  /// Whether the checkpoint's classifier has so many outputs.
  [[nodiscard]] bool has_classifier(std::int64_t outputs) const {
    const auto view = checkpoint_.find(fmt::format("{}.weight", names_.classifier));
    return view && view->shape.size() == 2 && view->shape[0] == outputs;
  }

  Result<BaseModel> make(std::string config_json, bool keeps_classifier, double deviation, const BaseOptions& options);

 private:
  void plan_stored(bool keeps_classifier);
  void plan_head();
  void plan_mean_layer();
  [[nodiscard]] std::string mean_layer() const {
    return fmt::format("{}.{}", names_.layers, spec_.encoder.num_hidden_layers - 1);
  }
  void plan_fresh(const std::string& name, Shape shape, Planned::Start start) {
    const auto same = [&](const Planned& each) { return each.name == name; };
    if (std::ranges::any_of(planned_, same)) return;
    planned_.push_back({name, std::move(shape), {}, start});
    fresh_.push_back(name);
  }
  [[nodiscard]] bool is_scale(const std::string& name) const {
    constexpr std::string_view kScale = "_scale";
    return name.ends_with(kScale) && checkpoint_.find(name.substr(0, name.size() - kScale.size())).has_value();
  }
  void fill(const Planned& planned, std::span<float> out, double deviation) const;

  const ModelSpec& spec_;
  const TensorNames& names_;
  const Checkpoint& checkpoint_;
  std::uint64_t seed_;
  bool bare_ = false;
  std::vector<Planned> planned_;
  std::vector<std::string> fresh_;
};

void Maker::plan_stored(bool keeps_classifier) {
  const std::string classifier = fmt::format("{}.", names_.classifier);
  for (const std::string& name : checkpoint_.names()) {
    const TensorView view = *checkpoint_.find(name);
    if (is_scale(name) || (!is_floating(view.dtype) && view.dtype != DType::kI8)) continue;
    std::string whole = bare_ ? std::string(names_.base_prefix) + name : name;
    if (!keeps_classifier && whole.starts_with(classifier)) {
      const std::string_view member = std::string_view(whole).substr(classifier.size());
      if (member == "weight" || member == "bias") continue;
    }
    planned_.push_back({std::move(whole), view.shape, view, Planned::Start::kStored});
  }
}

void Maker::plan_head() {
  const HeadSpec& head = spec_.head;
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const auto plan = [&](std::string_view module, std::int64_t outputs, bool bias) {
    plan_fresh(fmt::format("{}.weight", module), {outputs, hidden}, Planned::Start::kNormal);
    if (bias) plan_fresh(fmt::format("{}.bias", module), {outputs}, Planned::Start::kZero);
  };
  if (head.has_dense) {
    plan(names_.head_dense, hidden, head.dense_bias);
    if (head.dense_norm) {
      plan_fresh(fmt::format("{}.weight", names_.head_norm), {hidden}, Planned::Start::kOne);
      if (spec_.encoder.biases.norm) {
        plan_fresh(fmt::format("{}.bias", names_.head_norm), {hidden}, Planned::Start::kZero);
      }
    }
  }
  plan(names_.classifier, head.num_labels(), head.classifier_bias);
}

/// Queries and keys of zero look at all tokens alike, the values are the states, and the feed-forward adds nothing.
void Maker::plan_mean_layer() {
  using Start = Planned::Start;
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t inner = spec_.encoder.intermediate_size;
  const std::string layer = mean_layer();
  const auto linear = [&](std::string_view name, std::int64_t outputs, std::int64_t inputs, Start start) {
    plan_fresh(fmt::format("{}.{}.weight", layer, name), {outputs, inputs}, start);
    plan_fresh(fmt::format("{}.{}.bias", layer, name), {outputs}, Start::kZero);
  };
  linear(names_.query, hidden, hidden, Start::kZero);
  linear(names_.key, hidden, hidden, Start::kZero);
  linear(names_.value, hidden, hidden, Start::kLargeIdentity);
  linear(names_.attention_output, hidden, hidden, Start::kIdentity);
  linear(names_.intermediate, inner, hidden, Start::kZero);
  linear(names_.output, hidden, inner, Start::kZero);
  for (const std::string_view norm : {names_.attention_norm, names_.output_norm}) {
    plan_fresh(fmt::format("{}.{}.weight", layer, norm), {hidden}, Start::kOne);
    plan_fresh(fmt::format("{}.{}.bias", layer, norm), {hidden}, Start::kZero);
  }
}

void Maker::fill(const Planned& planned, std::span<float> out, double deviation) const {
  switch (planned.start) {
    case Planned::Start::kNormal:
      fill_normal(out, deviation, stream_of(seed_, planned.name));
      return;

    case Planned::Start::kZero:
      std::ranges::fill(out, 0.0F);
      return;
    case Planned::Start::kOne:
      std::ranges::fill(out, 1.0F);
      return;
    case Planned::Start::kIdentity:
    case Planned::Start::kLargeIdentity: {
      const auto width = static_cast<std::size_t>(planned.shape.back());
      std::ranges::fill(out, 0.0F);
      for (std::size_t i = 0; i < width; ++i) {
        out[i * width + i] = planned.start == Planned::Start::kIdentity ? 1.0F : kMeanOverState;
      }
      return;
    }
    case Planned::Start::kStored:
      break;
  }
  copy_as_f32(planned.view, out);
  if (planned.view.dtype != DType::kI8) return;
  const std::string name = bare_ ? planned.name.substr(names_.base_prefix.size()) : planned.name;
  const auto scales = checkpoint_.find(name + "_scale");
  if (!scales || planned.shape.empty()) return;
  std::vector<float> by_row(static_cast<std::size_t>(scales->elements()));
  copy_as_f32(*scales, by_row);
  const std::size_t columns = out.size() / by_row.size();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] *= by_row[i / columns];
}

Result<BaseModel> Maker::make(std::string config_json, bool keeps_classifier, double deviation,
                              const BaseOptions& options) {
  plan_stored(keeps_classifier);
  plan_head();
  if (options.adds_mean_layer) plan_mean_layer();
  // Bound once as the checkpoint has them: what no role claims is left out, and errors name the checkpoint.
  Checkpoint trial = Checkpoint::from_tensors({}, checkpoint_.source());
  TensorTable table;
  std::vector<std::byte> blank;
  for (const Planned& planned : planned_) {
    if (planned.start == Planned::Start::kStored) {
      table.emplace(planned.name, planned.view);
      const std::string stored = bare_ ? planned.name.substr(names_.base_prefix.size()) : planned.name;
      if (const auto scale = checkpoint_.find(stored + "_scale")) table.emplace(planned.name + "_scale", *scale);
    } else {
      blank.resize(std::max(blank.size(), planned.size() * sizeof(float)));
    }
  }
  for (const Planned& planned : planned_) {
    if (planned.start == Planned::Start::kStored) continue;
    table.emplace(planned.name,
                  TensorView{DType::kF32, planned.shape, std::span(blank).first(planned.size() * sizeof(float))});
  }
  trial = Checkpoint::from_tensors(std::move(table), checkpoint_.source());
  VALENCE_TRY(const ModelWeights claimed, bind_weights(spec_, trial));
  const std::set<std::string> dropped(claimed.unused.begin(), claimed.unused.end());

  BaseModel base;
  base.config_json = std::move(config_json);
  base.spec = spec_;
  base.fresh = fresh_;
  if (options.adds_mean_layer) base.mean_layer = mean_layer();
  base.dropped = claimed.unused;
  std::size_t floats = 0;
  std::vector<Shape> shapes;
  for (const Planned& planned : planned_) {
    if (dropped.contains(planned.name)) continue;
    floats += ParameterSet::room_for(planned.size());
    shapes.push_back(planned.shape);
  }
  if (options.room_beside) floats += options.room_beside(shapes);
  base.parameters.reserve(floats);
  for (const Planned& planned : planned_) {
    if (dropped.contains(planned.name)) continue;
    base.parameters.add(planned.name, planned.shape, [&](std::span<float> out) { fill(planned, out, deviation); });
  }
  VALENCE_TRY(base.weights,
              bind_weights(spec_, Checkpoint::from_tensors(base.parameters.tensors(), checkpoint_.source())));
  return base;
}

/// Whether two lists name the same labels, in any order.
bool same_labels(std::vector<std::string> a, std::vector<std::string> b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

}  // namespace

bool can_add_mean_layer(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  return encoder.norm_placement == NormPlacement::kPost && encoder.norm_kind == NormKind::kLayerNorm &&
         encoder.has_plain_attention() && encoder.layer_groups == 0 && !encoder.gated && encoder.biases.qkv &&
         encoder.biases.attention_output && encoder.biases.ffn_in && encoder.biases.ffn_out && encoder.biases.norm &&
         spec.head.pooling == Pooling::kFirst && spec.head.has_dense && spec.head.dense_bias &&
         spec.head.classifier_bias;
}

Result<BaseModel> make_base_model(std::string_view config_json, const Checkpoint& checkpoint, const HeadRequest& head,
                                  const BaseOptions& options) {
  VALENCE_TRY(const Json stored, Json::parse(config_json, checkpoint.source() + "/config.json"));
  VALENCE_TRY(const ModelSpec original, parse_config(stored));
  HeadRequest wanted = head;
  const bool same = same_labels(original.head.labels, head.labels) && original.head.problem_type == head.problem_type &&
                    original.head.pooling != Pooling::kNone;
  const bool keeps_classifier =
      same && Maker(original, checkpoint, options.seed).has_classifier(original.head.num_labels());
  if (keeps_classifier) wanted.labels = original.head.labels;

  ConfigMembers members = label_members(wanted.labels, wanted.problem_type);
  members.emplace_back("architectures", fmt::format("[\"{}\"]", sequence_classifier_class(original.model_type)));
  members.emplace_back("dtype", "\"float32\"");
  if (options.adds_mean_layer) {
    members.emplace_back(find_architecture(original.model_type)->keys.num_hidden_layers,
                         std::to_string(original.encoder.num_hidden_layers + 1));
  }
  constexpr std::array<std::string_view, 3> kReplaced{"num_labels", "torch_dtype", "quantization_config"};
  VALENCE_TRY(const std::string text, config_with(config_json, members, kReplaced));
  VALENCE_TRY(const Json config, Json::parse(text, checkpoint.source() + "/config.json"));
  VALENCE_TRY(const ModelSpec spec, parse_config(config));
  VALENCE_TRY(const double deviation, config.number_or("initializer_range", 0.02));
  return Maker(spec, checkpoint, options.seed).make(text, keeps_classifier, deviation, options);
}

}  // namespace valence::train
