#include "valence/cli/option_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
