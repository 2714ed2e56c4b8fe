#include "valence/hub/settings.h"

#include <gtest/gtest.h>

#include <map>

#include "support/temporary_directory.h"

namespace valence::hub {
namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

// The precedence of huggingface_hub's constants.py.
TEST(HubSettings, CacheLiesWhereHuggingfaceHubHasIt) {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{{"HOME", "/h"}}, "/h/.cache/huggingface/hub"},
      {{{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}, "/x/huggingface/hub"},
      {{{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/f"}}, "/f/hub"},
      {{{"HOME", "/h"}, {"HF_HOME", "/f"}, {"HF_HUB_CACHE", "/c"}}, "/c"},
      {{{"HOME", "/h"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}, "/old"},
      {{{"HOME", "/h"}, {"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/c"}}, "/c"},
      {{{"HOME", "/h"}, {"HF_HOME", "~/f"}}, "/h/f/hub"},
      {{{"HOME", "/h"}, {"D", "/d"}, {"HF_HOME", "$D/${D}x/$NOT"}}, "/d//dx/$NOT/hub"},
  };
  for (const auto& [variables, expected] : cases)
    EXPECT_EQ(cache_directory(environment_of(variables))->string(), expected);
  EXPECT_FALSE(cache_directory(environment_of({})));
}

TEST(HubSettings, TokenComesFromTheEnvironmentThenFromItsFile) {
  const testing::TemporaryDirectory home;
  home.write("token", "  hf_file\r\n");
  const auto elsewhere = home.write("other", "hf_other\n");
  const std::string path = home.path().string();
  const auto token = [](const std::map<std::string, std::string>& variables) {
    const auto settings = read_settings(environment_of(variables));
    return settings && settings->token ? settings->token->reveal() : "none";
  };
  EXPECT_EQ(token({{"HF_HOME", path}}), "hf_file");
  EXPECT_EQ(token({{"HF_HOME", path}, {"HF_TOKEN", "hf_env"}}), "hf_env");
  EXPECT_EQ(token({{"HF_HOME", path}, {"HUGGING_FACE_HUB_TOKEN", "hf_old"}}), "hf_old");
  EXPECT_EQ(token({{"HF_HOME", path}, {"HF_TOKEN_PATH", elsewhere.string()}}), "hf_other");
  EXPECT_EQ(token({{"HF_HOME", path}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}), "none");
  EXPECT_EQ(token({{"HF_HOME", path + "/none"}}), "none");
}

TEST(HubSettings, TokenThatCouldSplitAHeaderIsRefusedUnseen) {
  const auto settings = read_settings(environment_of({{"HOME", "/h"}, {"HF_TOKEN", "hf_a b"}}));
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().to_string().find("hf_a"), std::string::npos);
}

TEST(HubSettings, EndpointAndSwitches) {
  const auto settings = read_settings(environment_of({{"HOME", "/h"},
                                                      {"HF_ENDPOINT", "http://mirror:8000/hf//"},
                                                      {"TRANSFORMERS_OFFLINE", "yes"},
                                                      {"HF_HUB_ETAG_TIMEOUT", "3"}}));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->endpoint.to_string(), "http://mirror:8000/hf");
  EXPECT_TRUE(settings->offline);
  EXPECT_EQ(settings->metadata_timeout, std::chrono::seconds(3));
  EXPECT_EQ(settings->download_timeout, std::chrono::seconds(10));
  EXPECT_EQ(read_settings(environment_of({{"HOME", "/h"}}))->endpoint.to_string(), "https://huggingface.co");
  for (const char* endpoint : {"ftp://x", "huggingface.co", "http://u:p@x"}) {
    EXPECT_FALSE(read_settings(environment_of({{"HOME", "/h"}, {"HF_ENDPOINT", endpoint}}))) << endpoint;
  }
  EXPECT_FALSE(read_settings(environment_of({{"HOME", "/h"}, {"HF_HUB_ETAG_TIMEOUT", "soon"}})));
}

}  // namespace
}  // namespace valence::hub
