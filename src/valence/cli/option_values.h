/// \file
/// Values of options that several commands take, from words to types.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/data/encoding.h"
#include "valence/data/formats.h"
#include "valence/precision.h"
#include "valence/store/stored_record.h"

namespace valence::cli {

template <class T>
using Choice = std::pair<std::string_view, T>;

/// An error that lists the words.
[[nodiscard]] Error not_one_of(const std::string& option, const std::string& word,
                               const std::vector<std::string_view>& words);

/// The value that `word` names, or an error that lists the words.
template <class T, std::size_t N>
Result<T> choose(const std::string& option, const std::string& word, const std::array<Choice<T>, N>& choices) {
  std::vector<std::string_view> words;
  for (const auto& [name, value] : choices) {
    if (name == word) return value;
    words.push_back(name);
  }
  return fail(not_one_of(option, word, words));
}

/// A whole number from 1 to `largest`; 0 when the option was not given.
Result<std::size_t> parse_count(const std::string& option, const std::string& word, std::size_t largest);

/// A finite number above 0 and at most `largest`.
Result<double> parse_positive(const std::string& option, const std::string& word, double largest);

/// --threads: 0 when it was not given.
Result<std::size_t> parse_threads(const std::string& word);

/// --precision.
Result<Precision> parse_precision(const std::string& word);

/// --input-format; nothing when it was not given.
Result<std::optional<data::InputFormat>> parse_input_format(const std::string& word);

/// --encoding.
Result<data::Encoding> parse_encoding(const std::string& word);

/// --store-text.
Result<store::TextPolicy> parse_store_text(const std::string& word);

/// "refund, bug": without the spaces around, and without empty ones.
[[nodiscard]] std::vector<std::string> split_list(std::string_view words, char separator = ',');

/// Writing over an input would destroy what is still to be read, or the only copy of it.
Status check_output_is_no_input(const std::vector<std::string>& inputs, const std::string& output);

}  // namespace valence::cli
