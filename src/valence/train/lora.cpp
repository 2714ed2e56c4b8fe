#include "valence/train/lora.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "valence/base/check.h"
#include "valence/train/random.h"

namespace valence::train {
namespace {

constexpr std::string_view kDown = ".lora_A.weight";
constexpr std::string_view kUp = ".lora_B.weight";

/// peft's rule for a list: the module's whole name, or its end after a dot.
bool is_target(std::string_view module, const std::vector<std::string>& targets) {
  return std::ranges::any_of(targets, [&](const std::string& target) {
    return module == target || (module.size() > target.size() && module.ends_with(target) &&
                                module[module.size() - target.size() - 1] == '.');
  });
}

/// Which modules are adapted, by a linear layer of each: a fused matrix (ModernBERT's Wqkv, GPT-2's c_attn) is several
/// layers of one name, and one module.
Result<std::vector<Network::NamedLinear>> adapted(Network& network, const LoraOptions& options) {
  const std::vector<std::string> targets =
      options.target_modules.empty() ? default_target_modules(network.spec()) : options.target_modules;
  std::vector<Network::NamedLinear> chosen;
  std::set<std::string> last_parts;
  std::set<std::string> seen;
  for (const Network::NamedLinear& each : network.linears()) {
    last_parts.insert(each.name.substr(each.name.rfind('.') + 1));
    if (is_target(each.name, targets) && seen.insert(each.name).second) chosen.push_back(each);
  }
  for (const std::string& target : targets) {
    const bool used = std::ranges::any_of(chosen, [&](const auto& each) { return is_target(each.name, {target}); });
    if (!used) {
      return fail(ErrorCode::kInvalidArgument, "--target_modules",
                  fmt::format("no linear layer of the model is called {}", target),
                  fmt::format("it has {}", fmt::join(last_parts, ", ")));
    }
  }
  return chosen;
}

/// Where a layer's outputs lie among those of its module.
struct ModuleOutputs {
  std::int64_t first = 0;  ///< the layer's first
  std::int64_t count = 0;  ///< of the whole module
};

ModuleOutputs module_outputs(const LinearParameters& own, const ParameterSet& parameters) {
  const Parameter& module = parameters.owner_of(own.weight);
  const std::int64_t offset = own.weight - parameters.values_of(module).data();
  return own.turned ? ModuleOutputs{offset, module.shape[1]} : ModuleOutputs{offset / own.stride, module.shape[0]};
}

}  // namespace

/// Source: peft 0.21, utils/constants.py, TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING, and for what it leaves
/// out (DistilBERT among others) the same two roles, in whatever matrix holds them.
std::vector<std::string> default_target_modules(const ModelSpec& spec) {
  const std::string& type = spec.model_type;
  if (type == "distilbert") return {"q_lin", "v_lin"};
  if (type == "deberta-v2") return {"query_proj", "value_proj"};
  if (type == "mpnet") return {"q", "v"};
  if (type == "gpt2") return {"c_attn"};
  if (type == "modernbert") return {"Wqkv"};
  if (type == "llama" || type == "mistral" || type == "qwen2" || type == "qwen3" || type == "nomic_bert" ||
      type == "gte") {
    return {"q_proj", "v_proj"};
  }
  return {"query", "value"};
}

std::size_t lora_room(std::span<const Shape> shapes, std::int64_t r) {
  std::size_t floats = 0;
  for (const Shape& shape : shapes) {
    if (shape.size() != 2) continue;
    for (const std::int64_t extent : shape) floats += ParameterSet::room_for(static_cast<std::size_t>(r * extent));
  }
  return floats;
}

bool is_lora_down(std::string_view name) { return name.ends_with(kDown); }
bool is_lora_parameter(std::string_view name) { return name.ends_with(kDown) || name.ends_with(kUp); }

bool is_saved_whole(std::string_view name) {
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const std::string_view module = name.substr(0, dot);
    if (module.ends_with("classifier") || module.ends_with("score")) return true;
  }
  return false;
}

double lora_scale(const LoraOptions& options) {
  const auto rank = static_cast<double>(options.r);
  return options.lora_alpha / (options.use_rslora ? std::sqrt(rank) : rank);
}

Status add_lora_parameters(Network& network, const LoraOptions& options, std::uint64_t seed, ParameterSet& parameters) {
  VALENCE_TRY(const auto chosen, adapted(network, options));
  for (const auto& each : chosen) {
    const LinearParameters& own = each.linear->own;
    const std::string down = each.name + std::string(kDown);
    parameters.add(down, {options.r, own.in_features}, [&](std::span<float> out) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(own.in_features));
      const std::uint64_t stream = stream_of(seed, down);
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(bound * (2.0 * uniform(stream, i) - 1.0));
      }
    });
    parameters.add(each.name + std::string(kUp), {module_outputs(own, parameters).count, options.r},
                   [](std::span<float> out) { std::ranges::fill(out, 0.0F); });
  }
  return {};
}

void attach_lora(Network& network, const ParameterSet& parameters, const LoraOptions& options) {
  const auto rows = [&](const Parameter& parameter, std::int64_t first, std::int64_t count) {
    LinearParameters own;
    own.out_features = count;
    own.in_features = parameter.shape[1];
    own.stride = own.in_features;
    own.weight = parameters.values_of(parameter).data() + first * own.stride;
    own.d_weight = parameters.gradient_of(own.weight);
    return own;
  };
  std::map<std::string, std::uint64_t> places;  // parts of a module see its input through one dropout
  for (const auto& each : network.linears()) {
    const Parameter* const down = parameters.find(each.name + std::string(kDown));
    const Parameter* const up = parameters.find(each.name + std::string(kUp));
    if (down == nullptr || up == nullptr) continue;
    const LinearParameters& own = each.linear->own;
    each.linear->place = places.try_emplace(each.name, each.linear->place).first->second;
    each.linear->lora = LoraUpdate{rows(*down, 0, options.r),
                                   rows(*up, module_outputs(own, parameters).first, own.out_features),
                                   static_cast<float>(lora_scale(options)),
                                   {options.lora_dropout}};
  }
}

}  // namespace valence::train
