#include "valence/tokenizer/merge_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

constexpr std::string_view kVersion = "#version";

}  // namespace

Status add_merge_line(std::string_view line, const std::string& where, MergeRules& merges) {
  if (line.starts_with(kVersion)) return {};
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("{}: expected two tokens with one space between them", in_quotes(line)));
  }
  merges.add(line.substr(0, space), line.substr(space + 1));
  return {};
}

Result<MergeRules> read_merges_txt(std::string_view text, const std::string& source_name) {
  if (const auto invalid = find_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidData, source_name, fmt::format("invalid UTF-8 at byte {}", *invalid));
  }
  MergeRules merges;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    VALENCE_TRY_STATUS(add_merge_line(line, fmt::format("{}:{}", source_name, number), merges));
    if (merges.rules.size() > kMaxMerges) break;  // Bpe::build says so
  }
  return merges;
}

}  // namespace valence::tokenizer
