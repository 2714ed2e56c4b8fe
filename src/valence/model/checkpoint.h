/// \file
/// The tensors of a model directory, single-file or sharded, or of a safetensors image in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// Immutable once opened; owns the mapped files its views point into. Movable.
class Checkpoint {
 public:
  /// `model.safetensors`, or the shards that `model.safetensors.index.json` lists. A directory that has only pickled
  /// weights (`pytorch_model.bin`) is refused with the way to convert it.
  static Result<Checkpoint> open(const std::filesystem::path& model_dir);

  /// A safetensors image that outlives the checkpoint, e.g. one compiled into the program. `source` names it in errors.
  static Result<Checkpoint> from_memory(std::span<const std::byte> image, std::string source);

  /// Tensors of a file that was read otherwise (GGUF), which the checkpoint keeps mapped.
  static Checkpoint from_file(MappedFile file, TensorTable tensors, std::string source);

  /// Whether a model directory has safetensors weights, single or sharded.
  [[nodiscard]] static bool has_safetensors(const std::filesystem::path& model_dir);

  /// Tensors that lie in memory and outlive the checkpoint, e.g. those of a quantisation that is being tried.
  static Checkpoint from_tensors(TensorTable tensors, std::string source);

  /// Puts values of the checkpoint's own in a tensor's place, or adds a tensor. Scales of an int8 one go with it.
  void replace(const std::string& name, Shape shape, std::vector<float> values);

  [[nodiscard]] std::optional<TensorView> find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  /// Gives back the memory that a tensor's mapped bytes take, after they were copied to where they are used; they stay
  /// readable. Nothing happens to an image in memory.
  void release(const TensorView& tensor) const;
  /// How errors name it: the file, or the directory of shards.
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  Checkpoint() = default;
  static Result<Checkpoint> open_shards(const std::filesystem::path& model_dir, const Json& index);

  std::string source_;
  std::vector<MappedFile> files_;
  std::map<std::string, std::vector<float>> own_;
  TensorTable tensors_;
};

}  // namespace valence
