/// \file
/// Takes the vocabulary out of a tokenizer.json before the document is parsed: it is nearly all of the file, and a
/// general JSON tree of it would take most of a cold start (measured for bert-base-uncased: 25 ms against 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

struct ExtractedVocabulary {
  VocabularyEntries vocabulary;
  std::string rest;  ///< the document with {} in the vocabulary's place
};

/// The object at `model.vocab`. Nothing if there is no such object: then the document's parser has the word. An error
/// if there is one and it is not an object from strings to integers in valid JSON and UTF-8.
Result<std::optional<ExtractedVocabulary>> extract_vocabulary(std::string_view json, const std::string& source_name);

}  // namespace valence::tokenizer
