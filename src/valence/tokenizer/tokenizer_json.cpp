#include "valence/tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <unordered_set>

#include "valence/base/json.h"

namespace valence::tokenizer {

std::string json_string(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string merges_json(const MergeRules& merges) {
  std::string json = "[";
  const std::string_view arena = merges.arena;
  for (const auto& rule : merges.rules) {
    if (json.size() > 1) json += ',';
    json += '[';
    append_json_string(json, arena.substr(rule.offset, rule.left_size));
    json += ',';
    append_json_string(json, arena.substr(rule.offset + rule.left_size, rule.right_size));
    json += ']';
  }
  return json + ']';
}

std::string vocabulary_json(const GgmlVocabulary& given, const std::vector<std::string_view>& tokens) {
  std::unordered_set<std::string_view> later;
  later.reserve(tokens.size());
  std::vector<bool> counts(tokens.size());
  for (std::size_t id = tokens.size(); id-- > 0;) {
    counts[id] = given.type_of(id) != GgmlVocabulary::kUnused && later.insert(tokens[id]).second;
  }
  std::string json = "{";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!counts[id]) continue;
    if (json.size() > 1) json += ',';
    append_json_string(json, tokens[id]);
    json += ':';
    json += std::to_string(id);
  }
  return json + '}';
}

std::string around_each_json(const AroundTexts& around) {
  if (around.before.empty() && around.after.empty()) return {};
  const auto pieces = [&](std::string_view text, int type) {
    std::string json;
    const auto add = [&](const std::string& piece) { json += (json.empty() ? "" : ",") + piece; };
    const auto special = [&](const AroundTexts::Special& token) {
      add(fmt::format(R"({{"SpecialToken":{{"id":{},"type_id":{}}}}})", json_string(token.content), type));
    };
    for (const auto& token : around.before) special(token);
    add(fmt::format(R"({{"Sequence":{{"id":"{}","type_id":{}}}}})", text, type));
    for (const auto& token : around.after) special(token);
    return json;
  };
  std::string known;
  const auto tell = [&](const AroundTexts::Special& token) {
    known += fmt::format(R"({}{}:{{"id":{},"ids":[{}],"tokens":[{}]}})", known.empty() ? "" : ",",
                         json_string(token.content), json_string(token.content), token.id, json_string(token.content));
  };
  for (const auto& token : around.before) tell(token);
  for (const auto& token : around.after) {
    if (around.before.empty() || around.before.front().content != token.content) tell(token);
  }
  return fmt::format(R"({{"type":"TemplateProcessing","single":[{}],"pair":[{},{}],"special_tokens":{{{}}}}})",
                     pieces("A", 0), pieces("A", 0), pieces("B", 1), known);
}

std::string TokenizerJson::text() const {
  std::string json = R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)";
  bool is_first = true;
  for (const AddedToken& token : added_tokens) {
    json += fmt::format(
        R"({}{{"id":{},"content":{},"single_word":{},"lstrip":{},"rstrip":{},"normalized":{},"special":{}}})",
        is_first ? "" : ",", token.id, json_string(token.content), token.single_word, token.lstrip, token.rstrip,
        token.normalized, token.special);
    is_first = false;
  }
  json += ']';
  const auto stage = [&](std::string_view name, const std::string& text) {
    json += fmt::format(",\"{}\":", name);
    json += text.empty() ? "null" : text;
  };
  stage("normalizer", normalizer);
  stage("pre_tokenizer", pre_tokenizer);
  stage("post_processor", post_processor);
  stage("decoder", decoder);
  stage("model", model);
  return json + '}';
}

}  // namespace valence::tokenizer
