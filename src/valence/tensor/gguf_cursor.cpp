#include "valence/tensor/gguf_cursor.h"

#include <fmt/format.h>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence {

void GgufCursor::enter(std::string_view kind, std::uint64_t index) {
  kind_ = kind;
  index_ = index;
  name_ = {};
}

Result<std::span<const std::byte>> GgufCursor::take(std::uint64_t size, std::string_view what) {
  if (size > remaining()) {
    return refuse(
        fmt::format("{} takes {} bytes, but {} are left: the file is truncated or damaged", what, size, remaining()));
  }
  const auto bytes = image_.subspan(at_, size);
  at_ += size;
  return bytes;
}

Result<std::string_view> GgufCursor::string(std::uint64_t max_bytes, std::string_view what) {
  VALENCE_TRY(const auto size, number<std::uint64_t>("a length"));
  if (size > max_bytes && size <= remaining()) {
    return refuse(fmt::format("{} has {} bytes, more than the {} allowed", what, size, max_bytes));
  }
  VALENCE_TRY(const auto bytes, take(size, what));
  return gguf_text(bytes);
}

Result<std::string_view> GgufCursor::name_string(std::uint64_t max_bytes, std::string_view what) {
  VALENCE_TRY(const std::string_view text, string(max_bytes, what));
  if (text.empty()) return refuse(fmt::format("{} is empty", what));
  if (find_invalid_utf8(text) || text.find('\0') != text.npos) return refuse(fmt::format("{} is not UTF-8 text", what));
  return text;
}

tl::unexpected<Error> GgufCursor::refuse(std::string_view what, ErrorCode code, std::string hint) const {
  std::string place;
  if (!name_.empty()) {
    place = fmt::format("{} {}: ", kind_, in_quotes(name_));
  } else if (!kind_.empty()) {
    place = fmt::format("{} number {}: ", kind_, index_);
  }
  return fail(code, source_, fmt::format("{}{} (byte {})", place, what, at_), std::move(hint));
}

}  // namespace valence
