/// \file
/// The exports that tools/make_onnx_goldens.py recorded.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "support/model_goldens.h"
#include "support/temporary_directory.h"

namespace valence::testing {

inline const std::filesystem::path kOnnxGoldens = VALENCE_TESTS_DIR "/parity/data/onnx";

/// A directory as optimum lays it out: the golden's config.json and `model.onnx`.
class ExportDirectory {
 public:
  explicit ExportDirectory(const std::string& name) {
    auto loaded = load_model_golden(kOnnxGoldens / (name + ".json"));
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    golden = std::move(*loaded);
    folder.write("config.json", golden.config_json);
    std::filesystem::copy_file(kOnnxGoldens / (name + ".onnx"), path() / "model.onnx");
    const std::string beside = name + ".onnx_data";
    if (std::filesystem::exists(kOnnxGoldens / beside)) {
      std::filesystem::copy_file(kOnnxGoldens / beside, path() / beside);
    }
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder.path(); }

  TemporaryDirectory folder;
  ModelGolden golden;
};

}  // namespace valence::testing
