// Graphs that are not quite a model's: what is missing, changed or put between is seen, and named.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/onnx_goldens.h"
#include "valence/base/file.h"
#include "valence/model/config.h"
#include "valence/model/onnx_model.h"

namespace valence {
namespace {

using testing::kOnnxGoldens;

/// A golden's graph, to be changed and read again.
class ChangedGraph : public ::testing::Test {
 protected:
  void SetUp() override { open("bert_traced"); }

  void open(const std::string& name) {
    auto loaded = testing::load_model_golden(kOnnxGoldens / (name + ".json"));
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    config_ = Json::parse(loaded->config_json, "config.json").value();
    auto text = read_file(kOnnxGoldens / (name + ".onnx"), 1U << 20U);
    ASSERT_TRUE(text) << text.error().to_string();
    image_ = std::move(*text);
    file_ = parse_onnx(std::as_bytes(std::span(image_)), "model.onnx").value();
  }

  [[nodiscard]] std::size_t node_of(std::string_view name) const {
    for (std::size_t i = 0; i < file_.nodes.size(); ++i) {
      if (file_.nodes[i].name == name) return i;
    }
    ADD_FAILURE() << "no node " << name;
    return 0;
  }

  /// Puts `node` between `before` and all that use its result.
  void insert_after(std::string_view before, OnnxNode node) {
    const std::size_t at = node_of(before);
    const std::string_view old = file_.nodes[at].outputs[0];
    for (OnnxNode& other : file_.nodes) std::ranges::replace(other.inputs, old, std::string_view("inserted"));
    node.name = "inserted_node";
    node.outputs = {"inserted"};
    node.inputs.insert(node.inputs.begin(), old);
    file_.nodes.insert(file_.nodes.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(node));
  }

  [[nodiscard]] Result<Checkpoint::Parts> weights() const {
    return onnx_weights(file_, parse_config(*config_).value(), *config_);
  }

  /// Expects a refusal that names node and operator.
  void expect_refused(std::string_view node, std::string_view op) const {
    const auto result = weights();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kUnsupported);
    const std::string text = result.error().to_string();
    EXPECT_NE(text.find(std::string(op) + " \"" + std::string(node) + "\""), std::string::npos) << text;
    EXPECT_NE(text.find("domain"), std::string::npos) << text;
  }

  std::string image_;
  std::optional<Json> config_;
  OnnxFile file_;
};

constexpr auto kFirstLayersEnd = "/bert/encoder/layer.0/output/LayerNorm/LayerNormalization";
constexpr auto kIntermediate = "/bert/encoder/layer.0/intermediate/dense/Add";

TEST_F(ChangedGraph, UnchangedItIsRead) {
  const auto result = weights();
  EXPECT_TRUE(result) << result.error().to_string();
}

TEST_F(ChangedGraph, OperatorThatNoEncoderHasIsNamed) {
  insert_after(kFirstLayersEnd,
               {.name = {}, .op_type = "Selu", .domain = {}, .inputs = {}, .outputs = {}, .attributes = {}});
  expect_refused("inserted_node", "Selu");
}

TEST_F(ChangedGraph, ActivationBetweenLayersIsNamed) {
  insert_after(kFirstLayersEnd,
               {.name = {}, .op_type = "Tanh", .domain = {}, .inputs = {}, .outputs = {}, .attributes = {}});
  expect_refused("inserted_node", "Tanh");
}

TEST_F(ChangedGraph, OperatorOfAnotherDomainIsNamed) {
  insert_after(
      kFirstLayersEnd,
      {.name = {}, .op_type = "Identity", .domain = "org.example", .inputs = {}, .outputs = {}, .attributes = {}});
  expect_refused("inserted_node", "Identity");
  EXPECT_NE(weights().error().to_string().find("org.example"), std::string::npos);
}

TEST_F(ChangedGraph, FactorBetweenLayersIsNamed) {
  OnnxTensor two;
  const float value = 2;
  two.type = OnnxType::kFloat;
  two.bytes = std::as_bytes(std::span(&value, 1));
  file_.tensors.push_back(two);
  file_.initializers.emplace("two", static_cast<std::int32_t>(file_.tensors.size() - 1));
  insert_after(kFirstLayersEnd,
               {.name = {}, .op_type = "Mul", .domain = {}, .inputs = {"two"}, .outputs = {}, .attributes = {}});
  expect_refused("inserted_node", "Mul");
}

TEST_F(ChangedGraph, IdentityAndCastsChangeNothing) {
  insert_after(kFirstLayersEnd,
               {.name = {}, .op_type = "Identity", .domain = {}, .inputs = {}, .outputs = {}, .attributes = {}});
  EXPECT_TRUE(weights().has_value());
}

TEST_F(ChangedGraph, LayerLeftOutIsSeen) {
  // The second layer's users read the first one's result: all tensors are there, and the answers are others.
  const std::string_view first = file_.nodes[node_of(kFirstLayersEnd)].outputs[0];
  const std::string_view second =
      file_.nodes[node_of("/bert/encoder/layer.1/output/LayerNorm/LayerNormalization")].outputs[0];
  for (OnnxNode& node : file_.nodes) std::ranges::replace(node.inputs, second, first);
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, ResidualOfAnotherPlaceIsSeen) {
  OnnxNode& sum = file_.nodes[node_of("/bert/encoder/layer.0/output/Add")];
  const std::string_view embedded = file_.nodes[node_of("/bert/embeddings/LayerNorm/LayerNormalization")].outputs[0];
  const auto attended =
      file_.nodes[node_of("/bert/encoder/layer.0/attention/output/LayerNorm/LayerNormalization")].outputs[0];
  std::ranges::replace(sum.inputs, attended, embedded);
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, OtherActivationThanConfigJsonNamesIsSeen) {
  for (OnnxNode& node : file_.nodes) {
    if (node.op_type == "Erf") node.op_type = "Tanh";
  }
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, KeysInThePlaceOfQueriesAreSeenByTheShape) {
  // Attention without its turn of the keys: [.., tokens, head_size] x [.., tokens, head_size] does not multiply.
  for (OnnxNode& node : file_.nodes) {
    if (node.op_type == "Transpose") node.attributes.clear();
  }
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, MaskThatHidesNothingIsSeen) {
  for (OnnxNode& node : file_.nodes) {
    for (OnnxAttribute& attribute : node.attributes) {
      if (attribute.tensor < 0) continue;
      OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(attribute.tensor)];
      static const float kZero = 0;
      if (tensor.type == OnnxType::kFloat && tensor.elements() == 1 && tensor.bytes[3] == std::byte{0xff}) {
        tensor.bytes = std::as_bytes(std::span(&kZero, 1));
      }
    }
  }
  EXPECT_FALSE(weights().has_value());
}

/// Makes an If of the node at `at`, with the node in one branch and an operator that nobody knows in the other.
void make_branches(OnnxFile& file, std::size_t at, bool is_then) {
  static const std::uint8_t kTrue = 1;
  OnnxTensor condition;
  condition.type = OnnxType::kBool;
  condition.bytes = std::as_bytes(std::span(&kTrue, 1));
  file.tensors.push_back(condition);
  file.initializers.emplace("condition", static_cast<std::int32_t>(file.tensors.size() - 1));
  const OnnxNode node = file.nodes[at];
  OnnxGraph known;
  known.nodes = {node};
  known.nodes[0].outputs = {"inside"};
  known.outputs = {{.name = "inside", .type = OnnxType::kFloat, .dims = {}}};
  OnnxGraph unknown = known;
  unknown.nodes[0].op_type = "Selu";
  file.branches = {known, unknown};
  OnnxAttribute then_branch;
  then_branch.name = "then_branch";
  then_branch.graph = is_then ? 0 : 1;
  OnnxAttribute else_branch;
  else_branch.name = "else_branch";
  else_branch.graph = is_then ? 1 : 0;
  file.nodes[at] = {.name = "branching",
                    .op_type = "If",
                    .domain = {},
                    .inputs = {"condition"},
                    .outputs = node.outputs,
                    .attributes = {then_branch, else_branch}};
}

TEST_F(ChangedGraph, BranchOfAKnownConditionIsTaken) {
  make_branches(file_, node_of(kFirstLayersEnd), true);
  const auto result = weights();
  EXPECT_TRUE(result) << result.error().to_string();
}

TEST_F(ChangedGraph, BranchThatIsTakenIsReadNodeByNode) {
  make_branches(file_, node_of(kFirstLayersEnd), false);
  expect_refused(kFirstLayersEnd, "Selu");
}

TEST_F(ChangedGraph, BranchByWhatTheTextSaysIsRefused) {
  make_branches(file_, node_of(kFirstLayersEnd), true);
  file_.nodes[node_of("branching")].inputs = {file_.nodes[node_of("/bert/embeddings/Add")].outputs[0]};
  expect_refused("branching", "If");
}

TEST_F(ChangedGraph, ApproximationOfAnActivationIsNamed) {
  // onnxruntime's -O3: faster, and other answers.
  open("bert_fused");
  for (OnnxNode& node : file_.nodes) {
    if (node.op_type == "BiasGelu") node.op_type = "FastGelu";
  }
  const auto result = weights();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().to_string().find("node FastGelu"), std::string::npos) << result.error().to_string();
}

TEST_F(ChangedGraph, NormalisationsOfAnotherEpsilonAreOfAnotherModel) {
  for (OnnxNode& node : file_.nodes) {
    for (OnnxAttribute& attribute : node.attributes) {
      if (attribute.name == "epsilon") attribute.number = 0.01F;
    }
  }
  const auto result = weights();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what().find("epsilon"), std::string::npos) << result.error().to_string();
}

TEST_F(ChangedGraph, WindowOfAnotherWidthIsSeen) {
  open("modernbert_mean_dynamo");
  EXPECT_TRUE(weights().has_value());
  std::string text = config_->dump();
  const std::string from = "\"local_attention\":4";
  ASSERT_NE(text.find(from), std::string::npos);
  text.replace(text.find(from), from.size(), "\"local_attention\":12");
  config_ = Json::parse(text, "config.json").value();
  const auto result = weights();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().to_string().find("node "), std::string::npos) << result.error().to_string();
}

TEST_F(ChangedGraph, RotaryPositionsOfAnotherBaseAreSeen) {
  open("modernbert_mean_dynamo");
  for (const auto& [name, index] : file_.initializers) {
    if (!name.ends_with("full_attention_inv_freq")) continue;
    static const std::vector<float> kOther = {1.0F, 0.1F, 0.01F, 0.001F};  // theta 10000 instead of 160000
    file_.tensors[static_cast<std::size_t>(index)].bytes = std::as_bytes(std::span(kOther));
  }
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, BucketsOfDistancesInAnotherOrderAreSeen) {
  open("mpnet_traced");
  EXPECT_TRUE(weights().has_value());
  file_.nodes[node_of("/mpnet/encoder/Neg")].op_type = "Abs";  // keys before a query as those after it
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, ConvolutionIsRefusedWithWords) {
  open("deberta_v3_traced");
  std::string text = config_->dump();
  text.insert(1, "\"conv_kernel_size\":3,");
  text.replace(text.find("\"num_hidden_layers\":1"), 21, "\"num_hidden_layers\":2");
  config_ = Json::parse(text, "config.json").value();
  const auto result = weights();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what().find("convolution"), std::string::npos) << result.error().to_string();
}

TEST_F(ChangedGraph, CycleIsRefused) {
  OnnxNode& early = file_.nodes[node_of("/bert/embeddings/Add")];
  early.inputs[0] = file_.nodes[node_of(kFirstLayersEnd)].outputs[0];
  EXPECT_FALSE(weights().has_value());
}

TEST_F(ChangedGraph, OperatorSetOfTheFutureIsRefused) {
  file_.opset = 99;
  const auto result = weights();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what().find("operator set 99"), std::string::npos);
}

TEST_F(ChangedGraph, ConfigurationOfAnotherModelIsSeen) {
  std::string text = config_->dump();
  const std::string from = "\"num_attention_heads\":2";
  ASSERT_NE(text.find(from), std::string::npos);
  text.replace(text.find(from), from.size(), "\"num_attention_heads\":4");
  config_ = Json::parse(text, "config.json").value();
  EXPECT_FALSE(weights().has_value());
}

/// A graph of each kind, with and without its parts.
class WholeGraph : public ChangedGraph, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { open(GetParam()); }
};

TEST_P(WholeGraph, EveryNodeThatIsLeftOutIsMissed) {
  // Whatever of a needed graph goes, the rest is not taken for a classifier, and a node is named.
  ASSERT_TRUE(weights()) << weights().error().to_string();
  const std::vector<OnnxNode> whole = file_.nodes;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].op_type == "Constant") continue;
    file_.nodes = whole;
    file_.nodes.erase(file_.nodes.begin() + static_cast<std::ptrdiff_t>(i));
    const auto result = weights();
    ASSERT_FALSE(result) << whole[i].name;
    const bool is_end = std::ranges::find(whole[i].outputs, "logits") != whole[i].outputs.end();
    EXPECT_TRUE(is_end || result.error().to_string().find("node ") != std::string::npos) << result.error().to_string();
  }
}

TEST_P(WholeGraph, ActivationAfterAnyProductIsNamed) {
  const std::vector<OnnxNode> whole = file_.nodes;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].op_type != "MatMul" && whole[i].op_type != "Gemm") continue;
    if (whole[i].outputs[0] == "logits") continue;
    file_.nodes = whole;
    const std::string_view old = whole[i].outputs[0];
    for (OnnxNode& other : file_.nodes) std::ranges::replace(other.inputs, old, std::string_view("inserted"));
    file_.nodes.insert(file_.nodes.begin() + static_cast<std::ptrdiff_t>(i) + 1, {.name = "inserted_node",
                                                                                  .op_type = "Tanh",
                                                                                  .domain = {},
                                                                                  .inputs = {old},
                                                                                  .outputs = {"inserted"},
                                                                                  .attributes = {}});
    const auto result = weights();
    ASSERT_FALSE(result) << whole[i].name;
    EXPECT_NE(result.error().to_string().find("node "), std::string::npos) << result.error().to_string();
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, WholeGraph,
                         ::testing::Values("bert_traced", "electra_dynamo", "albert_traced", "bert_tokens_traced",
                                           "mpnet_traced", "mpnet_dynamo", "deberta_v3_dynamo", "deberta_v3_traced",
                                           "deberta_v2_own_projections_dynamo", "modernbert_traced",
                                           "modernbert_mean_dynamo", "modernbert_mean_traced", "modernbert_u8",
                                           "deberta_v3_i8", "bert_fused", "distilbert_fused", "gpt2_traced",
                                           "llama_traced", "qwen3_dynamo", "nomic_bert_traced"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace valence
