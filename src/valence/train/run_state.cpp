#include "valence/train/run_state.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/base/write_file.h"
#include "valence/tensor/safetensors_reader.h"
#include "valence/tensor/safetensors_writer.h"

namespace valence::train {
namespace {

constexpr std::string_view kValue = "value:";
constexpr std::string_view kFirst = "first_moment:";
constexpr std::string_view kSecond = "second_moment:";
constexpr std::string_view kState = "state";

std::string state_text(const TrainerState& state, const Fingerprint& fingerprint) {
  JsonText json;
  json.begin_object().key("step").integer(state.step).key("best_metric").number(state.best_metric);
  json.key("best_step")
      .integer(state.best_step)
      .key("evaluations_without_gain")
      .integer(state.evaluations_without_gain);
  json.key("stopped_early").boolean(state.stopped_early).key("settings").begin_object();
  for (const auto& [name, value] : fingerprint) json.key(name).string(value);
  json.end_object().end_object();
  return json.text();
}

/// The three tensors of a parameter that learns, as views.
template <class Function>
void for_each_tensor(BaseModel& model, AdamW& optimizer, Function function) {
  const AdamW::State state = optimizer.state();
  for (const Parameter& parameter : model.parameters.parameters()) {
    if (!parameter.learns) continue;
    function(std::string(kValue) + parameter.name, parameter, model.parameters.values_of(parameter));
    function(std::string(kFirst) + parameter.name, parameter,
             state.first_moments.subspan(parameter.gradient, parameter.size));
    function(std::string(kSecond) + parameter.name, parameter,
             state.second_moments.subspan(parameter.gradient, parameter.size));
  }
}

/// What state_text() wrote, from the header of an image that parse_safetensors has checked.
Result<Json> stored_state(std::span<const std::byte> image, const std::string& source) {
  std::uint64_t length = 0;
  std::memcpy(&length, image.data(), sizeof length);
  const auto* const header = reinterpret_cast<const char*>(image.data() + sizeof length);
  VALENCE_TRY(const Json json, Json::parse({header, length}, source));
  const auto metadata = json.find("__metadata__");
  const auto text = metadata ? metadata->find(kState) : std::nullopt;
  if (!text) return fail(ErrorCode::kInvalidData, source, "is no checkpoint of a training run");
  VALENCE_TRY(const std::string document, text->as_string());
  return Json::parse(document, source);
}

Status compare(const Json& settings, const Fingerprint& fingerprint) {
  for (const auto& [name, value] : fingerprint) {
    VALENCE_TRY(const std::string then, settings.string(name));
    if (then != value) {
      return fail(ErrorCode::kInvalidArgument, "--resume",
                  fmt::format("{} is {}, but the run to go on with had {}", name, value, then),
                  "give the options and the data of that run, or begin a new one in another --output-dir");
    }
  }
  return {};
}

}  // namespace

Status save_run_state(const std::filesystem::path& path, BaseModel& model, Trainer& trainer,
                      const Fingerprint& fingerprint) {
  TensorTable tensors;
  for_each_tensor(model, trainer.optimizer(),
                  [&](std::string name, const Parameter& parameter, std::span<float> values) {
                    tensors.emplace(std::move(name), TensorView{DType::kF32, parameter.shape, std::as_bytes(values)});
                  });
  const SafetensorsLayout layout =
      lay_out_safetensors(tensors, {{std::string(kState), state_text(trainer.state(), fingerprint)}});
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(layout.header))};
  pieces.insert(pieces.end(), layout.tensors.begin(), layout.tensors.end());
  return write_file_atomically(path, pieces);
}

Status load_run_state(const std::filesystem::path& path, BaseModel& model, Trainer& trainer,
                      const Fingerprint& fingerprint) {
  VALENCE_TRY(const MappedFile file, MappedFile::open(path));
  VALENCE_TRY(const TensorTable tensors, parse_safetensors(file.bytes(), path.string()));
  VALENCE_TRY(const Json json, stored_state(file.bytes(), path.string()));
  VALENCE_TRY(const Json settings, json.at("settings"));
  VALENCE_TRY_STATUS(compare(settings, fingerprint));
  Status status;
  for_each_tensor(
      model, trainer.optimizer(), [&](const std::string& name, const Parameter& parameter, std::span<float> values) {
        const auto found = tensors.find(name);
        if (!status) return;
        if (found == tensors.end() || found->second.shape != parameter.shape || found->second.dtype != DType::kF32) {
          status = fail(ErrorCode::kInvalidData, path.string(),
                        fmt::format("has no {} of the shape {}", name, to_string(parameter.shape)),
                        "it belongs to a run over another model");
          return;
        }
        copy_as_f32(found->second, values);
      });
  VALENCE_TRY_STATUS(status);
  TrainerState& state = trainer.state();
  VALENCE_TRY(state.step, json.integer("step"));
  VALENCE_TRY(state.best_metric, json.number("best_metric"));
  VALENCE_TRY(state.best_step, json.integer("best_step"));
  VALENCE_TRY(state.evaluations_without_gain, json.integer("evaluations_without_gain"));
  VALENCE_TRY(state.stopped_early, json.boolean("stopped_early"));
  *trainer.optimizer().state().steps = state.step;
  trainer.optimizer().restored();
  return {};
}

}  // namespace valence::train
