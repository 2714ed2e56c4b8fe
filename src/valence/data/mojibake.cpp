#include "valence/data/mojibake.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "valence/base/utf8.h"
#include "valence/data/encoding.h"

namespace valence::data {
namespace {

constexpr int kMostRounds = 3;
constexpr std::size_t kUsualRun = 3;  // characters in a row that make an unusual lead byte credible

/// The byte that windows-1252 or Latin-1 shows as `c`; nothing below 0x80 and for characters they lack.
std::optional<unsigned char> byte_of(char32_t c) {
  if (c >= 0x80 && c <= 0xFF) return static_cast<unsigned char>(c);
  if (c < 0x152 || c > 0x2122) return std::nullopt;
  for (unsigned byte = 0x80; byte < 0xA0; ++byte) {
    if (windows1252_code_point(static_cast<unsigned char>(byte)) == c) return static_cast<unsigned char>(byte);
  }
  return std::nullopt;
}

struct HighCharacter {
  unsigned char byte;
  std::uint32_t begin;  // in the text
};

/// Of bytes that begin at `at`: how many make one character of UTF-8 with a lead byte; 0 if they do not.
std::size_t sequence_size(const std::vector<HighCharacter>& run, std::size_t at) {
  const unsigned lead = run[at].byte;
  const std::size_t size = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (size == 0 || lead > 0xF4 || at + size > run.size()) return 0;
  std::array<char, 4> bytes{};
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(run[at + i].byte);
  return find_invalid_utf8({bytes.data(), size}) ? 0 : size;
}

bool is_usual(const std::vector<HighCharacter>& run, std::size_t at) {
  const unsigned lead = run[at].byte;
  const unsigned second = run[at + 1].byte;
  if (lead == 0xC2 || lead == 0xC3) return true;
  if (lead == 0xE2) return second >= 0x80 && second <= 0xAF;  // punctuation and symbols, U+2000 to U+2BFF
  return lead == 0xF0 && second == 0x9F;                      // emoji
}

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "MANHÃ…": a word in capitals that ends in Ã, and punctuation.
bool is_end_of_capitals(std::string_view text, const std::vector<HighCharacter>& run, std::size_t at,
                        std::size_t end_of_pair) {
  const unsigned second = run[at + 1].byte;
  const bool is_punctuation = second == 0x85 || (second >= 0x91 && second <= 0x97) || second == 0xBB || second == 0x9B;
  const std::uint32_t begin = run[at].begin;
  const bool follows_capital = begin > 0 && text[begin - 1] >= 'A' && text[begin - 1] <= 'Z';
  const bool word_goes_on = end_of_pair < text.size() && is_ascii_letter(text[end_of_pair]);
  return is_punctuation && follows_capital && !word_goes_on;
}

/// One round over `text`.
bool append_decoded_once(std::string& out, std::string_view text) {
  bool found = false;
  std::vector<HighCharacter> run;
  std::size_t at = 0;
  while (at < text.size()) {
    run.clear();
    std::size_t end = at;
    while (end < text.size() && static_cast<signed char>(text[end]) < 0) {
      const DecodedCodePoint c = decode_utf8(text, end);
      const auto byte = byte_of(c.value);
      if (!byte) break;
      run.push_back({*byte, static_cast<std::uint32_t>(end)});
      end += c.size_bytes;
    }
    const auto begin_of = [&](std::size_t index) { return index < run.size() ? run[index].begin : end; };
    std::size_t sequences = 0;
    for (std::size_t i = 0; i < run.size(); ++sequences) {
      const std::size_t size = sequence_size(run, i);
      if (size == 0) break;
      i += size;
    }
    for (std::size_t i = 0; i < run.size();) {
      const std::size_t size = sequence_size(run, i);
      const bool decodes = size > 0 && (sequences >= kUsualRun || is_usual(run, i)) &&
                           !(size == 2 && is_end_of_capitals(text, run, i, begin_of(i + 2)));
      if (!decodes) {
        out += text.substr(run[i].begin, begin_of(i + 1) - run[i].begin);
        ++i;
        continue;
      }
      found = true;
      for (std::size_t k = 0; k < size; ++k) out += static_cast<char>(run[i + k].byte);
      i += size;
    }
    if (end < text.size()) {  // what ended the run
      const std::size_t size = static_cast<signed char>(text[end]) < 0 ? decode_utf8(text, end).size_bytes : 1;
      out += text.substr(end, size);
      end += size;
    }
    at = end;
  }
  return found;
}

}  // namespace

bool append_without_mojibake(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  if (!append_decoded_once(out, text)) return false;
  for (int round = 1; round < kMostRounds; ++round) {
    const std::string before = out.substr(begin);
    out.resize(begin);
    if (!append_decoded_once(out, before)) break;
  }
  return true;
}

}  // namespace valence::data
