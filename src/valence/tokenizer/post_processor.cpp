#include "valence/tokenizer/post_processor.h"

namespace valence::tokenizer {

PostProcessor PostProcessor::plain() {
  using enum TemplatePiece::Kind;
  return {{{kFirst, 0, {}}}, {{kFirst, 0, {}}, {kSecond, 1, {}}}};
}

PostProcessor PostProcessor::bert(std::int32_t cls_id, std::int32_t sep_id) {
  using enum TemplatePiece::Kind;
  const TemplatePiece cls{kSpecial, 0, {cls_id}};
  const TemplatePiece sep{kSpecial, 0, {sep_id}};
  const TemplatePiece second_sep{kSpecial, 1, {sep_id}};
  return {{cls, {kFirst, 0, {}}, sep}, {cls, {kFirst, 0, {}}, sep, {kSecond, 1, {}}, second_sep}};
}

PostProcessor PostProcessor::roberta(std::int32_t cls_id, std::int32_t sep_id) {
  using enum TemplatePiece::Kind;
  const TemplatePiece cls{kSpecial, 0, {cls_id}};
  const TemplatePiece sep{kSpecial, 0, {sep_id}};
  return {{cls, {kFirst, 0, {}}, sep}, {cls, {kFirst, 0, {}}, sep, sep, {kSecond, 0, {}}, sep}};
}

PostProcessor PostProcessor::around_each(const std::vector<std::int32_t>& before,
                                         const std::vector<std::int32_t>& after) {
  using Kind = TemplatePiece::Kind;
  PostProcessor post_processor;
  const auto append = [&](std::vector<TemplatePiece>& pieces, Kind text, std::int32_t type_id) {
    if (!before.empty()) pieces.push_back({Kind::kSpecial, type_id, before});
    pieces.push_back({text, type_id, {}});
    if (!after.empty()) pieces.push_back({Kind::kSpecial, type_id, after});
  };
  append(post_processor.single, Kind::kFirst, 0);
  append(post_processor.pair, Kind::kFirst, 0);
  append(post_processor.pair, Kind::kSecond, 1);
  return post_processor;
}

std::size_t PostProcessor::special_tokens_in(const std::vector<TemplatePiece>& pieces) {
  std::size_t count = 0;
  for (const auto& piece : pieces) count += piece.special_ids.size();
  return count;
}

}  // namespace valence::tokenizer
