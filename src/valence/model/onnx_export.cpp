#include "valence/model/onnx_export.h"

#include "valence/base/check.h"
#include "valence/model/arch/registry.h"
#include "valence/model/onnx/encoder_graph.h"

namespace valence {

Result<std::string> export_onnx(const Model& model, OnnxWeightType type) {
  const Architecture* const architecture = find_architecture(model.spec.model_type);
  VALENCE_ASSERT(architecture != nullptr, "a model was loaded by its architecture");
  return onnx::encoder_graph(model.spec, *architecture, &model.weights, type, model.checkpoint.source());
}

}  // namespace valence
