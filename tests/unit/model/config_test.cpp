#include "valence/model/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace valence {
namespace {

Result<ModelSpec> parse(const std::string& text) {
  VALENCE_TRY(const Json json, Json::parse(text, "config.json"));
  return parse_config(json);
}

/// A small BERT; `more` is appended to its members, e.g. R"(, "num_labels": 3)".
std::string bert(const std::string& more = "") {
  return R"({"model_type": "bert", "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, )"
         R"("num_attention_heads": 2, "intermediate_size": 12)" +
         more + "}";
}

/// The same with the text `from` replaced by `to`.
std::string bert_but(const std::string& from, const std::string& to) {
  std::string text = bert();
  text.replace(text.find(from), from.size(), to);
  return text;
}

std::string refusal(const std::string& text) {
  const auto spec = parse(text);
  return spec ? "accepted" : spec.error().to_string();
}

TEST(Config, BertKeysAreRead) {
  const auto spec = parse(bert(R"(, "max_position_embeddings": 64, "type_vocab_size": 3, "layer_norm_eps": 1e-5,
                                 "hidden_act": "gelu_new", "id2label": {"1": "good", "0": "bad"},
                                 "architectures": ["BertForSequenceClassification"])"));
  ASSERT_TRUE(spec) << spec.error().to_string();
  EXPECT_EQ(spec->model_type, "bert");
  EXPECT_EQ(spec->encoder.vocab_size, 30);
  EXPECT_EQ(spec->encoder.hidden_size, 8);
  EXPECT_EQ(spec->encoder.num_hidden_layers, 2);
  EXPECT_EQ(spec->encoder.num_attention_heads, 2);
  EXPECT_EQ(spec->encoder.head_size(), 4);
  EXPECT_EQ(spec->encoder.intermediate_size, 12);
  EXPECT_EQ(spec->encoder.max_position_embeddings, 64);
  EXPECT_EQ(spec->encoder.type_vocab_size, 3);
  EXPECT_EQ(spec->encoder.layer_norm_eps, 1e-5F);
  EXPECT_EQ(spec->encoder.hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(spec->head.dense_act, Activation::kTanh);
  EXPECT_EQ(spec->head.labels, (std::vector<std::string>{"bad", "good"}));
  EXPECT_EQ(spec->saved_by, "BertForSequenceClassification");
}

TEST(Config, DistilBertKeysAreRead) {
  const auto spec = parse(R"({"model_type": "distilbert", "vocab_size": 30, "dim": 12, "n_layers": 3, "n_heads": 4,
                              "hidden_dim": 20, "max_position_embeddings": 32, "activation": "relu",
                              "sinusoidal_pos_embds": true, "tie_weights_": true})");
  ASSERT_TRUE(spec) << spec.error().to_string();
  EXPECT_EQ(spec->encoder.hidden_size, 12);
  EXPECT_EQ(spec->encoder.num_hidden_layers, 3);
  EXPECT_EQ(spec->encoder.num_attention_heads, 4);
  EXPECT_EQ(spec->encoder.intermediate_size, 20);
  EXPECT_EQ(spec->encoder.type_vocab_size, 0);
  EXPECT_EQ(spec->encoder.hidden_act, Activation::kRelu);
  EXPECT_EQ(spec->encoder.layer_norm_eps, 1e-12F);
  EXPECT_EQ(spec->head.dense_act, Activation::kRelu);
}

TEST(Config, UnknownModelTypeIsRefusedWithWhatIsSupported) {
  const auto spec = parse(bert_but("bert", "t5"));
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(
      spec.error().to_string(),
      "config.json: model_type \"t5\": expected one of bert, distilbert, roberta, xlm-roberta, camembert, electra, "
      "albert, mpnet, deberta-v2, modernbert, nomic_bert, gte, gpt2, llama, mistral, qwen2, qwen3.");
  EXPECT_EQ(refusal("{}"), "config.json: the required key \"model_type\" is missing.");
  EXPECT_EQ(refusal("[]"), "config.json: expected an object, found array [].");
}

TEST(Config, EveryNameOfAnActivationIsUnderstood) {
  const std::pair<const char*, Activation> names[] = {
      {"gelu", Activation::kGelu},          {"gelu_python", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},  {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluTanh}, {"relu", Activation::kRelu},
      {"silu", Activation::kSilu},          {"swish", Activation::kSilu},
  };
  for (const auto& [name, activation] : names) {
    const auto spec = parse(bert(std::string(R"(, "hidden_act": ")") + name + "\""));
    ASSERT_TRUE(spec) << spec.error().to_string();
    EXPECT_EQ(spec->encoder.hidden_act, activation) << name;
  }
  EXPECT_EQ(refusal(bert(R"(, "hidden_act": "swish2")")),
            "config.json: hidden_act \"swish2\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh.");
}

TEST(Config, SizesAreBounded) {
  EXPECT_EQ(refusal(bert_but(R"("vocab_size": 30)", R"("vocab_size": 1000000000)")),
            "config.json: vocab_size: expected an integer from 1 to 16777216, found 1000000000.");
  EXPECT_EQ(refusal(bert_but(R"("num_hidden_layers": 2)", R"("num_hidden_layers": 1000000000)")),
            "config.json: num_hidden_layers: expected an integer from 1 to 1024, found 1000000000.");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8)", R"("hidden_size": 0)")),
            "config.json: hidden_size: expected an integer from 1 to 65536, found 0.");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8)", R"("hidden_size": -8)")),
            "config.json: hidden_size: expected an integer from 1 to 65536, found -8.");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8)", R"("hidden_size": 8.0)")),
            "config.json: hidden_size: expected an integer, found number 8.0.");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8)", R"("hidden_size": 18446744073709551615)")),
            "config.json: hidden_size: expected an integer, found number 18446744073709551615.");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8)", R"("hidden_size": "8")")),
            "config.json: hidden_size: expected an integer, found string \"8\".");
  EXPECT_EQ(refusal(bert_but(R"("hidden_size": 8, )", "")),
            "config.json: the required key \"hidden_size\" is missing.");
}

TEST(Config, HiddenSizeMustBeAMultipleOfTheHeads) {
  EXPECT_EQ(refusal(bert_but(R"("num_attention_heads": 2)", R"("num_attention_heads": 3)")),
            "config.json: hidden_size 8 is not a multiple of num_attention_heads 3.");
}

TEST(Config, EpsilonMustBePositiveAndSmall) {
  EXPECT_EQ(refusal(bert(R"(, "layer_norm_eps": 0)")),
            "config.json: layer_norm_eps 0: expected a number between 0 and 1.");
  EXPECT_EQ(refusal(bert(R"(, "layer_norm_eps": -1e-12)")),
            "config.json: layer_norm_eps -1e-12: expected a number between 0 and 1.");
}

TEST(Config, SettingsThatMeanAnotherComputationAreRefused) {
  EXPECT_EQ(refusal(bert(R"(, "position_embedding_type": "relative_key")")),
            "config.json: position_embedding_type \"relative_key\": only \"absolute\" is supported.");
  EXPECT_EQ(refusal(bert(R"(, "is_decoder": true)")),
            "config.json: is_decoder is true: decoders are not supported, only encoders classify.");
  EXPECT_EQ(refusal(bert(R"(, "add_cross_attention": true)")),
            "config.json: add_cross_attention is true: decoders are not supported, only encoders classify.");
  EXPECT_EQ(refusal(bert(R"(, "position_embedding_type": "absolute", "is_decoder": false)")), "accepted");
}

TEST(Config, LabelsAreNumberedWhenTheyHaveNoNames) {
  EXPECT_EQ(parse(bert())->head.labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EXPECT_EQ(parse(bert(R"(, "num_labels": 3)"))->head.labels,
            (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ(parse(bert(R"(, "id2label": null)"))->head.labels.size(), 2U);
}

TEST(Config, LabelsThatAreNumbersAreShownAsText) {
  EXPECT_EQ(parse(bert(R"(, "id2label": {"0": 1, "1": 5})"))->head.labels, (std::vector<std::string>{"1", "5"}));
}

TEST(Config, LabelsComeInTheOrderOfTheirNumbersNotOfTheirSpelling) {
  std::string entries = R"("0": "l0")";
  for (int i = 11; i > 0; --i) entries += fmt::format(R"(, "{}": "l{}")", i, i);
  const auto spec = parse(bert(R"(, "id2label": {)" + entries + "}"));
  ASSERT_TRUE(spec) << spec.error().to_string();
  EXPECT_EQ(spec->head.labels[2], "l2");
  EXPECT_EQ(spec->head.labels[11], "l11");
}

TEST(Config, GapsAndOddKeysInId2LabelAreRefused) {
  EXPECT_EQ(refusal(bert(R"(, "id2label": {"0": "a", "2": "b"})")),
            "config.json: id2label: has 2 labels, but none for class 1: keys must run from 0 to 1.");
  EXPECT_EQ(refusal(bert(R"(, "id2label": {"1": "a", "2": "b"})")),
            "config.json: id2label: has 2 labels, but none for class 0: keys must run from 0 to 1.");
  for (const std::string key : {"-1", "+1", " 1", "01", "1.0", "one", "", "99999999999999999999"}) {
    EXPECT_EQ(refusal(bert(R"(, "id2label": {"0": "a", ")" + key + R"(": "b"})")),
              "config.json: id2label: the key \"" + key + "\" is not a class index.");
  }
  EXPECT_EQ(refusal(bert(R"(, "id2label": {"0": "a", "4294967296": "b"})")),
            "config.json: id2label: has 2 labels, but none for class 1: keys must run from 0 to 1.");
  EXPECT_EQ(refusal(bert(R"(, "id2label": {})")), "config.json: id2label: names no labels.");
  EXPECT_EQ(refusal(bert(R"(, "id2label": ["a"])")), "config.json: id2label: expected an object, found array [\"a\"].");
  EXPECT_EQ(refusal(bert(R"(, "id2label": {"0": ["a"]})")),
            "config.json: id2label.0: expected a string, found array [\"a\"].");
}

TEST(Config, NumLabelsMustAgreeWithId2LabelAndBeBounded) {
  EXPECT_EQ(
      refusal(bert(R"(, "num_labels": 3, "id2label": {"0": "a", "1": "b"})")),
      "config.json: num_labels is 3, but id2label names 2 labels. Hint: remove num_labels, or name every class in "
      "id2label.");
  EXPECT_EQ(refusal(bert(R"(, "num_labels": 1000000000)")),
            "config.json: num_labels: expected an integer from 1 to 100000, found 1000000000.");
}

// transformers 5.23, TextClassificationPipeline.postprocess.
TEST(Config, ProblemTypeFollowsTransformersPipeline) {
  const auto problem_type = [](const std::string& more) { return parse(bert(more))->head.problem_type; };
  EXPECT_EQ(problem_type(""), ProblemType::kSingleLabel);
  EXPECT_EQ(problem_type(R"(, "num_labels": 1)"), ProblemType::kMultiLabel);
  EXPECT_EQ(problem_type(R"(, "problem_type": null, "num_labels": 3)"), ProblemType::kSingleLabel);
  EXPECT_EQ(problem_type(R"(, "problem_type": "regression", "num_labels": 1)"), ProblemType::kRegression);
  EXPECT_EQ(problem_type(R"(, "problem_type": "regression", "num_labels": 3)"), ProblemType::kRegression);
  EXPECT_EQ(problem_type(R"(, "problem_type": "multi_label_classification")"), ProblemType::kMultiLabel);
  EXPECT_EQ(problem_type(R"(, "problem_type": "single_label_classification")"), ProblemType::kSingleLabel);
  EXPECT_EQ(problem_type(R"(, "function_to_apply": "sigmoid")"), ProblemType::kSingleLabel);
}

TEST(Config, ProblemTypesThatTransformersRefusesOrIgnoresAreRefused) {
  EXPECT_EQ(refusal(bert(R"(, "problem_type": "single_label_classification", "num_labels": 1)")),
            "config.json: problem_type \"single_label_classification\" needs at least two labels, found one. Hint: use "
            "\"regression\" or \"multi_label_classification\" for a single output.");
  EXPECT_EQ(refusal(bert(R"(, "problem_type": "softmax")")),
            "config.json: problem_type \"softmax\": expected one of single_label_classification, "
            "multi_label_classification, regression.");
}

TEST(Config, DuplicateKeysAndDeepNestingAreRefused) {
  EXPECT_EQ(refusal(bert(R"(, "hidden_size": 16)")), "config.json: the key \"hidden_size\" stands twice.");
  EXPECT_EQ(refusal(std::string(100'000, '[')), "config.json: JSON nested deeper than 32 levels.");
}

}  // namespace
}  // namespace valence
