#include "valence/model/config_values.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

namespace valence {
namespace {

struct NamedActivation {
  std::string_view name;
  Activation activation;
};

/// transformers' names, activations.py: those whose formula is one of ours.
constexpr std::array kActivations = {
    NamedActivation{"gelu", Activation::kGelu},
    NamedActivation{"gelu_python", Activation::kGelu},
    NamedActivation{"gelu_new", Activation::kGeluTanh},
    NamedActivation{"gelu_fast", Activation::kGeluTanh},
    NamedActivation{"gelu_accurate", Activation::kGeluTanh},
    NamedActivation{"gelu_pytorch_tanh", Activation::kGeluTanh},
    NamedActivation{"gelu_python_tanh", Activation::kGeluTanh},
    NamedActivation{"relu", Activation::kRelu},
    NamedActivation{"silu", Activation::kSilu},
    NamedActivation{"swish", Activation::kSilu},
    NamedActivation{"tanh", Activation::kTanh},
};

}  // namespace

Result<std::int64_t> size_between(const Json& config, std::string_view key, std::int64_t smallest,
                                  std::int64_t largest) {
  VALENCE_TRY(const Json value, config.at(key));
  VALENCE_TRY(const std::int64_t size, value.as_integer());
  if (size < smallest || size > largest) {
    return value.invalid(fmt::format("expected an integer from {} to {}, found {}", smallest, largest, size));
  }
  return size;
}

Result<std::int64_t> size_or(const Json& config, std::string_view key, std::int64_t fallback, std::int64_t smallest,
                             std::int64_t largest) {
  return config.find(key) ? size_between(config, key, smallest, largest) : Result<std::int64_t>(fallback);
}

Result<double> positive_or(const Json& config, std::string_view key, double fallback) {
  VALENCE_TRY(const double value, config.number_or(key, fallback));
  if (!(value > 0 && std::isfinite(value))) {
    return config.invalid(fmt::format("{} {}: expected a number above 0", key, value));
  }
  return value;
}

Result<Activation> activation_or(const Json& config, std::string_view key, std::string_view fallback) {
  VALENCE_TRY(const std::string named, config.string_or(key, std::string(fallback)));
  for (const auto& [name, activation] : kActivations) {
    if (name == named) return activation;
  }
  return config.invalid(
      fmt::format("{} {}: expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh", key, in_quotes(named)));
}

Result<float> epsilon_or(const Json& config, std::string_view key, double fallback) {
  if (key.empty()) return static_cast<float>(fallback);
  VALENCE_TRY(const double eps, config.number_or(key, fallback));
  if (!(eps > 0 && eps < 1)) return config.invalid(fmt::format("{} {}: expected a number between 0 and 1", key, eps));
  return static_cast<float>(eps);
}

Status expect_object(const Json& value) {
  if (value.is_object()) return {};
  return value.members().map([](const auto&) {});
}

Result<RotarySpec> parse_rotary_parameters(const Json& parameters, double default_theta) {
  VALENCE_TRY_STATUS(expect_object(parameters));
  RotarySpec rotary;
  VALENCE_TRY(rotary.theta, positive_or(parameters, "rope_theta", default_theta));
  const bool old_name = !parameters.find("rope_type") && parameters.find("type");
  VALENCE_TRY(const std::string type, parameters.string_or(old_name ? "type" : "rope_type", "default"));
  VALENCE_TRY(const double partial, positive_or(parameters, "partial_rotary_factor", 1.0));
  if (partial != 1.0) {
    return unsupported(parameters, fmt::format("partial_rotary_factor {}: only 1 is supported", partial));
  }
  if (type == "default") return rotary;
  if (type != "linear" && type != "llama3") {
    return unsupported(parameters,
                       fmt::format("rope_type {}: expected one of default, linear, llama3", in_quotes(type)));
  }
  VALENCE_TRY(rotary.factor, parameters.number("factor"));
  if (!(rotary.factor >= 1)) return parameters.invalid(fmt::format("factor {}: expected at least 1", rotary.factor));
  rotary.scaling = RotarySpec::Scaling::kLinear;
  if (type == "linear") return rotary;
  rotary.scaling = RotarySpec::Scaling::kLlama3;
  VALENCE_TRY(rotary.low_freq_factor, positive_or(parameters, "low_freq_factor", 1));
  VALENCE_TRY(rotary.high_freq_factor, positive_or(parameters, "high_freq_factor", 4));
  VALENCE_TRY(rotary.original_max_position_embeddings,
              positive_or(parameters, "original_max_position_embeddings", 8192));
  if (rotary.high_freq_factor <= rotary.low_freq_factor) {
    return parameters.invalid(fmt::format("high_freq_factor {}: expected more than low_freq_factor, {}",
                                          rotary.high_freq_factor, rotary.low_freq_factor));
  }
  return rotary;
}

Result<RotarySpec> parse_rotary(const Json& config, double default_theta) {
  VALENCE_TRY(const double theta, positive_or(config, "rope_theta", default_theta));
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    if (const auto parameters = config.find(key)) return parse_rotary_parameters(*parameters, theta);
  }
  RotarySpec rotary;
  rotary.theta = theta;
  return rotary;
}

Result<std::vector<bool>> parse_layer_types(const Json& layer_types, std::int64_t layers) {
  std::vector<bool> full;
  VALENCE_TRY(const auto items, layer_types.items());
  for (const Json& item : items) {
    VALENCE_TRY(const std::string type, item.as_string());
    if (type != "full_attention" && type != "sliding_attention") {
      return item.invalid(fmt::format("{}: expected full_attention or sliding_attention", in_quotes(type)));
    }
    full.push_back(type == "full_attention");
  }
  if (static_cast<std::int64_t>(full.size()) != layers) {
    return layer_types.invalid(fmt::format("names {} layers, but num_hidden_layers is {}", full.size(), layers));
  }
  return full;
}

tl::unexpected<Error> unsupported(const Json& config, std::string_view what, std::string_view hint) {
  return fail(ErrorCode::kUnsupported, config.where(), std::string(what), std::string(hint));
}

}  // namespace valence
