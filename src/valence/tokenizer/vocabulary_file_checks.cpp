#include "valence/tokenizer/vocabulary_file_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/protobuf_cursor.h"

namespace valence::tokenizer {
namespace {

/// A vocabulary's values are counted by its parser, as tokens.
PieceCheck check_json(std::string source_name, std::size_t max_token_bytes) {
  const JsonLimits limits{.max_token_bytes = max_token_bytes, .max_values = SIZE_MAX};
  return
      [source = std::move(source_name), bounds = JsonBounds(limits)](
          std::string_view so_far, std::size_t checked) mutable { return bounds.feed(so_far.substr(checked), source); };
}

}  // namespace

PieceCheck check_token_lines(std::string source_name) {
  return [source = std::move(source_name), line = std::size_t{1}, line_begin = std::size_t{0}](
             std::string_view so_far, std::size_t checked) mutable -> Status {
    while (true) {
      const std::size_t end = std::min(so_far.find('\n', checked), so_far.size());
      if (end - line_begin > kMaxTokenLineBytes) {
        return fail(ErrorCode::kInvalidData, fmt::format("{}:{}", source, line),
                    fmt::format("has more than {} bytes, expected one token or merge a line", kMaxTokenLineBytes));
      }
      if (end == so_far.size()) return {};
      ++line;
      checked = line_begin = end + 1;
    }
  };
}

PieceCheck check_tokenizer_json(std::string source_name) {
  return check_json(std::move(source_name), kTokenizerJsonLimits.max_token_bytes);
}

PieceCheck check_vocab_json(std::string source_name) { return check_json(std::move(source_name), kMaxTokenLineBytes); }

PieceCheck check_sentencepiece_fields(std::string source_name) {
  constexpr std::size_t kMaxHeaderBytes = 20;  // a key and a size
  constexpr std::uint32_t kPieces = 1;
  constexpr std::uint64_t kMaxPartBytes = 16U << 20U;  // of the settings and the rules of normalization
  return
      [source = std::move(source_name), next = std::size_t{0}](std::string_view so_far, std::size_t) mutable -> Status {
        // The last headers of the file are left to the parser.
        while (next + kMaxHeaderBytes <= so_far.size()) {
          ProtobufCursor rest(so_far.substr(next), next, source);
          VALENCE_TRY(const auto header, rest.next_header());
          if (!header) return {};
          const bool has_bytes = header->type == ProtobufType::kBytes;
          const std::uint64_t most = header->number == kPieces ? kMaxTokenLineBytes : kMaxPartBytes;
          if (has_bytes && header->value > most) {
            return rest.refuse(next, fmt::format("field {} has {} bytes, more than the {} allowed here", header->number,
                                                 header->value, most));
          }
          next += rest.position() + (has_bytes ? static_cast<std::size_t>(header->value) : 0);
        }
        return {};
      };
}

}  // namespace valence::tokenizer
