#include "valence/store/function_words.h"

#include <algorithm>
#include <array>

namespace valence::store {
namespace {

// Ascending, for a binary search.
constexpr auto kWords = std::to_array<std::string_view>(
    {"a",      "about", "after", "again",   "all",    "also",   "am",     "an",    "and",  "any",   "are",
     "as",     "at",    "be",    "because", "been",   "before", "being",  "but",   "by",   "can",   "could",
     "did",    "do",    "does",  "doing",   "during", "each",   "for",    "from",  "had",  "has",   "have",
     "having", "he",    "her",   "here",    "hers",   "him",    "his",    "how",   "i",    "id",    "if",
     "ill",    "im",    "in",    "into",    "is",     "it",     "its",    "ive",   "may",  "me",    "might",
     "mine",   "must",  "my",    "myself",  "of",     "off",    "on",     "onto",  "or",   "other", "our",
     "ours",   "out",   "over",  "own",     "shall",  "she",    "should", "so",    "some", "such",  "than",
     "that",   "thats", "the",   "their",   "them",   "then",   "there",  "these", "they", "this",  "those",
     "to",     "under", "until", "up",      "us",     "was",    "we",     "were",  "what", "when",  "where",
     "which",  "while", "who",   "whom",    "whose",  "will",   "with",   "would", "you",  "your",  "yours"});
static_assert(std::is_sorted(kWords.begin(), kWords.end()));

}  // namespace

bool is_function_word(std::string_view word) { return std::binary_search(kWords.begin(), kWords.end(), word); }

}  // namespace valence::store
