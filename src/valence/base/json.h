/// \file
/// Typed, read-only access to a JSON document. Every error names the document and the path of the value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/json_bounds.h"

namespace valence {

/// A value inside a parsed document; copies share the document, so a Json never dangles. Immutable, thread-safe.
///
/// Parsing is strict: UTF-8 only, no comments, no duplicate keys in one object, everything within its
/// limits before the parser runs.
class Json {
 public:
  /// `source` is how errors name the document ("config.json").
  static Result<Json> parse(std::string_view text, std::string source, JsonLimits limits = {});

  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_string() const;
  [[nodiscard]] bool is_number() const;
  [[nodiscard]] bool is_integer() const;
  [[nodiscard]] bool is_boolean() const;
  /// How many items an array has, or members an object; 0 for any other value.
  [[nodiscard]] std::size_t size() const;

  /// The member `key`, or nothing when this is no object, the key is absent, or its value is null.
  [[nodiscard]] std::optional<Json> find(std::string_view key) const;
  /// The member `key`, or an error that names it.
  [[nodiscard]] Result<Json> at(std::string_view key) const;

  [[nodiscard]] Result<std::vector<Json>> items() const;
  [[nodiscard]] Result<std::vector<std::pair<std::string, Json>>> members() const;
  /// An object whose values are all integers, e.g. a vocabulary. Much faster than members() on 10^5 entries.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::int64_t>>> integer_members() const;

  [[nodiscard]] Result<std::string> as_string() const;
  [[nodiscard]] Result<std::int64_t> as_integer() const;
  [[nodiscard]] Result<double> as_number() const;
  [[nodiscard]] Result<bool> as_boolean() const;

  /// Required members.
  [[nodiscard]] Result<std::string> string(std::string_view key) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] Result<double> number(std::string_view key) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key) const;

  /// Optional members: absent or null gives the default, a wrong type is still an error.
  [[nodiscard]] Result<std::string> string_or(std::string_view key, std::string fallback) const;
  [[nodiscard]] Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const;
  [[nodiscard]] Result<double> number_or(std::string_view key, double fallback) const;
  [[nodiscard]] Result<bool> boolean_or(std::string_view key, bool fallback) const;

  /// "config.json: id2label.3", the place that errors about this value name.
  [[nodiscard]] std::string where() const;
  /// An invalid-data error placed at this value.
  [[nodiscard]] tl::unexpected<Error> invalid(std::string what, std::string hint = {}) const;
  /// The value as compact JSON text.
  [[nodiscard]] std::string dump() const;

 private:
  struct Document;
  Json(std::shared_ptr<const Document> document, const void* node, std::string path);
  [[nodiscard]] Json child(const void* node, std::string_view step) const;

  std::shared_ptr<const Document> document_;
  const void* node_;  // an nlohmann::json inside *document_; that type stays in json.cpp
  std::string path_;
};

/// `text` as a JSON string literal with its quotes. `text` must be valid UTF-8; only what JSON requires is escaped.
void append_json_string(std::string& out, std::string_view text);

/// `text`, which must be valid UTF-8, in quotes for a message: escaped as in JSON, cut when longer than a line shows.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// The shortest digits that read back as the same float32; "null" for NaN and infinities, which JSON cannot say.
void append_json_float(std::string& out, float value);

}  // namespace valence
