#include "valence/model/adapter_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace valence {
namespace {

/// Settings of LoraConfig (PEFT 0.19) that change what the tensors mean when they are set.
constexpr std::array<std::string_view, 7> kChangesTheArithmetic = {
    "use_qalora",        "use_bdlora",        "alora_invocation_tokens", "arrow_config",
    "layer_replication", "target_parameters", "trainable_token_indices"};

bool is_set(const Json& value) {
  if (value.is_boolean()) return value.as_boolean().value_or(true);
  if (value.is_array()) return !value.items().value_or(std::vector<Json>{}).empty();
  if (value.is_object()) return !value.members().value_or(std::vector<std::pair<std::string, Json>>{}).empty();
  return true;
}

Status refuse(const Json& config, std::string what) {
  return fail(ErrorCode::kUnsupported, config.where(), std::move(what),
              "merge it into its base with PEFT (merge_and_unload) and load the merged model");
}

/// PEFT matches the keys of a pattern as regular expressions at the end of a module's name. Names are what is met.
Status parse_alpha_pattern(const Json& config, AdapterConfig& parsed) {
  const auto pattern = config.find("alpha_pattern");
  if (!pattern) return {};
  VALENCE_TRY(const auto members, pattern->members());
  for (const auto& [key, value] : members) {
    const bool plain = std::all_of(key.begin(), key.end(), [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
    if (!plain) return refuse(config, fmt::format("alpha_pattern {}: only names are supported", in_quotes(key)));
    VALENCE_TRY(const double alpha, value.as_number());
    parsed.alpha_pattern.emplace_back(key, alpha);
  }
  return {};
}

}  // namespace

double AdapterConfig::scale(std::string_view module, std::int64_t rank) const {
  double own = alpha;
  for (const auto& [suffix, value] : alpha_pattern) {
    const bool whole = module.size() == suffix.size() ||
                       (module.size() > suffix.size() && module[module.size() - suffix.size() - 1] == '.');
    if (whole && module.ends_with(suffix)) {
      own = value;
      break;
    }
  }
  return own / (rank_stabilised ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
}

Result<AdapterConfig> parse_adapter_config(const Json& config) {
  VALENCE_TRY(const std::string type, config.string("peft_type"));
  if (type != "LORA") {
    return fail(ErrorCode::kUnsupported, config.where(),
                fmt::format("peft_type {}: only \"LORA\" is supported", in_quotes(type)));
  }
  for (const std::string_view key : kChangesTheArithmetic) {
    const auto value = config.find(key);
    if (value && is_set(*value)) VALENCE_TRY_STATUS(refuse(config, fmt::format("{} is set, and not built in", key)));
  }
  if (const auto initial = config.find("init_lora_weights"); initial && initial->is_string()) {
    VALENCE_TRY(const std::string how, initial->as_string());
    for (const std::string_view changes_base : {"pissa", "olora", "corda", "loftq"}) {
      if (how.starts_with(changes_base)) {
        VALENCE_TRY_STATUS(refuse(
            config, fmt::format("init_lora_weights {} changed the base model's weights as well", in_quotes(how))));
      }
    }
  }
  AdapterConfig parsed;
  VALENCE_TRY(parsed.alpha, config.number_or("lora_alpha", 8));
  VALENCE_TRY(parsed.rank_stabilised, config.boolean_or("use_rslora", false));
  VALENCE_TRY(parsed.magnitudes, config.boolean_or("use_dora", false));
  VALENCE_TRY_STATUS(parse_alpha_pattern(config, parsed));
  return parsed;
}

}  // namespace valence
