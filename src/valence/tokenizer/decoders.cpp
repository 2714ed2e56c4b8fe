#include "valence/tokenizer/decoders.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "valence/base/utf8.h"
#include "valence/tokenizer/byte_level.h"

namespace valence::tokenizer {
namespace {

tl::unexpected<Error> too_long() {
  return fail(ErrorCode::kInvalidData, "",
              fmt::format("the decoder makes more than {} bytes of the ids", kMaxDecodedBytes),
              "look at the Replace steps of the tokenizer's decoder");
}

/// Every `literal`, which is not empty, by `content`; nothing if that is longer than kMaxDecodedBytes.
std::optional<std::string> replaced(std::string_view text, std::string_view literal, std::string_view content) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t found = text.find(literal, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += content;
    if (out.size() > kMaxDecodedBytes) return std::nullopt;
    at = found + literal.size();
  }
}

void replace_all(std::string& text, std::string_view literal, std::string_view content) {
  if (text.find(literal) != std::string::npos) text = *replaced(text, literal, content);
}

// The replacements of Hugging Face's wordpiece::cleanup, in its order.
struct Cleaned {
  std::string_view dirty;
  std::string_view clean;
};
constexpr Cleaned kCleaned[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

void clean_up(std::string& token) {
  for (const auto& [dirty, clean] : kCleaned) replace_all(token, dirty, clean);
}

/// The byte that each character stands for, by code point; -1 for none.
const std::vector<int>& byte_of_character() {
  static const std::vector<int> bytes = [] {
    const auto& characters = byte_characters();
    std::vector<int> built(*std::max_element(characters.begin(), characters.end()) + 1, -1);
    for (int byte = 0; byte < 256; ++byte) built[characters[static_cast<std::size_t>(byte)]] = byte;
    return built;
  }();
  return bytes;
}

/// Appends the bytes that `token` spells, or `token` itself if some character spells none.
void append_spelled_bytes(std::string& out, std::string_view token) {
  const auto& byte_of = byte_of_character();
  const std::size_t before = out.size();
  for (std::size_t i = 0; i < token.size();) {
    const auto [code_point, size_bytes] = decode_utf8(token, i);
    if (code_point >= byte_of.size() || byte_of[code_point] < 0) {
      out.resize(before);
      out += token;
      return;
    }
    out += static_cast<char>(byte_of[code_point]);
    i += size_bytes;
  }
}

/// 0x41 of "<0x41>".
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const int high = digit(token[3]);
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

}  // namespace

Status WordPieceDecoder::apply(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0) {
      if (token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else {
        token.insert(0, 1, ' ');
      }
    }
    if (cleanup_) clean_up(token);
  }
  return {};
}

Status ByteLevelDecoder::apply(std::vector<std::string>& tokens) const {
  std::string bytes;
  for (const std::string& token : tokens) append_spelled_bytes(bytes, token);
  tokens.assign(1, to_valid_utf8(bytes));
  return {};
}

Status MetaspaceDecoder::apply(std::vector<std::string>& tokens) const {
  std::string replacement;
  append_utf8(replacement, replacement_);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    replace_all(tokens[i], replacement, i == 0 && prepends_ ? "" : " ");
  }
  return {};
}

Status BpeDecoder::apply(std::vector<std::string>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }
  return {};
}

Status ReplaceDecoder::apply(std::vector<std::string>& tokens) const {
  std::size_t size = 0;
  for (std::string& token : tokens) {
    if (const auto* literal = std::get_if<std::string>(&pattern_)) {
      auto out = replaced(token, *literal, content_);
      if (!out) return too_long();
      token = *std::move(out);
    } else {
      const std::u32string characters = to_code_points(token);
      VALENCE_TRY(const auto matches, std::get<Regex>(pattern_).find_all(characters));
      if (matches.size() * content_.size() > kMaxDecodedBytes) return too_long();
      std::string out;
      std::size_t at = 0;
      for (const RegexMatch& match : matches) {
        for (; at < match.begin; ++at) append_utf8(out, characters[at]);
        out += content_;
        at = match.end;
      }
      for (; at < characters.size(); ++at) append_utf8(out, characters[at]);
      token = std::move(out);
    }
    size += token.size();
    if (size > kMaxDecodedBytes) return too_long();
  }
  return {};
}

Status StripDecoder::apply(std::vector<std::string>& tokens) const {
  std::string content;
  append_utf8(content, content_);
  for (std::string& token : tokens) {
    std::string_view kept = token;
    for (std::size_t cut = 0; cut < start_ && kept.starts_with(content); ++cut) kept.remove_prefix(content.size());
    for (std::size_t cut = 0; cut < stop_ && kept.ends_with(content); ++cut) kept.remove_suffix(content.size());
    token = std::string(kept);
  }
  return {};
}

Status FuseDecoder::apply(std::vector<std::string>& tokens) const {
  std::string fused;
  for (const std::string& token : tokens) fused += token;
  tokens.assign(1, std::move(fused));
  return {};
}

Status ByteFallbackDecoder::apply(std::vector<std::string>& tokens) const {
  std::vector<std::string> decoded;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (find_invalid_utf8(bytes)) {
      decoded.insert(decoded.end(), bytes.size(), "\uFFFD");
    } else {
      decoded.push_back(bytes);
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = fallback_byte(token)) {
      bytes += *byte;
    } else {
      flush();
      decoded.push_back(std::move(token));
    }
  }
  flush();
  tokens = std::move(decoded);
  return {};
}

Status CtcDecoder::apply(std::vector<std::string>& tokens) const {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  for (std::string& token : tokens) {
    replace_all(token, pad_token_, "");
    if (!cleanup_) continue;
    clean_up(token);
    replace_all(token, word_delimiter_token_, " ");
  }
  std::erase(tokens, "");
  return {};
}

Status DecoderSequence::apply(std::vector<std::string>& tokens) const {
  for (const auto& step : steps_) VALENCE_TRY_STATUS(step->apply(tokens));
  return {};
}

}  // namespace valence::tokenizer
