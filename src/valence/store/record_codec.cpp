#include "valence/store/record_codec.h"

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>

#include "valence/base/utf8.h"

namespace valence::store {
namespace {

template <std::unsigned_integral T>
void append_number(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

void append_text(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

void append_score(std::string& out, float score) { append_number(out, std::bit_cast<std::uint32_t>(score)); }

/// Takes values from the front; once something is missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    if (bytes_.size() < sizeof(T)) {
      sound_ = false;
      return value;
    }
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | static_cast<T>(static_cast<unsigned char>(bytes_[i])) << (8 * i));
    }
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  std::string text() {
    const auto size = number<std::uint32_t>();
    if (size > bytes_.size()) {
      sound_ = false;
      return {};
    }
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    // stored_form() makes no other: a store need not check again.
    if (text.find('\0') != text.npos || find_invalid_utf8(text)) sound_ = false;
    return std::string(text);
  }

  float score() {
    const auto score = std::bit_cast<float>(number<std::uint32_t>());
    if (!std::isfinite(score)) sound_ = false;
    return score;
  }

  [[nodiscard]] std::size_t left() const { return bytes_.size(); }
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  std::string_view bytes_;
  bool sound_ = true;
};

constexpr std::size_t kSmallestScore = sizeof(std::uint32_t) + sizeof(float);

/// `record` with this for its text.
void append_parts(std::string& out, const pipeline::ClassifiedRecord& record, std::string_view text,
                  std::string_view text_sha256) {
  append_number(out, static_cast<std::uint64_t>(record.time_ms));
  for (const std::string_view part :
       {std::string_view(record.id), std::string_view(record.stream), std::string_view(record.channel),
        std::string_view(record.subject), text, std::string_view(record.label), std::string_view(record.model),
        std::string_view(record.model_version), std::string_view(record.config_version),
        std::string_view(record.metadata), text_sha256}) {
    append_text(out, part);
  }
  append_score(out, record.score);
  append_number(out, record.tokens);
  append_number(out, static_cast<std::uint8_t>(record.truncated ? 1 : 0));
  append_number(out, static_cast<std::uint32_t>(record.scores.size()));
  for (const auto& [label, score] : record.scores) {
    append_text(out, label);
    append_score(out, score);
  }
}

/// In the order of append_parts().
std::array<std::string*, 11> parts_of(StoredRecord& stored) {
  auto& record = stored.record;
  return {&record.id,         &record.stream, &record.channel,       &record.subject,        &record.text,
          &record.label,      &record.model,  &record.model_version, &record.config_version, &record.metadata,
          &stored.text_sha256};
}

}  // namespace

void append_record(std::string& out, const StoredRecord& stored) {
  append_parts(out, stored.record, stored.record.text, stored.text_sha256);
}

void append_stored_form(std::string& out, const pipeline::ClassifiedRecord& record, TextPolicy policy) {
  if (!is_storable(record, policy)) return append_record(out, stored_form(record, policy));
  const bool with_text = policy == TextPolicy::kFull;
  append_parts(out, record, with_text ? std::string_view(record.text) : std::string_view(),
               policy == TextPolicy::kNone ? std::string() : sha256_hex(record.text));
}

Result<StoredRecord> parse_record(std::string_view bytes) {
  Reader reader(bytes);
  StoredRecord stored;
  auto& record = stored.record;
  record.time_ms = static_cast<std::int64_t>(reader.number<std::uint64_t>());
  for (std::string* text : parts_of(stored)) *text = reader.text();
  record.score = reader.score();
  record.tokens = reader.number<std::uint32_t>();
  const auto truncated = reader.number<std::uint8_t>();
  record.truncated = truncated == 1;
  const auto scores = reader.number<std::uint32_t>();
  if (truncated <= 1 && scores <= reader.left() / kSmallestScore) {
    record.scores.reserve(scores);
    for (std::uint32_t i = 0; i < scores && reader.sound(); ++i) {
      std::string label = reader.text();
      record.scores.push_back({std::move(label), reader.score()});
    }
    if (reader.sound() && reader.left() == 0) return stored;
  }
  return fail(ErrorCode::kInvalidData, "record", "is none that this program writes");
}

}  // namespace valence::store
