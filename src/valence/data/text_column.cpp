#include "valence/data/text_column.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

bool equal_in_any_case(const std::string& a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), b.size()) == 0;
}

std::string listed(std::span<const std::string> columns) {
  constexpr std::size_t kListed = 20;
  constexpr std::size_t kShownColumns = 60;
  std::string list;
  for (const auto& column : columns.first(std::min(columns.size(), kListed))) {
    if (!list.empty()) list += ", ";
    list += shown(column, kShownColumns);
  }
  if (columns.size() > kListed) list += fmt::format(" and {} more", columns.size() - kListed);
  return list;
}

}  // namespace

std::optional<std::size_t> find_usual_text_column(std::span<const std::string> columns) {
  for (const std::string_view usual : kUsualTextColumns) {
    const auto found = std::find(columns.begin(), columns.end(), usual);
    if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  }
  for (const std::string_view usual : kUsualTextColumns) {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return equal_in_any_case(c, usual); });
    if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  }
  return std::nullopt;
}

Error no_text_column(std::span<const std::string> columns, const std::optional<std::string>& wanted,
                     std::string_view kind, std::string where) {
  const std::string found =
      columns.empty() ? fmt::format("there are no {}s", kind) : fmt::format("the {}s are: {}", kind, listed(columns));
  if (wanted) {
    return {ErrorCode::kNotFound, std::move(where), fmt::format("no {} \"{}\"; {}", kind, *wanted, found)};
  }
  return {ErrorCode::kNotFound, std::move(where), fmt::format("no {} has a usual name for texts; {}", kind, found),
          "say which with --text-column"};
}

}  // namespace valence::data
