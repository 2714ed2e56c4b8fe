/// \file
/// A diagnosis as text and as JSON.
#include <fmt/format.h>

#include <algorithm>

#include "valence/cli/diagnosis.h"
#include "valence/cli/json_writer.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kLabelColumns = 20;

/// Paths and variables may hold escape sequences: they are shown, never obeyed.
}  // namespace

std::string to_text(const Diagnosis& diagnosis) {
  std::string text = fmt::format("valence {}\n", VALENCE_VERSION);
  for (const Section& section : diagnosis.sections) {
    std::string title = section.key;
    std::replace(title.begin(), title.end(), '_', ' ');
    text += fmt::format("\n{}\n", title);
    for (const Fact& fact : section.facts) {
      if (!fact.label.empty())
        text += fmt::format("  {:<{}} {}\n", fact.label, kLabelColumns, data::visible(fact.text));
    }
  }
  text += diagnosis.problems.empty() ? "\nno problems found\n" : "\nproblems\n";
  for (const Error& problem : diagnosis.problems) text += fmt::format("  {}\n", data::visible(problem.to_string()));
  return text;
}

std::string to_json(const Diagnosis& diagnosis) {
  JsonWriter json;
  json.open_object();
  json.value("valence", VALENCE_VERSION);
  for (const Section& section : diagnosis.sections) {
    json.open_object(section.key);
    for (const Fact& fact : section.facts) {
      std::visit([&](const auto& value) { json.value(fact.key, value); }, fact.value);
    }
    json.close();
  }
  json.open_array("problems");
  for (const Error& problem : diagnosis.problems) json.value("", problem.to_string());
  json.close();
  json.close();
  return json.text();
}

}  // namespace valence::cli
