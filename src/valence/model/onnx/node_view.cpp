#include "valence/model/onnx/node_view.h"

#include <fmt/format.h>

#include "valence/base/json.h"

namespace valence::onnx {

std::string describe(const OnnxNode& node) {
  const std::string_view shown = !node.name.empty() || node.outputs.empty() ? node.name : node.outputs.front();
  return fmt::format("{} {} (domain {})", node.op_type.empty() ? "without an operator" : node.op_type, in_quotes(shown),
                     node.domain.empty() ? "ai.onnx" : node.domain);
}

tl::unexpected<Error> not_understood(const std::string& source, const OnnxNode& node, std::string why) {
  return fail(ErrorCode::kUnsupported, source, fmt::format("node {} is not understood: {}", describe(node), why),
              "give the Hugging Face directory that the file was exported from (config.json, model.safetensors), or "
              "export it without optimisations");
}

std::int64_t NodeView::integer(std::string_view name, std::int64_t fallback) const {
  const OnnxAttribute* const found = node_.attribute(name);
  return found == nullptr ? fallback : found->integer.value_or(fallback);
}

float NodeView::number(std::string_view name, float fallback) const {
  const OnnxAttribute* const found = node_.attribute(name);
  return found == nullptr ? fallback : found->number.value_or(fallback);
}

std::string_view NodeView::text(std::string_view name, std::string_view fallback) const {
  const OnnxAttribute* const found = node_.attribute(name);
  return found == nullptr ? fallback : found->text.value_or(fallback);
}

const std::vector<std::int64_t>* NodeView::integers(std::string_view name) const {
  const OnnxAttribute* const found = node_.attribute(name);
  return found == nullptr ? nullptr : &found->integers;
}

}  // namespace valence::onnx
