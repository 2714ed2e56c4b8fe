#include "valence/hub/listing.h"

#include <gtest/gtest.h>

#include "valence/hub/file_choice.h"

namespace valence::hub {
namespace {

const std::string kCommit(40, 'c');
const std::string kSha256(64, 'a');
const std::string kGitOid(40, 'b');

RepoListing listing_of(std::initializer_list<const char*> names) {
  RepoListing listing{.commit = kCommit, .files = {}};
  for (const char* name : names) listing.files.push_back({.name = name, .size_bytes = 1, .blob = {}});
  return listing;
}

std::vector<std::string> chosen(std::initializer_list<const char*> names, const ChoiceOptions& options = {}) {
  const auto files = choose_files(listing_of(names), options, "org/name");
  if (!files) return {files.error().to_string()};
  std::vector<std::string> found;
  for (const RepoFile& file : *files) found.push_back(file.name);
  return found;
}

using Names = std::vector<std::string>;

TEST(Listing, LargeFilesAreNamedByTheirShaAndOthersByGit) {
  const auto listing =
      parse_listing(R"({"sha":")" + kCommit + R"(","siblings":[
      {"rfilename":"b.txt","size":3,"blobId":")" +
                        kGitOid + R"("},
      {"rfilename":"a.bin","size":130,"blobId":")" +
                        kGitOid + R"(","lfs":{"sha256":")" + kSha256 + R"(","size":7,"pointerSize":130}},
      {"rfilename":"c.txt"}]})",
                    "the hub");
  ASSERT_TRUE(listing) << listing.error().to_string();
  EXPECT_EQ(listing->commit, kCommit);
  ASSERT_EQ(listing->files.size(), 3U);
  EXPECT_EQ(listing->files[0].name, "a.bin");
  EXPECT_EQ(listing->files[0].size_bytes, 7U);
  EXPECT_EQ(listing->files[0].blob->kind, BlobName::Kind::kSha256);
  EXPECT_EQ(listing->files[1].blob->hex, kGitOid);
  EXPECT_FALSE(listing->files[2].size_bytes);
}

TEST(Listing, OneNameThatLeavesTheFolderRefusesAll) {
  const auto listing =
      parse_listing(R"({"sha":")" + kCommit + R"(","siblings":[{"rfilename":"a"},{"rfilename":"../b"}]})", "the hub");
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code(), ErrorCode::kRemote);
}

TEST(FileChoice, CalibrationComesAlong) {
  EXPECT_EQ(chosen({"config.json", "calibration.json", "model.safetensors", "quantization.json"}),
            (Names{"config.json", "calibration.json", "model.safetensors"}));
}

TEST(FileChoice, SingleFileBeforeShards) {
  EXPECT_EQ(
      chosen({"config.json", "model.safetensors", "model.safetensors.index.json", "model-00001-of-00001.safetensors",
              "pytorch_model.bin", "tf_model.h5", "tokenizer.json", "README.md", "onnx/model.onnx", "sub/config.json"}),
      (Names{"config.json", "model.safetensors", "tokenizer.json", "README.md"}));
}

TEST(FileChoice, ShardsComeWithTheirIndex) {
  EXPECT_EQ(chosen({"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors", "model-1-of-2.safetensors"}),
            (Names{"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                   "model-00002-of-00002.safetensors"}));
}

TEST(FileChoice, RefusalNamesWhatThereIsInstead) {
  EXPECT_NE(chosen({"config.json", "model.onnx"})[0].find("--format onnx"), std::string::npos);
  EXPECT_NE(chosen({"a.gguf"})[0].find("--format gguf"), std::string::npos);
  EXPECT_NE(chosen({"config.json", "model.safetensors"}, {.format = WeightFormat::kGguf})[0].find("leave --format out"),
            std::string::npos);
  EXPECT_NE(chosen({"config.json", "pytorch_model.bin"}, {.pickle_remedy = "convert it"})[0].find("convert it"),
            std::string::npos);
  EXPECT_NE(chosen({"model.safetensors"})[0].find("config.json"), std::string::npos);
}

TEST(FileChoice, PatternsReplaceAndReduceTheChoice) {
  EXPECT_EQ(chosen({"config.json", "onnx/a.onnx", "onnx/b.onnx"}, {.include = {"*.onnx"}, .exclude = {"*b*"}}),
            (Names{"onnx/a.onnx"}));
  EXPECT_EQ(chosen({"config.json", "model.safetensors", "README.md"}, {.exclude = {"README.md"}}),
            (Names{"config.json", "model.safetensors"}));
  EXPECT_NE(chosen({"config.json"}, {.include = {"x*"}})[0].find("no file is left"), std::string::npos);
}

}  // namespace
}  // namespace valence::hub
