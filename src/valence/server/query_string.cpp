#include "valence/server/query_string.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "valence/base/json.h"
#include "valence/server/http.h"
#include "valence/server/wire.h"
#include "valence/store/time_bucket.h"

namespace valence::server {
namespace {

/// The number that `word` is, all of it.
template <class T>
std::optional<T> number(const std::string& word) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

}  // namespace

OrProblem<QueryString> QueryString::parse(std::string_view query, std::span<const std::string_view> known) {
  QueryString parsed;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || std::find(known.begin(), known.end(), *name) == known.end()) {
      return problem(ProblemKind::kBadRequest,
                     fmt::format("{} is no parameter of this path", in_quotes(name.value_or(""))),
                     known.empty() ? "it takes none" : fmt::format("there are {}", fmt::join(known, ", ")));
    }
    if (!value) {
      return problem(ProblemKind::kBadRequest, fmt::format("{}: a broken escape, or no UTF-8", *name),
                     "write a percent sign as %25");
    }
    if (parsed.value(*name)) {
      return problem(ProblemKind::kBadRequest, fmt::format("{} is given twice", *name), "give it once");
    }
    parsed.values_.emplace_back(*std::move(name), *std::move(value));
  }
  return parsed;
}

std::optional<std::string> QueryString::value(std::string_view name) const {
  const auto found = std::find_if(values_.begin(), values_.end(), [&](const auto& each) { return each.first == name; });
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

OrProblem<std::string> QueryString::name(std::string_view name) const {
  auto word = value(name).value_or("");
  if (auto wrong = check_name(name, word)) return problem(ProblemKind::kBadRequest, std::move(wrong->message));
  return word;
}

OrProblem<std::optional<std::int64_t>> QueryString::time_ms(std::string_view name) const {
  const auto word = value(name);
  if (!word) return std::nullopt;
  if (const auto time = store::parse_time_ms(*word)) return time;
  return problem(ProblemKind::kBadRequest, fmt::format("{}: {} is no time", name, in_quotes(*word)),
                 "write 2026-01-31, 2026-01-31T23:59Z or Unix milliseconds");
}

OrProblem<std::optional<bool>> QueryString::boolean(std::string_view name) const {
  const auto word = value(name);
  if (!word) return std::nullopt;
  if (*word == "true" || *word == "false") return *word == "true";
  return problem(ProblemKind::kBadRequest, fmt::format("{}: expected true or false", name));
}

OrProblem<std::optional<float>> QueryString::share(std::string_view name) const {
  const auto word = value(name);
  if (!word) return std::nullopt;
  const auto share = number<float>(*word);
  if (share && *share >= 0 && *share <= 1) return share;
  return problem(ProblemKind::kBadRequest, fmt::format("{}: expected a number from 0 to 1", name));
}

OrProblem<std::size_t> QueryString::count(std::string_view name, std::size_t most, std::size_t absent) const {
  const auto word = value(name);
  if (!word) return absent;
  const auto count = number<std::size_t>(*word);
  if (count && *count >= 1 && *count <= most) return *count;
  return problem(ProblemKind::kBadRequest, fmt::format("{}: expected 1 to {}", name, most));
}

}  // namespace valence::server
