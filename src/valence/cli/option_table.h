/// \file
/// The options of all commands as data: what configuration files, `valence config` and completions are made of.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace valence::cli {

enum class OptionKind { kFlag, kValue, kList };

/// An option that a configuration may set; what a single run is about (its texts or data, its output, --resume) is not
/// among them. Views into a table of options that must outlive it.
struct OptionEntry {
  CLI::Option* option = nullptr;
  std::string key;  ///< "max-length"
  OptionKind kind = OptionKind::kValue;
  std::string description;   ///< as in --help, without the default
  std::string value_name;    ///< "N"
  std::string default_word;  ///< "8080"; empty: not set
  std::string default_note;  ///< what an option that is not set means: "physical cores"; may be empty
};

/// A command with options; in files [name], in the environment VALENCE_<NAME>_<KEY>.
struct OptionSection {
  std::string name;  ///< "models-pull"
  std::string description;
  CLI::App* app = nullptr;
  std::vector<OptionEntry> options;
};

/// "models-pull" of `valence models pull`.
[[nodiscard]] std::string section_name(const CLI::App& command);

/// "VALENCE_MODELS_PULL_RETRY_FOR".
[[nodiscard]] std::string environment_name(const std::string& section, const std::string& key);

/// In the order of --help. Of a command whose command line was not read, or defaults are taken for what was written.
[[nodiscard]] std::vector<OptionEntry> settable_options(CLI::App& command);

/// Every command of `program` that has settable options, in the order of --help.
[[nodiscard]] std::vector<OptionSection> option_sections(CLI::App& program);

}  // namespace valence::cli
