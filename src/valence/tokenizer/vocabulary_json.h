/// \file
/// Takes vocabulary and merges out of a tokenizer.json before the document is parsed: they are nearly all of the file,
/// and a general JSON tree of them would take most of a cold start (measured for bert-base-uncased: 25 ms against 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/tokenizer/merge_rules.h"
#include "valence/tokenizer/unigram.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

struct ExtractedModel {
  std::optional<VocabularyEntries> vocabulary;  ///< of model.vocab, if that is an object
  std::optional<ScoredVocabulary> scored;       ///< of model.vocab, if that is an array: Unigram's
  std::optional<MergeRules> merges;             ///< of model.merges, if that is an array
  std::string rest;                             ///< the document with {} and [] in their places
};

/// What is not there, or is something else, stays in the document: its parser has the word. An error if the vocabulary
/// is neither an object from strings to integers nor an array of [string, number], or the merges not an array of "a b"
/// or ["a", "b"], in valid JSON and UTF-8.
Result<ExtractedModel> extract_model(std::string_view json, const std::string& source_name);

/// The same for a file that is the vocabulary, vocab.json.
Result<VocabularyEntries> read_vocab_json(std::string_view json, const std::string& source_name);

}  // namespace valence::tokenizer
