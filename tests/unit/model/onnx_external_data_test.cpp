// Weights beside the ONNX file: read from its own directory, and nowhere else.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/onnx_goldens.h"
#include "valence/base/file.h"
#include "valence/model/model.h"

namespace valence {
namespace {

namespace fs = std::filesystem;
using testing::ExportDirectory;
using testing::TemporaryDirectory;

class ExternalData : public ::testing::Test {
 protected:
  /// Loads the export with its data file called `location`, which is as long as the name it replaces.
  [[nodiscard]] Result<Model> load_with_location(const std::string& location) {
    const std::string old = "bert_beside.onnx_data";
    EXPECT_EQ(location.size(), old.size());
    auto image = read_file(exported_.path() / "model.onnx", 1U << 20U).value();
    for (auto at = image.find(old); at != image.npos; at = image.find(old, at)) image.replace(at, old.size(), location);
    exported_.folder.write("model.onnx", image);
    return load_model(exported_.path());
  }
  [[nodiscard]] fs::path data() const { return exported_.path() / "bert_beside.onnx_data"; }

  const ExportDirectory exported_{"bert_beside"};
};

TEST_F(ExternalData, NamesThatLeaveTheDirectoryAreRefused) {
  for (const std::string location :
       {"../bert_beside.onnx_d", "a/../../b/c/d/e/f/g/h", "/etc/passwd-----------", "C:bert_beside.onnx_da",
        "a\\..\\b-------------", ".././././././././././", "sub/../../beside.data"}) {
    std::string name = location;
    name.resize(21, 'x');
    const auto model = load_with_location(name);
    ASSERT_FALSE(model) << name;
    EXPECT_EQ(model.error().code(), ErrorCode::kInvalidData) << model.error().to_string();
  }
}

TEST_F(ExternalData, FileThatIsMissingIsNamed) {
  fs::remove(data());
  const auto model = load_model(exported_.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(model.error().to_string().find("bert_beside.onnx_data"), std::string::npos);
}

TEST_F(ExternalData, LinksOutOfTheDirectoryAreNotFollowed) {
  const TemporaryDirectory elsewhere;
  fs::rename(data(), elsewhere.path() / "data");
  fs::create_symlink(elsewhere.path() / "data", data());
  const auto model = load_model(exported_.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::kInvalidData);
}

TEST_F(ExternalData, LinkedParentIsNotFollowed) {
  const TemporaryDirectory elsewhere;
  fs::rename(data(), elsewhere.path() / "bert_beside.da");
  fs::create_directory_symlink(elsewhere.path(), exported_.path() / "linked");
  auto model = load_with_location("linked/bert_beside.da");
  EXPECT_FALSE(model.has_value());
}

TEST_F(ExternalData, HardLinksAreRefused) {
  const TemporaryDirectory elsewhere;
  fs::create_hard_link(data(), elsewhere.path() / "other");
  const auto model = load_model(exported_.path());
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().what().find("hard link"), std::string::npos);
}

TEST_F(ExternalData, DirectoryInItsPlaceIsRefused) {
  fs::remove(data());
  fs::create_directory(data());
  EXPECT_FALSE(load_model(exported_.path()).has_value());
}

TEST_F(ExternalData, FileThatIsTooShortIsRefused) {
  fs::resize_file(data(), fs::file_size(data()) - 1);
  const auto model = load_model(exported_.path());
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::kInvalidData);
}

TEST_F(ExternalData, SnapshotOfTheHuggingFaceCacheIsRead) {
  const TemporaryDirectory cache;
  const fs::path snapshot = cache.path() / "models--org--name" / "snapshots" / "0123abc";
  const fs::path blobs = cache.path() / "models--org--name" / "blobs";
  fs::create_directories(snapshot);
  fs::create_directories(blobs);
  for (const char* const name : {"config.json", "model.onnx", "bert_beside.onnx_data"}) {
    fs::copy_file(exported_.path() / name, blobs / (std::string("blob-of-") + name));
    fs::create_symlink(fs::path("../../blobs") / (std::string("blob-of-") + name), snapshot / name);
  }
  const auto model = load_model(snapshot);
  EXPECT_TRUE(model) << model.error().to_string();
}

}  // namespace
}  // namespace valence
