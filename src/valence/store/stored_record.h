/// \file
/// A classified record in the form in which it may lie on a disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/pipeline/classified_record.h"

namespace valence::store {

/// What is kept of a text (--store-text). Anything but kFull never writes the text anywhere.
enum class TextPolicy {
  kNone,
  kHash,  ///< its SHA-256: equal texts can be counted and deleted, and who has a text can find it
  kFull,
};

/// As written after --store-text: none hash full.
[[nodiscard]] std::optional<TextPolicy> parse_text_policy(std::string_view word);
[[nodiscard]] std::string_view name_of(TextPolicy policy);

struct StoredRecord {
  pipeline::ClassifiedRecord record;  ///< its text is empty where it was not to be stored
  std::string text_sha256 = {};       ///< 64 lower-case hexadecimal digits over the text as it was; may be empty
  std::string correction = {};        ///< the label that people gave it last; filled by queries, ignored by writes
};

/// `record` as the policy lets it be stored. Its strings become what every store can hold: bytes that are no UTF-8, and
/// U+0000, are replaced by U+FFFD. A score that is no finite number becomes 0.
[[nodiscard]] StoredRecord stored_form(const pipeline::ClassifiedRecord& record, TextPolicy policy);

/// Whether stored_form() would leave everything but the text as it is.
[[nodiscard]] bool is_storable(const pipeline::ClassifiedRecord& record, TextPolicy policy);

/// SHA-256 of `bytes` in lower-case hexadecimal.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// The same replacement for one string.
[[nodiscard]] std::string storable_text(std::string_view text);

/// `[["negative",0.98],...]` in the order of `scores` (an object would lose it); empty for none.
[[nodiscard]] std::string scores_to_json(const std::vector<pipeline::LabelScore>& scores);
/// The reverse; an error for what scores_to_json does not write.
[[nodiscard]] Result<std::vector<pipeline::LabelScore>> scores_from_json(std::string_view json);

}  // namespace valence::store
