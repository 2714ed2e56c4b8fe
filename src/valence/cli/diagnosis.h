/// \file
/// What `valence doctor` looks at: how this machine runs valence, and what is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "valence/cli/exit_code.h"
#include "valence/error.h"

namespace valence::cli {

using FactValue = std::variant<std::string, bool, std::uint64_t>;

struct Fact {
  std::string key;    ///< in JSON
  FactValue value;    ///< in JSON
  std::string label;  ///< for people; empty: not shown
  std::string text;   ///< for people
};

struct Section {
  std::string key;
  std::vector<Fact> facts;
};

struct Diagnosis {
  std::vector<Section> sections;
  std::vector<Error> problems;  ///< gravest first
};

/// What `valence serve` would find: its settings, port, history and spool. Makes and changes nothing.
[[nodiscard]] std::vector<Section> look_at_service(std::vector<Error>& problems);

/// Looks at everything. What fails becomes a problem; the rest is looked at all the same.
[[nodiscard]] Diagnosis diagnose();

/// kOk, or that of the first problem.
[[nodiscard]] ExitCode exit_code_of(const Diagnosis& diagnosis);

[[nodiscard]] std::string to_text(const Diagnosis& diagnosis);
[[nodiscard]] std::string to_json(const Diagnosis& diagnosis);

}  // namespace valence::cli
