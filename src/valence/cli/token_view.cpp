#include "valence/cli/token_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "valence/base/json.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

/// The number of code points before each byte of a text, its end included.
class CodePointIndex {
 public:
  explicit CodePointIndex(std::string_view text) : before_(text.size() + 1) {
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      before_[i] = count;
      const bool ends_here = i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xC0U) != 0x80U;
      count += ends_here ? 1 : 0;
    }
    before_[text.size()] = count;
  }
  [[nodiscard]] std::size_t at(std::size_t byte) const { return before_[byte]; }

 private:
  std::vector<std::uint32_t> before_;
};

// Neighbours differ in colour; tokens of the tokenizer's own are dim.
constexpr std::array<std::string_view, 2> kPieceColors{"\x1b[1;36m", "\x1b[1;33m"};
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kReset = "\x1b[0m";

constexpr std::size_t kMaxShownColumns = 40;

std::string padded(std::string_view text, std::size_t columns) {
  std::string cell(text);
  cell.append(columns - std::min(columns, data::display_width(text)), ' ');
  return cell;
}

}  // namespace

std::vector<TokenView> view_tokens(const Tokenizer& tokenizer, const Encoding& encoding, std::string_view text,
                                   std::string_view pair) {
  const std::array<std::string_view, 2> texts{text, pair};
  const std::array<CodePointIndex, 2> code_points{CodePointIndex(text), CodePointIndex(pair)};
  std::vector<TokenView> views;
  views.reserve(encoding.ids.size());
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    TokenView view{.id = encoding.ids[i],
                   .token = tokenizer.id_to_token(encoding.ids[i]).value_or(""),
                   .text = {},
                   .special = encoding.special_tokens_mask[i] != 0,
                   .sequence = encoding.sequence_ids[i],
                   .type_id = encoding.type_ids[i],
                   .start = 0,
                   .stop = 0};
    if (view.special) {
      view.text = view.token;
    } else {
      const auto sequence = static_cast<std::size_t>(view.sequence);
      const ByteSpan span = encoding.offsets[i];
      view.text = texts[sequence].substr(span.begin, span.end - span.begin);
      view.start = code_points[sequence].at(span.begin);
      view.stop = code_points[sequence].at(span.end);
    }
    views.push_back(view);
  }
  return views;
}

void append_tokens_json(std::string& out, const std::vector<TokenView>& tokens, bool is_pair) {
  out += '[';
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const TokenView& token = tokens[i];
    out += fmt::format("{}{{\"id\": {}, \"text\": ", i > 0 ? ", " : "", token.id);
    append_json_string(out, token.text);
    if (token.special) {
      out += ", \"special\": true, \"start\": null, \"stop\": null";
    } else {
      out += fmt::format(", \"special\": false, \"start\": {}, \"stop\": {}", token.start, token.stop);
    }
    out += ", \"token\": ";
    append_json_string(out, token.token);
    out += fmt::format(", \"type_id\": {}", token.type_id);
    if (is_pair) out += token.special ? ", \"sequence\": null" : fmt::format(", \"sequence\": {}", token.sequence);
    out += '}';
  }
  out += ']';
}

void append_tokens_table(std::string& out, const std::vector<TokenView>& tokens, const TokenTableStyle& style) {
  struct Column {
    std::string_view title;
    bool right;
    std::vector<std::string> cells;
    std::size_t width = 0;
  };
  std::array<Column, 6> columns{{{"id", true, {}},
                                 {"token", false, {}},
                                 {"type", true, {}},
                                 {"start", true, {}},
                                 {"stop", true, {}},
                                 {"text", false, {}}}};
  const std::string_view separator = style.unicode ? "│" : "|";
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const TokenView& token = tokens[i];
    const std::string piece = data::visible(token.token);
    if (style.color) {
      out += fmt::format("{}{}{}{}", i > 0 ? " " : "", token.special ? kDim : kPieceColors[i % 2], piece, kReset);
    } else {
      out += fmt::format("{}{}", i > 0 ? separator : "", piece);
    }
    columns[0].cells.push_back(fmt::format("{}", token.id));
    columns[1].cells.push_back(data::shown(token.token, kMaxShownColumns, style.unicode));
    columns[2].cells.push_back(fmt::format("{}", token.type_id));
    columns[3].cells.push_back(token.special ? "" : fmt::format("{}", token.start));
    columns[4].cells.push_back(token.special ? "" : fmt::format("{}", token.stop));
    columns[5].cells.push_back(token.special ? "" : data::shown(token.text, kMaxShownColumns, style.unicode));
  }
  out += '\n';
  for (Column& column : columns) {
    column.width = column.title.size();
    for (const auto& cell : column.cells) column.width = std::max(column.width, data::display_width(cell));
  }
  const auto append_row = [&](auto cell_of) {
    std::string line;
    for (const Column& column : columns) {
      const std::string_view cell = cell_of(column);
      line += "  ";
      line +=
          column.right ? std::string(column.width - cell.size(), ' ') + std::string(cell) : padded(cell, column.width);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  append_row([](const Column& column) { return column.title; });
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    append_row([i](const Column& column) { return std::string_view(column.cells[i]); });
  }
}

}  // namespace valence::cli
