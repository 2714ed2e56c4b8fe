/// \file
/// The part of a URL behind '?', checked: a misspelt filter would widen an answer in silence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/server/problem.h"

namespace valence::server {

class QueryString {
 public:
  /// Errors (400): a name that is not in `known` or is there twice, an escape that is broken or gives no UTF-8.
  static OrProblem<QueryString> parse(std::string_view query, std::span<const std::string_view> known);

  /// Nothing where the parameter is absent; "" where it is there without a value.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  /// Of a stream, a channel or a subject; "" where it is absent. Error (400): longer than stores take.
  [[nodiscard]] OrProblem<std::string> name(std::string_view name) const;
  /// Unix milliseconds, of any form that store::parse_time_ms takes.
  [[nodiscard]] OrProblem<std::optional<std::int64_t>> time_ms(std::string_view name) const;
  [[nodiscard]] OrProblem<std::optional<bool>> boolean(std::string_view name) const;
  /// From 0 to 1.
  [[nodiscard]] OrProblem<std::optional<float>> share(std::string_view name) const;
  /// From 1 to `most`; `absent` where it is not given.
  [[nodiscard]] OrProblem<std::size_t> count(std::string_view name, std::size_t most, std::size_t absent) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace valence::server
