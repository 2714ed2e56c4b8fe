#include "valence/cli/option_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace valence::cli {
namespace {

constexpr std::size_t kMaxThreads = 1024;

constexpr std::array<Choice<Precision>, 5> kPrecisions{{{"auto", Precision::kAuto},
                                                        {"fp32", Precision::kFp32},
                                                        {"fp16", Precision::kFp16},
                                                        {"bf16", Precision::kBf16},
                                                        {"int8", Precision::kInt8}}};

}  // namespace

Error not_one_of(const std::string& option, const std::string& word, const std::vector<std::string_view>& words) {
  return {ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is not one of {}", word, fmt::join(words, ", "))};
}

Result<std::size_t> parse_count(const std::string& option, const std::string& word, std::size_t largest) {
  if (word.empty()) return 0;
  std::size_t count = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (failed != std::errc() || end != word.data() + word.size() || count == 0 || count > largest) {
    return fail(ErrorCode::kInvalidArgument, option,
                fmt::format("\"{}\" is no whole number from 1 to {}", word, largest));
  }
  return count;
}

Result<double> parse_positive(const std::string& option, const std::string& word, double largest) {
  double value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool is_number = failed == std::errc() && end == word.data() + word.size() && std::isfinite(value);
  if (!is_number || value <= 0 || value > largest) {
    return fail(ErrorCode::kInvalidArgument, option,
                fmt::format("\"{}\" is no number above 0 and up to {}", word, largest));
  }
  return value;
}

Result<std::size_t> parse_threads(const std::string& word) { return parse_count("--threads", word, kMaxThreads); }

Result<Precision> parse_precision(const std::string& word) { return choose("--precision", word, kPrecisions); }

Result<std::optional<data::InputFormat>> parse_input_format(const std::string& word) {
  if (word.empty()) return std::nullopt;
  if (const auto format = data::parse_input_format(word)) return format;
  return fail(not_one_of("--input-format", word, {"csv", "tsv", "jsonl", "txt"}));
}

Result<data::Encoding> parse_encoding(const std::string& word) {
  if (const auto encoding = data::parse_encoding(word)) return *encoding;
  return fail(not_one_of("--encoding", word, {"utf-8", "windows-1252", "iso-8859-1", "utf-16"}));
}

Result<store::TextPolicy> parse_store_text(const std::string& word) {
  if (const auto policy = store::parse_text_policy(word)) return *policy;
  return fail(not_one_of("--store-text", word, {"none", "hash", "full"}));
}

std::vector<std::string> split_list(std::string_view words, char separator) {
  std::vector<std::string> items;
  while (!words.empty()) {
    std::string_view item = words.substr(0, words.find(separator));
    words.remove_prefix(std::min(words.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

Status check_output_is_no_input(const std::vector<std::string>& inputs, const std::string& output) {
  std::error_code ignored;
  for (const std::string& input : inputs) {
    if (input != "-" && std::filesystem::is_regular_file(output, ignored) &&
        std::filesystem::equivalent(input, output, ignored)) {
      return fail(ErrorCode::kInvalidArgument, output, "is also an input", "choose another output file");
    }
  }
  return {};
}

}  // namespace valence::cli
