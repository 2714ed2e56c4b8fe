#include "valence/model/checkpoint.h"

#include <gtest/gtest.h>

#include "support/safetensors_image.h"
#include "support/temporary_directory.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::image_of;
using testing::TemporaryDirectory;

constexpr auto kIndex = "model.safetensors.index.json";

/// The error of opening `directory`, without the directory's own path.
std::string refusal(const TemporaryDirectory& directory) {
  const auto checkpoint = Checkpoint::open(directory.path());
  if (checkpoint) return "accepted";
  std::string message = checkpoint.error().to_string();
  const std::string prefix = directory.path().string();
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  return message;
}

TEST(Checkpoint, SingleFileIsOpened) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  const auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().to_string();
  EXPECT_EQ(checkpoint->names(), std::vector<std::string>{"a"});
  EXPECT_EQ(checkpoint->source(), (directory.path() / "model.safetensors").string());
  EXPECT_FALSE(checkpoint->find("b"));
}

TEST(Checkpoint, ViewsStayValidWhenTheCheckpointMoves) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint);
  const auto view = checkpoint->find("a");
  const Checkpoint moved = std::move(*checkpoint);
  EXPECT_EQ(static_cast<char>(view->bytes[1]), 'y');
}

TEST(Checkpoint, ImageInMemoryIsOpened) {
  const std::string image = image_of({{"a", "U8", {2}, "xy"}});
  const auto checkpoint = Checkpoint::from_memory(as_bytes(image), "built-in");
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->source(), "built-in");
  EXPECT_TRUE(checkpoint->find("a"));
}

TEST(Checkpoint, ShardsAreJoined) {
  const TemporaryDirectory directory;
  directory.write("model-1.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  directory.write("model-2.safetensors", image_of({{"b", "U8", {1}, "z"}}));
  directory.write(kIndex, R"({"metadata":{"total_size":3},)"
                          R"("weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  const auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().to_string();
  EXPECT_EQ(checkpoint->names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(static_cast<char>(checkpoint->find("b")->bytes[0]), 'z');
}

TEST(Checkpoint, LinksAsInTheHuggingFaceCacheAreFollowed) {
  const TemporaryDirectory cache;
  std::filesystem::create_directories(cache.path() / "blobs");
  std::filesystem::create_directories(cache.path() / "snapshots" / "rev");
  cache.write("blobs/0a1b", image_of({{"a", "U8", {2}, "xy"}}));
  const auto snapshot = cache.path() / "snapshots" / "rev";
  std::filesystem::create_symlink("../../blobs/0a1b", snapshot / "model.safetensors");
  EXPECT_TRUE(Checkpoint::open(snapshot));
}

TEST(Checkpoint, ShardNamesThatLeaveTheDirectoryAreRefused) {
  const TemporaryDirectory parent;
  parent.write("outside.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  const auto model_dir = parent.path() / "model";
  std::filesystem::create_directory(model_dir);
  for (const std::string shard : {"../outside.safetensors", "a/../../outside.safetensors", "/etc/passwd", "..", ".", "",
                                  "sub/x.safetensors", "..\\\\outside.safetensors", "x\\u0000y"}) {
    parent.write(std::string("model/") + kIndex, R"({"weight_map":{"a":")" + shard + R"("}})");
    const auto checkpoint = Checkpoint::open(model_dir);
    ASSERT_FALSE(checkpoint) << shard;
    EXPECT_NE(checkpoint.error().what().find("is not a plain file name"), std::string::npos)
        << checkpoint.error().to_string();
    EXPECT_EQ(checkpoint.error().where(), (model_dir / kIndex).string() + ": weight_map.a");
  }
}

TEST(Checkpoint, MissingShardIsNamed) {
  const TemporaryDirectory directory;
  directory.write(kIndex, R"({"weight_map":{"a":"model-1.safetensors"}})");
  EXPECT_EQ(refusal(directory),
            "/model-1.safetensors: the shard that model.safetensors.index.json names is missing. Hint: download the "
            "model again.");
  EXPECT_EQ(Checkpoint::open(directory.path()).error().code(), ErrorCode::kNotFound);
}

TEST(Checkpoint, TensorThatIsNotInItsShardIsNamed) {
  const TemporaryDirectory directory;
  directory.write("1.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  directory.write("2.safetensors", image_of({{"b", "U8", {1}, "z"}}));
  directory.write(kIndex, R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"}})");
  EXPECT_EQ(refusal(directory), "/model.safetensors.index.json: weight_map: tensor \"c\" is not in 2.safetensors.");
  directory.write(kIndex, R"({"weight_map":{"a":"2.safetensors","b":"1.safetensors"}})");
  EXPECT_EQ(refusal(directory),
            "/model.safetensors.index.json: weight_map: tensor \"a\" is not in 2.safetensors, but in 1.safetensors.");
}

TEST(Checkpoint, TensorInTwoShardsIsRefused) {
  const TemporaryDirectory directory;
  directory.write("1.safetensors", image_of({{"a", "U8", {2}, "xy"}}));
  directory.write("2.safetensors", image_of({{"a", "U8", {2}, "zz"}, {"b", "U8", {1}, "z"}}));
  directory.write(kIndex, R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  EXPECT_EQ(refusal(directory), "/2.safetensors: tensor \"a\" is also in 1.safetensors.");
}

TEST(Checkpoint, IndexOfAnotherKindIsRefused) {
  const TemporaryDirectory directory;
  directory.write(kIndex, R"({"weight_map":{}})");
  EXPECT_EQ(refusal(directory), "/model.safetensors.index.json: weight_map: names no shards.");
  directory.write(kIndex, R"({"weight_map":{"a":1}})");
  EXPECT_EQ(refusal(directory), "/model.safetensors.index.json: weight_map.a: expected a string, found number 1.");
  directory.write(kIndex, R"({})");
  EXPECT_EQ(refusal(directory), "/model.safetensors.index.json: the required key \"weight_map\" is missing.");
}

TEST(Checkpoint, DirectoryWithoutWeightsIsNotFound) {
  const TemporaryDirectory directory;
  EXPECT_EQ(refusal(directory), ": has no model.safetensors and no model.safetensors.index.json.");
  EXPECT_EQ(Checkpoint::open(directory.path()).error().code(), ErrorCode::kNotFound);
}

TEST(Checkpoint, PickledWeightsAreAnsweredWithTheWayToConvert) {
  for (const std::string name : {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "last.ckpt"}) {
    const TemporaryDirectory directory;
    directory.write(name, "PK\x03\x04");
    directory.write("training_args.bin", "PK\x03\x04");
    const auto checkpoint = Checkpoint::open(directory.path());
    ASSERT_FALSE(checkpoint);
    EXPECT_EQ(checkpoint.error().code(), ErrorCode::kInvalidData);
    EXPECT_EQ(checkpoint.error().where(), (directory.path() / name).string());
    EXPECT_NE(checkpoint.error().hint().find("safe_serialization=True"), std::string::npos);
  }
}

TEST(Checkpoint, PickleRenamedToSafetensorsIsNotOpened) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", std::string("PK\x03\x04") + std::string(100, '\0'));
  EXPECT_TRUE(refusal(directory).starts_with("/model.safetensors: is a zip archive, as torch.save writes"));
}

TEST(Checkpoint, DirectoryInPlaceOfTheFileIsRefused) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "model.safetensors");
  EXPECT_EQ(refusal(directory), "/model.safetensors: is a directory, expected a file.");
}

}  // namespace
}  // namespace valence
