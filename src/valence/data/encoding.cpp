#include "valence/data/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "valence/base/utf8.h"
#include "valence/data/peeked_source.h"

namespace valence::data {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16LittleMark = "\xFF\xFE";
constexpr std::string_view kUtf16BigMark = "\xFE\xFF";
constexpr std::size_t kEncodedBytes = std::size_t{64} << 10;

// windows-1252 at 0x80..0x9F; elsewhere it is ISO 8859-1, whose bytes are the code points.
constexpr std::array<char16_t, 32> kWindows1252High = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                                       0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

/// Turns bytes into UTF-8 as they come; keeps what a unit cut between two reads needs.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;
  virtual void append_utf8_of(std::string_view bytes, std::string& out) = 0;
  /// What an input that ends here still owes.
  virtual void append_rest(std::string& /*out*/) {}
};

class SingleByteDecoder : public Decoder {
 public:
  explicit SingleByteDecoder(Encoding encoding) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      append_utf8(utf8_of_[byte], encoding == Encoding::kWindows1252
                                      ? windows1252_code_point(static_cast<unsigned char>(byte))
                                      : static_cast<char32_t>(byte));
    }
  }
  void append_utf8_of(std::string_view bytes, std::string& out) override {
    while (!bytes.empty()) {
      const auto ascii =
          std::find_if(bytes.begin(), bytes.end(), [](char c) { return static_cast<signed char>(c) < 0; });
      out.append(bytes.begin(), ascii);
      bytes.remove_prefix(static_cast<std::size_t>(ascii - bytes.begin()));
      if (bytes.empty()) return;
      out += utf8_of_[static_cast<unsigned char>(bytes.front())];
      bytes.remove_prefix(1);
    }
  }

 private:
  std::array<std::string, 256> utf8_of_;
};

class Utf16Decoder : public Decoder {
 public:
  explicit Utf16Decoder(bool big_endian) : big_endian_(big_endian) {}

  void append_utf8_of(std::string_view bytes, std::string& out) override {
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (!has_first_byte_) {
        first_byte_ = byte;
        has_first_byte_ = true;
        continue;
      }
      has_first_byte_ = false;
      append_unit(static_cast<char16_t>(big_endian_ ? first_byte_ << 8 | byte : byte << 8 | first_byte_), out);
    }
  }
  void append_rest(std::string& out) override {
    if (high_surrogate_ != 0) append_unpaired(std::exchange(high_surrogate_, u'\0'), out);
    // Half a unit: any byte that is not UTF-8 has its row refused.
    if (std::exchange(has_first_byte_, false)) out += '\xFF';
  }

 private:
  void append_unit(char16_t unit, std::string& out) {
    const bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
    const bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (is_low && high_surrogate_ != 0) {
      append_utf8(out, 0x10000 + ((std::exchange(high_surrogate_, u'\0') - 0xD800U) << 10) + (unit - 0xDC00U));
      return;
    }
    if (high_surrogate_ != 0) append_unpaired(std::exchange(high_surrogate_, u'\0'), out);
    if (is_high) {
      high_surrogate_ = unit;
    } else if (is_low) {
      append_unpaired(unit, out);
    } else {
      append_utf8(out, unit);
    }
  }
  static void append_unpaired(char16_t surrogate, std::string& out) {
    out += '\xED';
    out += static_cast<char>(0x80U | ((surrogate >> 6) & 0x3FU));
    out += static_cast<char>(0x80U | (surrogate & 0x3FU));
  }

  bool big_endian_;
  bool has_first_byte_ = false;
  unsigned char first_byte_ = 0;
  char16_t high_surrogate_ = 0;  // waiting for its low one
};

class DecodingSource : public ByteSource {
 public:
  DecodingSource(std::unique_ptr<ByteSource> inner, std::unique_ptr<Decoder> decoder)
      : inner_(std::move(inner)), decoder_(std::move(decoder)), encoded_(kEncodedBytes) {}

  Result<ReadOutcome> read(std::span<char> buffer, Wait wait) override {
    while (given_ == utf8_.size()) {
      if (at_end_) return ReadOutcome{ReadState::kEnd};
      utf8_.clear();
      given_ = 0;
      VALENCE_TRY(const ReadOutcome outcome, inner_->read(encoded_, wait));
      if (outcome.state == ReadState::kWouldBlock) return outcome;
      if (outcome.state == ReadState::kEnd) {
        at_end_ = true;
        decoder_->append_rest(utf8_);
      } else {
        decoder_->append_utf8_of({encoded_.data(), outcome.size_bytes}, utf8_);
      }
    }
    const std::size_t size = std::min(buffer.size(), utf8_.size() - given_);
    std::memcpy(buffer.data(), utf8_.data() + given_, size);
    given_ += size;
    return ReadOutcome{ReadState::kData, size};
  }

  [[nodiscard]] std::uint64_t bytes_read() const override { return inner_->bytes_read(); }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes() const override { return inner_->size_bytes(); }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<char> encoded_;
  std::string utf8_;
  std::size_t given_ = 0;  // bytes of utf8_ that have been read
  bool at_end_ = false;
};

}  // namespace

std::optional<Encoding> parse_encoding(std::string_view name) {
  std::string plain;  // "ISO_8859-1" -> "iso88591"
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      plain += static_cast<char>(c - 'A' + 'a');
    } else if (c != '-' && c != '_') {
      plain += c;
    }
  }
  if (plain == "utf8") return Encoding::kUtf8;
  if (plain == "windows1252" || plain == "cp1252") return Encoding::kWindows1252;
  if (plain == "iso88591" || plain == "latin1") return Encoding::kIso8859_1;
  if (plain == "utf16") return Encoding::kUtf16;
  return std::nullopt;
}

char32_t windows1252_code_point(unsigned char byte) {
  return byte >= 0x80 && byte < 0xA0 ? kWindows1252High[byte - 0x80U] : static_cast<char32_t>(byte);
}

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kUtf8:
      return "utf-8";
    case Encoding::kWindows1252:
      return "windows-1252";
    case Encoding::kIso8859_1:
      return "iso-8859-1";
    case Encoding::kUtf16:
      return "utf-16";
  }
  return "";
}

Result<std::unique_ptr<ByteSource>> decode_to_utf8(std::unique_ptr<ByteSource> source, Encoding encoding,
                                                   const std::string& name) {
  auto peeked = std::make_unique<PeekedSource>(std::move(source));
  VALENCE_TRY(const std::string_view start, peeked->peek_while([](std::string_view bytes) {
    return may_become(bytes, kUtf8Mark) || may_become(bytes, kUtf16LittleMark) || may_become(bytes, kUtf16BigMark);
  }));
  const bool has_utf8_mark = start.starts_with(kUtf8Mark);
  const bool is_big_endian = start.starts_with(kUtf16BigMark);
  const bool has_utf16_mark = is_big_endian || start.starts_with(kUtf16LittleMark);
  if (has_utf16_mark && encoding != Encoding::kUtf16) {
    return fail(ErrorCode::kInvalidData, name,
                fmt::format("begins with a UTF-16 byte order mark, but is read as {}", name_of(encoding)),
                "--encoding utf-16");
  }
  if (has_utf8_mark && encoding != Encoding::kUtf8) {
    return fail(ErrorCode::kInvalidData, name,
                fmt::format("begins with a UTF-8 byte order mark, but is read as {}", name_of(encoding)),
                "--encoding utf-8");
  }
  if (has_utf8_mark) peeked->drop(kUtf8Mark.size());
  if (has_utf16_mark) peeked->drop(kUtf16LittleMark.size());
  switch (encoding) {
    case Encoding::kUtf8:
      return peeked;
    case Encoding::kWindows1252:
    case Encoding::kIso8859_1:
      return std::make_unique<DecodingSource>(std::move(peeked), std::make_unique<SingleByteDecoder>(encoding));
    case Encoding::kUtf16:
      return std::make_unique<DecodingSource>(std::move(peeked), std::make_unique<Utf16Decoder>(is_big_endian));
  }
  return peeked;
}

}  // namespace valence::data
