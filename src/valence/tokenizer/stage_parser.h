/// \file
/// What the parsers of tokenizer.json's components share: a table of types, one line each.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/json.h"

namespace valence::tokenizer {

template <class Stage>
using Parsed = Result<std::unique_ptr<const Stage>>;

template <class Stage>
struct StageType {
  std::string_view name;  // as `type` says it
  std::function<Parsed<Stage>(const Json&)> parse;
};

template <class Base, class Derived, class... Arguments>
Parsed<Base> make(Arguments&&... arguments) {
  return std::unique_ptr<const Base>(std::make_unique<const Derived>(std::forward<Arguments>(arguments)...));
}

/// `stage` "type" is not among `types`, which the hint lists.
template <class Types>
tl::unexpected<Error> not_supported(const Json& json, std::string_view stage, const std::string& type,
                                    const Types& types) {
  std::string what(stage);
  what += " \"" + type + "\" is not supported";
  std::string known;
  for (const auto& candidate : types) {
    if (!known.empty()) known += ", ";
    known += candidate.name;
  }
  return fail(ErrorCode::kUnsupported, json.where(), std::move(what),
              "valence knows " + known + "; use a model with one of these");
}

template <class Stage>
Parsed<Stage> parse_stage(const Json& json, std::string_view stage, std::span<const StageType<Stage>> types) {
  VALENCE_TRY(const std::string type, json.string("type"));
  const auto known =
      std::find_if(types.begin(), types.end(), [&](const auto& candidate) { return candidate.name == type; });
  if (known == types.end()) return not_supported(json, stage, type, types);
  return known->parse(json);
}

/// The stages of the array `key`, each by `parse_one`.
template <class Stage, class ParseOne>
Result<std::vector<std::unique_ptr<const Stage>>> parse_steps(const Json& json, std::string_view key,
                                                              ParseOne parse_one) {
  VALENCE_TRY(const Json list, json.at(key));
  VALENCE_TRY(const auto items, list.items());
  std::vector<std::unique_ptr<const Stage>> steps;
  for (const Json& item : items) {
    VALENCE_TRY(auto step, parse_one(item));
    steps.push_back(std::move(step));
  }
  return steps;
}

/// The member `key`, a string of one character. Defined in component_parser.cpp.
Result<char32_t> parse_character(const Json& json, std::string_view key);

}  // namespace valence::tokenizer
