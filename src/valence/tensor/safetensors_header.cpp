#include "valence/tensor/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tensor/safetensors_reader.h"

namespace valence {
namespace {

constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxMetadataEntries = 10'000;

constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

constexpr std::array kDTypes = {DType::kF32, DType::kF16, DType::kBF16, DType::kI8,  DType::kU8,
                                DType::kI16, DType::kI32, DType::kI64,  DType::kF64, DType::kBool};

std::optional<DType> dtype_of(std::string_view text) {
  const auto found = std::ranges::find(kDTypes, text, [](DType dtype) { return name(dtype); });
  return found == kDTypes.end() ? std::nullopt : std::optional(*found);
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Reads JSON of the header's fixed form: an object of objects of strings and lists of integers. Every function returns
/// whether to go on; the first refusal is kept in `error`.
///
/// base/json would build a tree of the whole header first: 160 MB for a hostile one of 25 MB, where this keeps the
/// entries and nothing else. The form is three levels deep and no function calls itself, so depth needs no counter.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view header, const std::string& source) : header_(header), source_(source) {}

  bool scan();

  std::vector<SafetensorsEntry> entries;
  std::optional<Error> error;

 private:
  bool refuse(std::string what) {
    error = Error(ErrorCode::kInvalidData, source_, std::move(what));
    return false;
  }
  bool refuse_here(std::string_view what) { return refuse(fmt::format("{} (byte {} of the header)", what, at_)); }
  bool refuse_entry(std::string_view what) {
    return refuse_here(fmt::format("tensor {}: {}", in_quotes(entries.back().name), what));
  }

  /// The next character that is not white space; NUL, which no JSON holds, at the end.
  char peek();
  bool take(char c);
  bool string(std::string* out);
  bool string_piece(std::string* out);
  bool escape(std::string* out);
  bool hex4(char32_t& value);
  bool object(const std::function<bool(std::string&)>& member);
  bool integers(std::string_view what, const std::function<bool(std::uint64_t)>& element);
  bool integer(std::uint64_t& value);

  bool metadata();
  bool entry(std::string& name);
  bool field(std::string_view key);
  bool dtype();
  bool shape();
  bool data_offsets();

  std::string_view header_;
  const std::string& source_;
  std::size_t at_ = 0;
  std::array<bool, 3> has_field_{};  // of the present entry, in the order of kFields
  bool has_metadata_ = false;
};

char HeaderScanner::peek() {
  while (at_ < header_.size() && is_space(header_[at_])) ++at_;
  return at_ < header_.size() ? header_[at_] : '\0';
}

bool HeaderScanner::take(char c) {
  if (peek() != c) return refuse_here(fmt::format("not valid JSON: expected '{}'", c));
  ++at_;
  return true;
}

/// A string with its quotes; its text goes to `out` if there is one.
bool HeaderScanner::string(std::string* out) {
  if (!take('"')) return false;
  while (header_.substr(at_, 1) != "\"") {
    if (!string_piece(out)) return false;
    if (out != nullptr && out->size() > kMaxNameBytes) {
      return refuse_here(fmt::format("a name of more than {} bytes", kMaxNameBytes));
    }
  }
  ++at_;
  return true;
}

/// A run of plain characters, or an escape, inside a string; appended to `out` if there is one.
bool HeaderScanner::string_piece(std::string* out) {
  const auto is_plain = [](char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; };
  const std::size_t begin = at_;
  while (at_ < header_.size() && is_plain(header_[at_])) ++at_;
  if (at_ > begin) {
    if (out != nullptr) out->append(header_.substr(begin, std::min(at_ - begin, kMaxNameBytes + 1)));
    return true;
  }
  if (at_ == header_.size()) return refuse_here("not valid JSON: unterminated string");
  if (header_[at_] != '\\') return refuse_here("not valid JSON: control character in a string");
  ++at_;
  return escape(out);
}

bool HeaderScanner::escape(std::string* out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char c = at_ < header_.size() ? header_[at_] : '\0';
  ++at_;
  if (const auto found = kEscapes.find(c); found != std::string_view::npos) {
    if (out != nullptr) *out += kMeanings[found];
    return true;
  }
  char32_t code_point = 0;
  if (c != 'u' || !hex4(code_point)) return refuse_here("not valid JSON: unknown escape");
  if (code_point >= 0xD800 && code_point <= 0xDBFF && header_.substr(at_, 2) == "\\u") {
    at_ += 2;
    char32_t low = 0;
    if (!hex4(low) || low < 0xDC00 || low > 0xDFFF) return refuse_here("not valid JSON: lone surrogate");
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  }
  if (code_point >= 0xD800 && code_point <= 0xDFFF) return refuse_here("not valid JSON: lone surrogate");
  if (out != nullptr) append_utf8(*out, code_point);
  return true;
}

bool HeaderScanner::hex4(char32_t& value) {
  const std::string_view digits = header_.substr(std::min(at_, header_.size()), 4);
  std::uint32_t parsed = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed, 16);
  if (digits.size() != 4 || failed != std::errc() || end != digits.data() + 4) return false;
  at_ += 4;
  value = parsed;
  return true;
}

/// `{ "key": <what member(key) reads>, ... }`
bool HeaderScanner::object(const std::function<bool(std::string&)>& member) {
  if (!take('{')) return false;
  if (peek() == '}') return take('}');
  std::string key;
  while (true) {
    key.clear();
    if (!string(&key) || !take(':') || !member(key)) return false;
    if (peek() == '}') return take('}');
    if (!take(',')) return false;
  }
}

/// `[ 0, 1, ... ]`, each handed to `element`. `what` begins the refusal of anything else.
bool HeaderScanner::integers(std::string_view what, const std::function<bool(std::uint64_t)>& element) {
  if (peek() != '[') return refuse_entry(fmt::format("{} non-negative integers", what));
  ++at_;
  if (peek() == ']') return take(']');
  while (true) {
    std::uint64_t value = 0;
    peek();
    if (!integer(value)) return refuse_entry(fmt::format("{} non-negative integers", what));
    if (!element(value)) return false;
    if (peek() == ']') return take(']');
    if (!take(',')) return false;
  }
}

/// Digits alone, as JSON writes an integer: no sign, no leading zero, no fraction, no exponent, at most 64 bits.
bool HeaderScanner::integer(std::uint64_t& value) {
  const char* const begin = header_.data() + at_;
  const char* const end = header_.data() + header_.size();
  const auto [after, failed] = std::from_chars(begin, end, value);
  if (failed != std::errc() || (*begin == '0' && after - begin > 1)) return false;
  if (after != end && (*after == '.' || *after == 'e' || *after == 'E')) return false;
  at_ += static_cast<std::size_t>(after - begin);
  return true;
}

bool HeaderScanner::scan() {
  const bool read = object([this](std::string& name) {
    if (name == "__metadata__") return metadata();
    return entry(name);
  });
  if (!read) return false;
  if (peek() != '\0' || at_ != header_.size()) return refuse_here("not valid JSON: text after the closing brace");
  return true;
}

bool HeaderScanner::metadata() {
  if (std::exchange(has_metadata_, true)) return refuse_here("__metadata__ stands twice");
  if (peek() != '{') return refuse_here("__metadata__ must be an object of strings");
  std::set<std::string> keys;
  return object([&](std::string& key) {
    if (!keys.insert(key).second) return refuse_here(fmt::format("__metadata__: {} stands twice", in_quotes(key)));
    if (keys.size() > kMaxMetadataEntries) {
      return refuse_here(fmt::format("__metadata__ has more than {} entries", kMaxMetadataEntries));
    }
    if (peek() != '"') return refuse_here(fmt::format("__metadata__: {} must be a string", in_quotes(key)));
    return string(nullptr);
  });
}

bool HeaderScanner::entry(std::string& name) {
  if (entries.size() == kMaxSafetensorsTensors) {
    return refuse(fmt::format("the header lists more than {} tensors", kMaxSafetensorsTensors));
  }
  entries.push_back({.name = std::move(name), .dtype = {}, .shape = {}});
  has_field_ = {};
  if (peek() != '{') return refuse_entry("expected an object");
  if (!object([this](std::string& key) { return field(key); })) return false;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (!has_field_[i]) return refuse_entry(fmt::format("{} is missing", kFields[i]));
  }
  return true;
}

bool HeaderScanner::field(std::string_view key) {
  const auto found = static_cast<std::size_t>(std::ranges::find(kFields, key) - kFields.begin());
  if (found == kFields.size()) {
    return refuse_entry(fmt::format("unknown key {}: expected dtype, shape and data_offsets", in_quotes(key)));
  }
  if (std::exchange(has_field_[found], true)) return refuse_entry(fmt::format("{} stands twice", key));
  if (key == "dtype") return dtype();
  return key == "shape" ? shape() : data_offsets();
}

bool HeaderScanner::dtype() {
  if (peek() != '"') return refuse_entry("dtype must be a string");
  std::string text;
  if (!string(&text)) return false;
  const auto dtype = dtype_of(text);
  if (!dtype) {
    return refuse_entry(
        fmt::format("dtype {}: expected one of F32, F16, BF16, I8, U8, I16, I32, I64, F64, BOOL", in_quotes(text)));
  }
  entries.back().dtype = *dtype;
  return true;
}

bool HeaderScanner::shape() {
  Shape& shape = entries.back().shape;
  return integers("shape must be an array of", [&](std::uint64_t extent) {
    if (extent > static_cast<std::uint64_t>(INT64_MAX)) {
      return refuse_entry(fmt::format("the shape's extent {} overflows 64 bits", extent));
    }
    if (shape.size() == kMaxSafetensorsRank) {
      return refuse_entry(fmt::format("more than {} dimensions", kMaxSafetensorsRank));
    }
    shape.push_back(static_cast<std::int64_t>(extent));
    return true;
  });
}

bool HeaderScanner::data_offsets() {
  std::array<std::uint64_t, 2> offsets{};
  std::size_t count = 0;
  const bool read = integers("data_offsets must be two", [&](std::uint64_t offset) {
    if (count == offsets.size()) return refuse_entry("data_offsets must be two integers, found more");
    offsets[count++] = offset;
    return true;
  });
  if (!read) return false;
  if (count != offsets.size()) return refuse_entry(fmt::format("data_offsets must be two integers, found {}", count));
  entries.back().begin = offsets[0];
  entries.back().end = offsets[1];
  return true;
}

}  // namespace

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header, const std::string& source) {
  if (const auto offset = find_invalid_utf8(header)) {
    return fail(ErrorCode::kInvalidData, source, fmt::format("the header is not valid UTF-8 at byte {}", *offset));
  }
  HeaderScanner scanner(header, source);
  if (!scanner.scan()) return fail(std::move(*scanner.error));
  std::unordered_set<std::string_view> names;
  for (const auto& entry : scanner.entries) {
    if (!names.insert(entry.name).second) {
      return fail(ErrorCode::kInvalidData, source, fmt::format("tensor {} stands twice", in_quotes(entry.name)));
    }
  }
  return std::move(scanner.entries);
}

}  // namespace valence
