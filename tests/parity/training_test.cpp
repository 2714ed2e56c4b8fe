// Fifty steps beside transformers' Trainer and peft, recorded by tools/make_training_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "support/model_goldens.h"
#include "valence/base/file.h"
#include "valence/kernels/bf16_dispatch.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/config.h"
#include "valence/train/lora.h"
#include "valence/train/trainer.h"

namespace valence::train {
namespace {

namespace fs = std::filesystem;

constexpr double kLossParity = 1e-3;       // the bar, relative
constexpr double kParameterParity = 1e-3;  // of norms, after fifty steps of rounding
// bf16 has 8 bits. Autocast also keeps what goes from one operation to the next in it, where valence keeps f32, so the
// two runs go apart by their rounding: 2^-8 a number, over fifty steps.
constexpr double kBf16LossParity = 5e-3;
// A bias of keys has no gradient but rounding, which AdamW makes steps of: the two runs' go apart by 1.2 %.
constexpr double kBf16ParameterParity = 2e-2;

std::uint64_t bits_of(const std::string& name, std::uint64_t seed, std::size_t i) {
  std::uint64_t state = 0xCBF29CE484222325U;
  for (const char c : name) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  std::uint64_t x = (state ^ seed) + (i + 1) * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

double sign_of(std::uint64_t bits) { return (bits >> 63U) != 0 ? -1.0 : 1.0; }

std::vector<Json> members_of(const Json& json, std::string_view key) { return json.at(key).value().items().value(); }

std::vector<fs::path> golden_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(VALENCE_TESTS_DIR) / "parity/data/training")) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

TrainingOptions options_of(const Json& golden) {
  const Json settings = golden.at("settings").value();
  TrainingOptions options;
  options.learning_rate = settings.number("learning_rate").value();
  options.bf16 = settings.boolean_or("bf16", false).value();
  options.optimizer.weight_decay = settings.number("weight_decay").value();
  options.optimizer.max_grad_norm = settings.number_or("max_grad_norm", 1.0).value();
  options.warmup_steps = settings.integer("warmup_steps").value();
  options.lr_scheduler_type = *schedule_named(settings.string("lr_scheduler_type").value());
  options.gradient_accumulation_steps = settings.integer_or("gradient_accumulation_steps", 1).value();
  options.label_smoothing_factor = settings.number_or("label_smoothing_factor", 0.0).value();
  options.max_steps = static_cast<std::int64_t>(members_of(golden, "losses").size());
  options.sampling = Sampling::kSequential;
  options.logging_steps = 1;
  options.eval_strategy = Strategy::kNo;
  if (const auto lora = golden.find("lora")) {
    options.method = Method::kLora;
    options.lora.r = lora->integer("r").value();
    options.lora.lora_alpha = lora->number("lora_alpha").value();
    for (const Json& module : members_of(*lora, "target_modules")) {
      options.lora.target_modules.push_back(module.as_string().value());
    }
  }
  return options;
}

class Training : public ::testing::TestWithParam<fs::path> {};

TEST_P(Training, FiftyStepsAreThoseOfTrainer) {
  const std::string text = read_file(GetParam(), 1U << 24U).value();
  const Json golden = Json::parse(text, GetParam().filename().string()).value();
  testing::ModelGolden model;
  ASSERT_TRUE(testing::parse_recipe(golden.at("weights").value(), model).has_value());
  model.config_json = golden.at("config").value().dump();
  model.checkpoint.config_json = model.config_json;
  const std::string image = testing::image_of(model.checkpoint);
  const auto checkpoint = Checkpoint::from_memory(std::as_bytes(std::span(image)), "golden").value();
  const ModelSpec original = parse_config(Json::parse(model.config_json, "config.json").value()).value();
  const TrainingOptions options = options_of(golden);
  const auto room = [&](std::span<const Shape> shapes) { return lora_room(shapes, options.lora.r); };
  auto base = make_base_model(model.config_json, checkpoint, {original.head.labels, original.head.problem_type},
                              {.seed = 1, .room_beside = room});
  ASSERT_TRUE(base.has_value()) << base.error().to_string();

  ThreadPool pool(2);
  SpinTeam team(pool);
  const kernels::KernelTable& kernels = **kernels::selected_kernels();
  const bool lora = options.method == Method::kLora;
  if (lora) {
    const auto probe = Network::make(*base, {}, kernels, team).value();
    ASSERT_TRUE(add_lora_parameters(*probe, options.lora, 1, base->parameters).has_value());
    const auto seed = static_cast<std::uint64_t>(model.checkpoint.seed);
    for (const Parameter& parameter : base->parameters.parameters()) {
      if (!parameter.name.ends_with(".lora_A.weight")) continue;
      const std::span<float> values = base->parameters.values_of(parameter);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(sign_of(bits_of(parameter.name, seed, i)) * 0.0625);
      }
    }
  }
  base->parameters.set_learning([&](Parameter& parameter) {
    parameter.decays = parameter.shape.size() >= 2;
    parameter.by_row = parameter.name.ends_with("word_embeddings.weight");
    return !lora || is_lora_parameter(parameter.name) || is_saved_whole(parameter.name);
  });
  const NetworkOptions network_options{.bf16 = options.bf16 ? &kernels::bf16_products(kernels) : nullptr};
  const auto network = Network::make(*base, network_options, kernels, team).value();
  if (lora) attach_lora(*network, base->parameters, options.lora);

  std::vector<Example> examples;
  for (const Json& row : members_of(golden, "rows")) {
    std::vector<std::int32_t> ids = testing::parse_ids(row).value();
    Example example;
    example.target.label = ids.front();
    example.ids.assign(ids.begin() + 1, ids.end());
    examples.push_back(std::move(example));
  }
  Trainer trainer(*base, *network, options, {examples}, {}, kernels, team);
  std::vector<double> losses;
  TrainerEvents events;
  events.on_log = [&](const Progress& progress) { losses.push_back(progress.loss); };
  const Status done = trainer.run(events, nullptr);
  ASSERT_TRUE(done.has_value()) << done.error().to_string();

  const std::vector<Json> expected = members_of(golden, "losses");
  ASSERT_EQ(losses.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double loss = expected[i].as_number().value();
    worst = std::max(worst, std::abs(losses[i] - loss) / loss);
  }
  EXPECT_LE(worst, options.bf16 ? kBf16LossParity : kLossParity);
  double worst_parameter = 0;
  for (const Json& item : members_of(golden, "final")) {
    const std::string name = item.string("name").value();
    const Parameter* const parameter = base->parameters.find(name);
    ASSERT_NE(parameter, nullptr) << name;
    EXPECT_TRUE(parameter->learns) << name;
    double squares = 0;
    double product = 0;
    const std::span<const float> values = base->parameters.values_of(*parameter);
    for (std::size_t i = 0; i < values.size(); ++i) {
      squares += static_cast<double>(values[i]) * values[i];
      product += sign_of(bits_of(name + "#0", 1, i)) * values[i];
    }
    const double norm = item.number("norm").value();
    worst_parameter = std::max({worst_parameter, std::abs(std::sqrt(squares) - norm) / norm,
                                std::abs(product - item.number("product").value()) / norm});
    EXPECT_NEAR(std::sqrt(squares), norm, (options.bf16 ? kBf16ParameterParity : kParameterParity) * norm) << name;
  }
  std::printf("%s: losses within %.1e, parameters within %.1e\n", GetParam().stem().c_str(), worst, worst_parameter);
}

INSTANTIATE_TEST_SUITE_P(Golden, Training, ::testing::ValuesIn(golden_files()),
                         [](const auto& of) { return of.param.stem().string(); });

}  // namespace
}  // namespace valence::train
