#include "valence/cli/settings.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "valence/cli/nearest_word.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

class Settings : public testing::Test {
 protected:
  Settings() : folder_(fs::path(testing::TempDir()) / ("settings_test_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    command_.add_option("--top-k", top_k_);
    command_.add_option("--labels", labels_);
    command_.add_flag("--abstain", abstain_);
    command_.add_option("--threads", threads_)->check(CLI::PositiveNumber);
    parse({});
  }
  ~Settings() override {
    fs::remove_all(folder_);
    ::unsetenv("VALENCE_CLASSIFY_TOP_K");
  }

  void parse(std::vector<std::string> words) { command_.parse(std::move(words)); }
  fs::path file(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name) << content;
    return folder_ / name;
  }
  Status apply(const std::vector<fs::path>& files) { return apply_settings(command_, files, {"classify", "models"}); }

  fs::path folder_;
  CLI::App command_{"", "classify"};
  std::string top_k_ = "1";
  std::vector<std::string> labels_;
  bool abstain_ = false;
  int threads_ = 0;
};

TEST_F(Settings, FileGivesWhatTheCommandLineLeftOpen) {
  const auto config = file("a.toml", "[classify]\ntop_k = 2\nlabels = [\"a\", \"b\"]\nabstain = true\n[models]\n");
  ASSERT_TRUE(apply({config}).has_value());
  EXPECT_EQ(top_k_, "2");
  EXPECT_EQ(labels_, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(abstain_);
}

TEST_F(Settings, FlagBeatsEnvironmentBeatsFilesInOrder) {
  const auto strong = file("strong.toml", "[classify]\ntop-k = 3\n");
  const auto weak = file("weak.toml", "[classify]\ntop-k = 4\nthreads = 5\n");
  ASSERT_TRUE(apply({strong, weak}).has_value());
  EXPECT_EQ(top_k_, "3");
  EXPECT_EQ(threads_, 5);

  ::setenv("VALENCE_CLASSIFY_TOP_K", "6", 1);
  parse({});
  ASSERT_TRUE(apply({strong, weak}).has_value());
  EXPECT_EQ(top_k_, "6");

  parse({"7", "--top-k"});  // CLI11 takes words from the back
  ASSERT_TRUE(apply({strong, weak}).has_value());
  EXPECT_EQ(top_k_, "7");
}

TEST_F(Settings, UnknownKeyNamesItsLineAndWhatWasMeant) {
  const auto set = apply({file("a.toml", "[classify]\ntreads = 2\n")});
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().to_string(), (folder_ / "a.toml").string() +
                                         ":2:1: unknown key \"treads\" in [classify]. Hint: did you mean \"threads\"?");
}

TEST_F(Settings, MisspeltVariableNamesWhatWasMeant) {
  ::setenv("VALENCE_CLASSIFY_TREADS", "2", 1);
  const auto set = apply({});
  ::unsetenv("VALENCE_CLASSIFY_TREADS");
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().hint(), "did you mean VALENCE_CLASSIFY_THREADS?");
}

TEST_F(Settings, UnknownTableBrokenTomlAndBadValueAreErrors) {
  EXPECT_FALSE(apply({file("a.toml", "[clasify]\nthreads = 2\n")}).has_value());
  EXPECT_FALSE(apply({file("b.toml", "[classify\n")}).has_value());
  EXPECT_FALSE(apply({file("c.toml", "[classify]\nthreads = 0\n")}).has_value());
  EXPECT_FALSE(apply({file("d.toml", "[classify]\nthreads = {a = 1}\n")}).has_value());
}

TEST(NearestWord, IsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest_word("formatt", {"format", "fold"}), "format");
  EXPECT_EQ(nearest_word("xyzzyplugh", {"format", "fold"}), "");
}

}  // namespace
}  // namespace valence::cli
