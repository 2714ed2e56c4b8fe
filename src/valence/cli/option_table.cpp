#include "valence/cli/option_table.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <string_view>

namespace valence::cli {
namespace {

// What one run is about: never a setting.
constexpr std::array<std::string_view, 30> kOfOneRun{"help",       "text",       "text-pair",
                                                     "pair",       "decode",     "data",
                                                     "output",     "resume",     "yes",
                                                     "force",      "dry-run",    "from",
                                                     "to",         "id",         "subject",
                                                     "search",     "note",       "html",
                                                     "csv",        "end",        "remove-damaged",
                                                     "everything", "older-than", "text-sha256",
                                                     "comment",    "origin",     "keep-corrections",
                                                     "corrected",  "report",     "review"};

/// "Compute threads [physical cores]" -> "physical cores", which `description` then is without.
std::string take_default(std::string& description) {
  const std::size_t close = description.rfind(']');
  if (close == description.npos) return "";
  const std::size_t open = description.rfind('[', close);
  if (open == description.npos) return "";
  std::string inside = description.substr(open + 1, close - open - 1);
  std::size_t begin = open;
  while (begin > 0 && description[begin - 1] == ' ') --begin;
  description.erase(begin, close + 1 - begin);
  return inside;
}

bool is_number(std::string_view word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

OptionKind kind_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return OptionKind::kFlag;
  const bool repeats =
      option.get_items_expected_max() > 1 || option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  return repeats ? OptionKind::kList : OptionKind::kValue;
}

OptionEntry entry_of(CLI::Option& option, const std::string& key) {
  OptionEntry entry;
  entry.option = &option;
  entry.key = key;
  entry.kind = kind_of(option);
  entry.description = option.get_description();
  entry.value_name = option.get_type_name();
  if (entry.kind == OptionKind::kFlag) {
    entry.default_word = "false";
    return entry;
  }
  const std::string written = take_default(entry.description);
  option.capture_default_str();  // the variable it is bound to, which may say less than the help: "" for 4096
  const std::string bound = option.get_default_str();
  if (!bound.empty() && entry.kind == OptionKind::kValue) {
    entry.default_word = bound;
  } else if (is_number(written)) {
    entry.default_word = written;
  } else {
    entry.default_note = written;
  }
  return entry;
}

void add_sections(CLI::App& command, std::vector<OptionSection>& sections) {
  auto options = settable_options(command);
  if (command.get_parent() != nullptr && !options.empty()) {
    sections.push_back({section_name(command), command.get_description(), &command, std::move(options)});
  }
  for (CLI::App* below : command.get_subcommands({})) add_sections(*below, sections);
}

}  // namespace

std::string section_name(const CLI::App& command) {
  const CLI::App* const parent = command.get_parent();
  const bool is_nested = parent != nullptr && parent->get_parent() != nullptr;
  return is_nested ? section_name(*parent) + "-" + command.get_name() : command.get_name();
}

std::string environment_name(const std::string& section, const std::string& key) {
  std::string name = fmt::format("VALENCE_{}_{}", section, key);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::vector<OptionEntry> settable_options(CLI::App& command) {
  std::vector<OptionEntry> entries;
  for (CLI::Option* option : command.get_options(std::function<bool(CLI::Option*)>())) {
    const auto& names = option->get_lnames();  // several are spellings of one: --num_train_epochs, --num-train-epochs
    if (names.empty() || std::find(kOfOneRun.begin(), kOfOneRun.end(), names.front()) != kOfOneRun.end()) continue;
    std::string key = names.front();
    std::replace(key.begin(), key.end(), '_', '-');
    entries.push_back(entry_of(*option, key));
  }
  return entries;
}

std::vector<OptionSection> option_sections(CLI::App& program) {
  std::vector<OptionSection> sections;
  add_sections(program, sections);
  return sections;
}

}  // namespace valence::cli
