#include "valence/model/model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>

#include "support/model_goldens.h"
#include "support/random_checkpoint.h"
#include "support/safetensors_image.h"
#include "support/temporary_directory.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::random_bert;
using testing::TemporaryDirectory;

TEST(LoadModel, DirectoryIsLoadedSingleAndSharded) {
  for (const int shards : {1, 3}) {
    const TemporaryDirectory directory;
    auto checkpoint = random_bert();
    checkpoint.shards = shards;
    write_checkpoint(checkpoint, directory.path());
    const auto model = load_model(directory.path());
    ASSERT_TRUE(model) << model.error().to_string();
    std::vector<float> bias(2);
    copy_as_f32(*model->weights.classifier.bias, bias);
    EXPECT_EQ(bias, values_of(checkpoint.tensors.back(), checkpoint));
    EXPECT_EQ(model->spec.head.labels, (std::vector<std::string>{"class0", "class1"}));
  }
}

TEST(LoadModel, ViewsStayValidWhenTheModelMoves) {
  const TemporaryDirectory directory;
  const auto checkpoint = random_bert();
  write_checkpoint(checkpoint, directory.path());
  auto model = load_model(directory.path());
  ASSERT_TRUE(model);
  const Model moved = std::move(*model);
  std::vector<float> bias(2);
  copy_as_f32(*moved.weights.classifier.bias, bias);
  EXPECT_EQ(bias, values_of(checkpoint.tensors.back(), checkpoint));
}

// The names and shapes in the goldens are those of transformers' own state_dict().
TEST(LoadModel, EveryTensorThatTransformersSavesHasARole) {
  int loaded = 0;
  for (const auto& file : testing::model_golden_files()) {
    const auto golden = testing::load_model_golden(file);
    ASSERT_TRUE(golden) << golden.error().to_string();
    if (golden->name.find("tiny") == std::string::npos) continue;  // the others take hundreds of megabytes
    const std::string image = image_of(golden->checkpoint);
    const auto model = load_model(golden->config_json, as_bytes(image), golden->name);
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_TRUE(model->weights.unused.empty()) << golden->name;
    EXPECT_EQ(model->spec.head.labels.size(), golden->sequences[0].logits.size());
    ++loaded;
  }
  EXPECT_GE(loaded, 5);
}

TEST(LoadModel, MissingAndWrongKindsOfPathAreNamed) {
  const TemporaryDirectory directory;
  const auto missing = load_model(directory.path() / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().to_string(), (directory.path() / "nowhere").string() + ": no such directory.");
  const auto file = load_model(directory.write("file", "text"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what(), "is not a directory, expected a model's directory");
  const auto empty = load_model(directory.path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(empty.error().where(), (directory.path() / "config.json").string());
}

TEST(LoadModel, ErrorsOfTheConfigNameFileAndKey) {
  const TemporaryDirectory directory;
  directory.write("config.json", R"({"model_type": "bert", "vocab_size": "many"})");
  const auto model = load_model(directory.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().to_string(),
            (directory.path() / "config.json").string() + ": vocab_size: expected an integer, found string \"many\".");
}

TEST(LoadModel, FromMemoryErrorsNameTheSource) {
  const auto model = load_model("{}", {}, "built-in model");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().where(), "built-in model/config.json");
}

/// Images that make a careless reader slow: long headers whose fault comes last.
std::vector<std::string> slow_images() {
  constexpr std::size_t kHeaderBytes = 4'000'000;
  std::string tensors = "{";
  for (int i = 0; tensors.size() < kHeaderBytes; ++i) {
    tensors += fmt::format(R"("{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},)", i);
  }
  return {testing::image_of(tensors), testing::image_of("{" + std::string(kHeaderBytes, ' ')),
          testing::image_of("{\"" + std::string(kHeaderBytes, 'x')),
          testing::image_of(R"({"__metadata__":{"a":")" + std::string(kHeaderBytes, 'x') + "\"}"),
          testing::image_of(R"({"a":{"shape":)" + std::string(kHeaderBytes, '['))};
}

TEST(LoadModel, RefusalsAreQuick) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
  GTEST_SKIP() << "the time is that of an optimised build";
#endif
  constexpr double kMaxSeconds = 0.1;  // the processor's time, so that other work on the machine does not count
  const std::string config = random_bert().config_json;
  for (const std::string& image : slow_images()) {
    const std::clock_t start = std::clock();
    EXPECT_FALSE(load_model(config, as_bytes(image), "m"));
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, kMaxSeconds) << image.substr(8, 40);
  }
}

}  // namespace
}  // namespace valence
