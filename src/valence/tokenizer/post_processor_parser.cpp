/// \file
/// post_processor of tokenizer.json: which tokens it puts around a text, and whether it trims offsets.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "valence/tokenizer/component_parser.h"

namespace valence::tokenizer {
namespace {

Result<std::int32_t> parse_token_id(const Json& json, std::int64_t vocabulary_size) {
  VALENCE_TRY(const std::int64_t id, json.as_integer());
  if (id < 0 || id >= vocabulary_size) {
    return json.invalid(fmt::format("id {} of a special token: expected 0 to {}", id, vocabulary_size - 1));
  }
  return static_cast<std::int32_t>(id);
}

/// ["[SEP]", 102]
Result<std::int32_t> parse_named_id(const Json& json, std::string_view key, std::int64_t vocabulary_size) {
  VALENCE_TRY(const Json named, json.at(key));
  VALENCE_TRY(const auto items, named.items());
  if (items.size() != 2) return named.invalid("expected a token and its id");
  return parse_token_id(items[1], vocabulary_size);
}

Result<std::vector<std::int32_t>> parse_special_ids(const Json& special_tokens, const std::string& name,
                                                    std::int64_t vocabulary_size) {
  VALENCE_TRY(const Json special, special_tokens.at(name));
  VALENCE_TRY(const Json list, special.at("ids"));
  VALENCE_TRY(const auto items, list.items());
  std::vector<std::int32_t> ids;
  for (const Json& item : items) {
    VALENCE_TRY(const std::int32_t id, parse_token_id(item, vocabulary_size));
    ids.push_back(id);
  }
  return ids;
}

Result<TemplatePiece> parse_piece(const Json& json, const Json& special_tokens, std::int64_t vocabulary_size) {
  using Kind = TemplatePiece::Kind;
  const auto special = json.find("SpecialToken");
  const auto sequence = json.find("Sequence");
  if (special.has_value() == sequence.has_value()) return json.invalid("expected a Sequence or a SpecialToken");
  const Json& piece = special ? *special : *sequence;
  VALENCE_TRY(const std::string id, piece.string("id"));
  VALENCE_TRY(const std::int64_t type_id, piece.integer("type_id"));
  if (type_id < 0 || type_id > INT32_MAX)
    return piece.invalid(fmt::format("type_id {}: expected 0 to {}", type_id, INT32_MAX));
  TemplatePiece parsed{Kind::kSpecial, static_cast<std::int32_t>(type_id), {}};
  if (special) {
    VALENCE_TRY(parsed.special_ids, parse_special_ids(special_tokens, id, vocabulary_size));
  } else if (id == "A" || id == "B") {
    parsed.kind = id == "A" ? Kind::kFirst : Kind::kSecond;
  } else {
    return piece.invalid(fmt::format("sequence \"{}\": expected A or B", id));
  }
  return parsed;
}

Result<std::vector<TemplatePiece>> parse_template(const Json& json, std::string_view key,
                                                  std::int64_t vocabulary_size) {
  using Kind = TemplatePiece::Kind;
  VALENCE_TRY(const Json special_tokens, json.at("special_tokens"));
  VALENCE_TRY(const Json list, json.at(key));
  VALENCE_TRY(const auto items, list.items());
  std::vector<TemplatePiece> pieces;
  for (const Json& item : items) {
    VALENCE_TRY(auto piece, parse_piece(item, special_tokens, vocabulary_size));
    pieces.push_back(std::move(piece));
  }
  const auto count = [&](Kind kind) {
    return std::count_if(pieces.begin(), pieces.end(), [kind](const auto& piece) { return piece.kind == kind; });
  };
  const bool pair = key == "pair";
  if (count(Kind::kFirst) != 1 || count(Kind::kSecond) != (pair ? 1 : 0)) {
    return list.invalid(pair ? "expected sequences A and B, each once" : "expected sequence A, once");
  }
  return pieces;
}

/// A post-processor, alone or a step of a Sequence, on its way into one PostProcessor.
class PostProcessorParser {
 public:
  explicit PostProcessorParser(std::int64_t vocabulary_size) : vocabulary_size_(vocabulary_size) {}

  Status parse(const Json& json) {
    VALENCE_TRY(const std::string type, json.string("type"));
    if (type == "Sequence") return parse_sequence(json);
    if (type == "ByteLevel") return parse_trim(json);
    if (type == "RobertaProcessing") return parse_roberta(json);
    if (type == "BertProcessing") return parse_bert(json);
    if (type == "TemplateProcessing") return parse_template_processing(json);
    return fail(ErrorCode::kUnsupported, json.where(), fmt::format("post_processor \"{}\" is not supported", type),
                "valence knows BertProcessing, ByteLevel, RobertaProcessing, Sequence and TemplateProcessing; use a "
                "model with one of these");
  }
  [[nodiscard]] PostProcessor take() {
    if (!has_template_) {
      auto trims = std::move(parsed_.trims);
      parsed_ = PostProcessor::plain();
      parsed_.trims = std::move(trims);
    }
    return std::move(parsed_);
  }

 private:
  Status parse_sequence(const Json& json) {
    VALENCE_TRY(const Json list, json.at("processors"));
    VALENCE_TRY(const auto steps, list.items());
    for (const Json& step : steps) VALENCE_TRY_STATUS(parse(step));
    return {};
  }

  Status parse_trim(const Json& json) {
    SpaceTrim trim;
    VALENCE_TRY(trim.add_prefix_space, json.boolean("add_prefix_space"));
    VALENCE_TRY(const bool trim_offsets, json.boolean("trim_offsets"));
    if (!trim_offsets) return {};
    if (has_template_) {
      return fail(ErrorCode::kUnsupported, json.where(), "trims offsets after special tokens have been added",
                  "put it before the step that adds them");
    }
    if (parsed_.trims.size() == kMaxTrims) {
      return fail(ErrorCode::kUnsupported, json.where(), fmt::format("trims offsets more than {} times", kMaxTrims));
    }
    parsed_.trims.push_back(trim);
    return {};
  }

  Status parse_roberta(const Json& json) {
    VALENCE_TRY_STATUS(parse_trim(json));
    VALENCE_TRY_STATUS(begin_template(json));
    VALENCE_TRY(const std::int32_t cls_id, parse_named_id(json, "cls", vocabulary_size_));
    VALENCE_TRY(const std::int32_t sep_id, parse_named_id(json, "sep", vocabulary_size_));
    take_template(PostProcessor::roberta(cls_id, sep_id));
    return {};
  }

  Status parse_bert(const Json& json) {
    VALENCE_TRY_STATUS(begin_template(json));
    VALENCE_TRY(const std::int32_t cls_id, parse_named_id(json, "cls", vocabulary_size_));
    VALENCE_TRY(const std::int32_t sep_id, parse_named_id(json, "sep", vocabulary_size_));
    take_template(PostProcessor::bert(cls_id, sep_id));
    return {};
  }

  Status parse_template_processing(const Json& json) {
    VALENCE_TRY_STATUS(begin_template(json));
    VALENCE_TRY(parsed_.single, parse_template(json, "single", vocabulary_size_));
    VALENCE_TRY(parsed_.pair, parse_template(json, "pair", vocabulary_size_));
    return {};
  }

  Status begin_template(const Json& json) {
    if (has_template_) {
      return fail(ErrorCode::kUnsupported, json.where(), "a second step that adds special tokens",
                  "join the two into one TemplateProcessing");
    }
    has_template_ = true;
    return {};
  }

  void take_template(PostProcessor added) {
    parsed_.single = std::move(added.single);
    parsed_.pair = std::move(added.pair);
  }

  static constexpr std::size_t kMaxTrims = 8;

  std::int64_t vocabulary_size_;
  PostProcessor parsed_;
  bool has_template_ = false;
};

}  // namespace

Result<PostProcessor> parse_post_processor(const Json& json, std::int64_t vocabulary_size) {
  PostProcessorParser parser(vocabulary_size);
  VALENCE_TRY_STATUS(parser.parse(json));
  return parser.take();
}

}  // namespace valence::tokenizer
