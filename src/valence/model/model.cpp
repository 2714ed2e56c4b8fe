#include "valence/model/model.h"

#include <system_error>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/model/adapter.h"
#include "valence/model/config.h"
#include "valence/model/gguf_model.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 4U << 20U;

Result<Model> assemble(ModelSpec spec, Checkpoint checkpoint, const std::filesystem::path& adapter = {}) {
  if (!adapter.empty()) {
    VALENCE_TRY_STATUS(merge_adapter(adapter, spec, checkpoint));
  }
  VALENCE_TRY(ModelWeights weights, bind_weights(spec, checkpoint));
  return Model{spec, std::move(checkpoint), std::move(weights)};
}

Status check_directory(const std::filesystem::path& model_dir) {
  std::error_code error;
  const auto status = std::filesystem::status(model_dir, error);
  if (status.type() == std::filesystem::file_type::directory) return {};
  if (status.type() == std::filesystem::file_type::not_found) {
    return fail(ErrorCode::kNotFound, model_dir.string(), "no such directory");
  }
  if (error) return fail(ErrorCode::kIo, model_dir.string(), system_error_text(error.value()));
  return fail(ErrorCode::kInvalidData, model_dir.string(), "is not a directory, expected a model's directory");
}

Result<Model> load_gguf(const std::filesystem::path& path) {
  VALENCE_TRY(MappedFile mapped, MappedFile::open(path));
  VALENCE_TRY(GgufFile file, parse_gguf(mapped.bytes(), path.string()));
  VALENCE_TRY(GgufModel model, gguf_model(std::move(file)));
  Checkpoint checkpoint = Checkpoint::from_file(std::move(mapped), std::move(model.tensors), path.string());
  VALENCE_TRY(ModelWeights weights, bind_weights(model.spec, *model.architecture, checkpoint));
  return Model{std::move(model.spec), std::move(checkpoint), std::move(weights)};
}

}  // namespace

Result<std::string> read_config(const std::filesystem::path& model_dir) {
  VALENCE_TRY_STATUS(check_directory(model_dir));
  return read_file(model_dir / "config.json", kMaxConfigBytes);
}

Result<Model> load_model(const std::filesystem::path& model_dir) { return load_model(model_dir, {}); }

Result<Model> load_model(const std::filesystem::path& model_dir, const std::filesystem::path& adapter) {
  VALENCE_TRY(const auto gguf, find_gguf(model_dir));
  if (gguf && !adapter.empty()) {
    return fail(ErrorCode::kUnsupported, adapter.string(), "a PEFT adapter names the tensors of a Hugging Face model",
                "give the directory that the GGUF file was converted from");
  }
  if (gguf) return load_gguf(*gguf);
  VALENCE_TRY(const std::string config_text, read_config(model_dir));
  VALENCE_TRY(const Json config, Json::parse(config_text, (model_dir / "config.json").string()));
  VALENCE_TRY(ModelSpec spec, parse_config(config));
  VALENCE_TRY(Checkpoint checkpoint, Checkpoint::open(model_dir));
  return assemble(std::move(spec), std::move(checkpoint), adapter);
}

Result<Model> load_model(std::string_view config_json, std::span<const std::byte> weights_image,
                         const std::string& source, const std::filesystem::path& adapter) {
  VALENCE_TRY(const Json config, Json::parse(config_json, source + "/config.json"));
  VALENCE_TRY(ModelSpec spec, parse_config(config));
  VALENCE_TRY(Checkpoint checkpoint, Checkpoint::from_memory(weights_image, source + "/model.safetensors"));
  return assemble(std::move(spec), std::move(checkpoint), adapter);
}

Result<Model> load_model(std::string_view config_json, Checkpoint checkpoint) {
  VALENCE_TRY(const Json config, Json::parse(config_json, checkpoint.source() + "/config.json"));
  VALENCE_TRY(ModelSpec spec, parse_config(config));
  return assemble(std::move(spec), std::move(checkpoint));
}

}  // namespace valence
