#include "valence/data/jsonl_parser.h"

#include <fmt/format.h>

#include "valence/data/text_column.h"

namespace valence::data {
namespace {

constexpr std::string_view kJsonWhiteSpace = " \t\r\n";
constexpr std::size_t kMaxLinesWithoutObject = 1000;

std::string content_of(std::string_view raw_string) {
  std::string content;
  append_json_string_content(content, raw_string);
  return content;
}

/// The raw value at `path` below `members`: a member of that very name, else by its first dot. Empty if there is none.
std::string_view find_at_path(const std::vector<JsonMemberView>& members, std::string_view path) {
  const auto member = [&](std::string_view name) -> std::string_view {
    for (const auto& [raw_key, raw_value] : members) {
      const bool has_escapes = raw_key.find('\\') != std::string_view::npos;
      if (has_escapes ? content_of(raw_key) == name : raw_key.substr(1, raw_key.size() - 2) == name) return raw_value;
    }
    return {};
  };
  if (const auto whole = member(path); !whole.empty()) return whole;
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view outer = member(path.substr(0, dot));
  if (!outer.starts_with('{')) return {};
  std::vector<JsonMemberView> inner;
  split_json_object(outer, inner);
  return find_at_path(inner, path.substr(dot + 1));
}

}  // namespace

Status JsonlParser::open(InputBuffer& input) {
  while (!has_object_) {
    VALENCE_TRY(auto row, parse_line(input));
    if (row) {
      rows_before_.push_back(std::move(*row));
      if (!has_object_ && rows_before_.size() == kMaxLinesWithoutObject) {
        return fail(ErrorCode::kInvalidData, this->input().name,
                    fmt::format("none of the first {} lines is a JSON object", kMaxLinesWithoutObject),
                    "say what it is with --input-format");
      }
    } else if (input.at_end()) {
      return {};
    } else {
      VALENCE_TRY([[maybe_unused]] const ReadState state, input.fill(Wait::kYes));
    }
  }
  return {};
}

Result<std::optional<Row>> JsonlParser::parse(InputBuffer& input) {
  if (rows_before_.empty()) return parse_line(input);
  Row row = std::move(rows_before_.front());
  rows_before_.pop_front();
  return row;
}

Result<std::optional<Row>> JsonlParser::parse_line(InputBuffer& input) {
  while (const auto found = lines_.next(input)) {
    const std::uint64_t line = line_++;
    if (!found->is_too_long && found->text.find_first_not_of(kJsonWhiteSpace) == std::string_view::npos) continue;
    ++row_;
    if (found->is_too_long) return bad_row(line, "the line is longer than 16 MB");
    if (auto what = find_bad_line(found->text)) {
      const auto bad = find_bad_text(found->text);
      return bad_row(line, std::move(*what), bad ? bad->hint() : "", {},
                     bad ? RowProblem::kInvalidText : RowProblem::kUnreadable);
    }
    split_json_object(found->text, members_);
    if (!has_object_) VALENCE_TRY_STATUS(learn_fields(line));
    return row_of(found->text, line);
  }
  return std::nullopt;
}

std::optional<std::string> JsonlParser::find_bad_line(std::string_view text) const {
  if (const auto bad = find_bad_text(text)) return fmt::format("the line {}", bad->what());
  if (const auto problem = find_json_problem(text, kMaxJsonDepth)) return fmt::format("the line {}", *problem);
  const std::string_view value = text.substr(text.find_first_not_of(kJsonWhiteSpace));
  if (!value.starts_with('{')) return fmt::format("expected a JSON object, found {}", json_kind(value));
  return std::nullopt;
}

Status JsonlParser::learn_fields(std::uint64_t line) {
  auto columns = std::make_shared<std::vector<std::string>>();
  for (const auto& member : members_) columns->push_back(content_of(member.raw_key));
  if (input().without_text) {
    columns_ = std::move(columns);
    has_object_ = true;
    return {};
  }
  const auto& wanted = input().text_column;
  const auto usual = find_usual_text_column(*columns);
  // A mistyped name must not cost a whole run of row errors: the first object is taken for what the others are like.
  if (wanted ? find_at_path(members_, *wanted).empty() : !usual) {
    return fail(no_text_column(*columns, wanted, "field", place(line)));
  }
  const auto& pair = input().text_pair_column;
  if (pair && find_at_path(members_, *pair).empty()) return fail(no_text_column(*columns, pair, "field", place(line)));
  text_column_ = wanted ? *wanted : (*columns)[*usual];
  columns_ = std::move(columns);
  has_object_ = true;
  return {};
}

Row JsonlParser::row_of(std::string_view text, std::uint64_t line) {
  Fields carried = Fields::of_json_members();
  carried.reserve(members_.size(), text.size());
  std::string name;
  for (const auto& member : members_) {
    name.clear();
    append_json_string_content(name, member.raw_key);
    carried.add_member(name, member.raw_value);
  }
  auto content = text_column_.empty() ? Result<std::string>() : text_at(text_column_, carried);
  if (!content) {
    const bool has_none = content.error().code() == ErrorCode::kNotFound;
    return bad_row(line, content.error().what(), "", std::move(carried),
                   has_none ? RowProblem::kNoText : RowProblem::kUnreadable);
  }
  std::optional<std::string> pair;
  if (const auto& pair_column = input().text_pair_column) {
    auto second = text_at(*pair_column, carried);
    if (!second) return bad_row(line, second.error().what(), "", std::move(carried));
    pair = *std::move(second);
  }
  return Record{.row = row_,
                .line = line,
                .input = {},
                .text = *std::move(content),
                .pair = std::move(pair),
                .carried = std::move(carried)};
}

Result<std::string> JsonlParser::text_at(const std::string& path, const Fields& carried) const {
  const std::string_view raw_text = find_at_path(members_, path);
  if (raw_text.empty()) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < carried.size(); ++i) found.emplace_back(carried.name(i));
    return fail(no_text_column(found, path, "field", ""));
  }
  if (!raw_text.starts_with('"')) {
    return fail(raw_text == "null" ? ErrorCode::kNotFound : ErrorCode::kInvalidData, "",
                fmt::format("field \"{}\": expected a string, found {}", path, json_kind(raw_text)));
  }
  std::string content = content_of(raw_text);
  if (const auto nul = content.find('\0'); nul != std::string::npos) {
    return fail(ErrorCode::kInvalidData, "", fmt::format("field \"{}\" contains a NUL byte at byte {}", path, nul));
  }
  return content;
}

}  // namespace valence::data
