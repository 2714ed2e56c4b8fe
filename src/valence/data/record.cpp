#include "valence/data/record.h"

#include "valence/base/check.h"

namespace valence::data {

Fields Fields::of_text(std::string_view text) {
  static const auto kColumns = std::make_shared<const std::vector<std::string>>(1, "text");
  Fields fields(kColumns);
  fields.add_cell(text);
  return fields;
}

Fields Fields::of_pair(std::string_view text, std::string_view pair) {
  static const auto kColumns =
      std::make_shared<const std::vector<std::string>>(std::initializer_list<std::string>{"text", "text_pair"});
  Fields fields(kColumns);
  fields.add_cell(text);
  fields.add_cell(pair);
  return fields;
}

void Fields::add_cell(std::string_view value) {
  VALENCE_ASSERT(columns_ && ends_.size() < columns_->size(), "a row has no more cells than its header");
  bytes_ += value;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

void Fields::add_member(std::string_view name, std::string_view raw_value) {
  bytes_ += name;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  bytes_ += raw_value;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

void Fields::reserve(std::size_t fields, std::size_t bytes) {
  ends_.reserve(columns_ ? fields : 2 * fields);
  bytes_.reserve(bytes);
}

std::string_view Fields::piece(std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(bytes_).substr(begin, ends_[index] - begin);
}

std::string_view Fields::name(std::size_t index) const {
  return columns_ ? std::string_view((*columns_)[index]) : piece(2 * index);
}

std::string_view Fields::value(std::size_t index) const { return columns_ ? piece(index) : piece(2 * index + 1); }

Record record_of_text(std::uint64_t row, std::string text, std::optional<std::string> pair) {
  Fields carried = pair ? Fields::of_pair(text, *pair) : Fields::of_text(text);
  return {.row = row,
          .line = row,
          .input = {},
          .text = std::move(text),
          .pair = std::move(pair),
          .carried = std::move(carried)};
}

}  // namespace valence::data
