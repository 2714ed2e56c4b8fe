#include "valence/cli/toml_text.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace valence::cli {
namespace {

TEST(TomlValue, NumbersStandBareOnlyWhereNothingIsLost) {
  const auto written = [](const std::string& word) { return toml_value(OptionKind::kValue, {word}); };
  EXPECT_EQ(written("8080"), "8080");
  EXPECT_EQ(written("-3"), "-3");
  EXPECT_EQ(written("0.05"), "0.05");
  for (const char* word : {"007", "0.50", "1e5", "+1", "12h", "", "nan"}) {
    EXPECT_EQ(written(word), "\"" + std::string(word) + "\"");
  }
}

TEST(TomlValue, FlagsAndListsAreBooleansAndArrays) {
  EXPECT_EQ(toml_value(OptionKind::kFlag, {"true"}), "true");
  EXPECT_EQ(toml_value(OptionKind::kFlag, {"false"}), "false");
  EXPECT_EQ(toml_value(OptionKind::kList, {"a=./a", "1"}), "[\"a=./a\", 1]");
}

TEST(TomlString, EscapesWhatTomlDoes) {
  EXPECT_EQ(toml_string("a \"b\"\\\n\x7F\u00e9"), "\"a \\\"b\\\"\\\\\\u000A\\u007F\u00e9\"");
}

TEST(WithoutPassword, HidesWhatLibpqTakesForOne) {
  EXPECT_EQ(without_password("postgresql://app:s3cret@db/valence"), "postgresql://app:***@db/valence");
  EXPECT_EQ(without_password("postgresql://app:p@ss@db:5432/valence"), "postgresql://app:***@db:5432/valence");
  EXPECT_EQ(without_password("postgresql://app@db:5432/valence"), "postgresql://app@db:5432/valence");
  EXPECT_EQ(without_password("postgresql://db/x?user=a&password=s3cret&sslmode=require"),
            "postgresql://db/x?user=a&password=***&sslmode=require");
  EXPECT_EQ(without_password("host=db password='a b' user=x"), "host=db password=*** user=x");
  EXPECT_EQ(without_password("/var/lib/valence/history.db"), "/var/lib/valence/history.db");
}

TEST(OptionTable, EntriesSayKeyKindAndDefault) {
  CLI::App program("", "valence");
  CLI::App* const models = program.add_subcommand("models");
  CLI::App* const pull = models->add_subcommand("pull", "Fetch");
  std::string retry = "300";
  std::string threads;
  std::string format;
  std::string output;
  std::vector<std::string> include;
  bool quick = false;
  pull->add_option("--retry_for,--retry-for", retry, "Seconds [300]")->type_name("S");
  pull->add_option("-n,--limit", threads, "Most [4096]");
  pull->add_option("--format", format, "Which [by suffix]");
  pull->add_option("--include", include, "Globs");
  pull->add_option("-o,--output", output, "Where");
  pull->add_flag("--quick", quick, "Hurry");
  const auto sections = option_sections(program);
  ASSERT_EQ(sections.size(), 1U);
  EXPECT_EQ(sections[0].name, "models-pull");
  EXPECT_EQ(environment_name(sections[0].name, "retry-for"), "VALENCE_MODELS_PULL_RETRY_FOR");
  const auto& options = sections[0].options;
  ASSERT_EQ(options.size(), 5U);  // without --output, which is of one run
  EXPECT_EQ(options[0].key, "retry-for");
  EXPECT_EQ(options[0].default_word, "300");
  EXPECT_EQ(options[0].description, "Seconds");
  EXPECT_EQ(options[1].default_word, "4096");  // the variable is empty, the help is not
  EXPECT_EQ(options[2].default_word, "");
  EXPECT_EQ(options[2].default_note, "by suffix");
  EXPECT_EQ(options[3].kind, OptionKind::kList);
  EXPECT_EQ(options[4].kind, OptionKind::kFlag);
}

}  // namespace
}  // namespace valence::cli
