#include "valence/cli/serve_models.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "valence/base/descriptor.h"
#include "valence/base/file.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/terminal.h"
#include "valence/engine/default_model.h"
#include "valence/hub/blob_hash.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;
using hub::BlobHash;
using hub::BlobName;

// Who may wait for one reload.
constexpr std::size_t kMostWaiting = 16;
// What else decides an answer, beside the weights.
constexpr std::array kConfigFiles{"config.json",       "tokenizer.json",     "tokenizer_config.json",
                                  "vocab.txt",         "vocab.json",         "merges.txt",
                                  "calibration.json",  "quantization.json",  "special_tokens_map.json",
                                  "added_tokens.json", "adapter_config.json"};
constexpr std::uint64_t kLargestConfigFile = 256U << 20U;

void update(BlobHash& hash, std::string_view text) { hash.update(std::as_bytes(std::span(text))); }

std::string sha256_of(std::string_view text) {
  BlobHash hash(BlobName::Kind::kSha256, text.size());
  update(hash, text);
  return hash.hex();
}

Result<std::string> sha256_of_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::error_code failed;
  const std::uint64_t size = fs::file_size(path, failed);
  if (file.get() < 0 || failed) return fail(ErrorCode::kIo, path.string(), "cannot be read");
  BlobHash hash(BlobName::Kind::kSha256, size);
  VALENCE_TRY_STATUS(hub::hash_descriptor(hash, file.get(), size, path, [](std::uint64_t) { return true; }));
  return hash.hex();
}

bool is_weights(const fs::path& path) {
  const auto suffix = path.extension();
  return suffix == ".safetensors" || suffix == ".gguf" || suffix == ".onnx" ||
         path.filename().string().ends_with(".onnx_data");
}

Result<std::string> weights_sha256(const std::optional<fs::path>& model) {
  if (!model) {
    const auto weights = default_model().weights;
    BlobHash hash(BlobName::Kind::kSha256, weights.size());
    hash.update(weights);
    return hash.hex();
  }
  if (!fs::is_directory(*model)) return sha256_of_file(*model);
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(*model, failed)) {
    if (is_weights(entry.path())) files.push_back(entry.path());
  }
  if (failed) return fail(ErrorCode::kIo, model->string(), fmt::format("cannot be listed: {}", failed.message()));
  std::sort(files.begin(), files.end());
  if (files.size() == 1) return sha256_of_file(files.front());
  std::string all;
  for (const fs::path& file : files) {
    VALENCE_TRY(const std::string one, sha256_of_file(file));
    all += one;
  }
  return sha256_of(all);
}

Result<std::string> config_sha256(const std::optional<fs::path>& model, const ClassifierOptions& options) {
  std::string all =
      fmt::format("{} {} {} {} {} {}\n", options.max_length, static_cast<int>(options.on_long), name(options.precision),
                  static_cast<int>(options.function), options.use_calibration, fmt::join(options.labels, ","));
  if (!model) {
    all += default_model().config_json;
    all += default_model().tokenizer_json;
    return sha256_of(all);
  }
  if (!fs::is_directory(*model)) return sha256_of(all);  // the file holds its configuration
  for (const char* file : kConfigFiles) {
    std::error_code ignored;
    if (!fs::is_regular_file(*model / file, ignored)) continue;
    VALENCE_TRY(const std::string text, read_file(*model / file, kLargestConfigFile));
    all += fmt::format("{} {}\n", file, sha256_of(text));
  }
  return sha256_of(all);
}

void tell(const std::string& name, const Result<std::shared_ptr<const pipeline::ServedModel>>& loaded) {
  if (loaded) {
    print_note(fmt::format("model {}: loaded again, version {}", name, (*loaded)->version));
  } else {
    print_error(loaded.error().in(fmt::format("model {}", name)));
  }
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

Result<std::vector<ModelArgument>> parse_model_arguments(const std::vector<std::string>& words) {
  std::vector<ModelArgument> arguments;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    ModelArgument argument{.name = std::string(kDefaultModelName), .ref = word};
    if (equals != std::string::npos && is_name(word.substr(0, equals))) {
      argument = {.name = word.substr(0, equals), .ref = word.substr(equals + 1)};
    }
    const bool known = std::any_of(arguments.begin(), arguments.end(),
                                   [&](const ModelArgument& other) { return other.name == argument.name; });
    if (known) {
      return fail(ErrorCode::kInvalidArgument, "--model", fmt::format("two models have the name \"{}\"", argument.name),
                  "name them: -m en=./english -m de=./german");
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

Result<ModelVersion> model_version(const std::string& ref, const ClassifierOptions& options) {
  VALENCE_TRY(const auto path, resolve_model(ref));
  ModelVersion version;
  VALENCE_TRY(version.weights_sha256, weights_sha256(path));
  VALENCE_TRY(version.config_sha256, config_sha256(path, options));
  return version;
}

Result<std::shared_ptr<const pipeline::ServedModel>> load_served(const ModelArgument& argument,
                                                                 const ClassifierOptions& options, const Clock& clock) {
  VALENCE_TRY(auto classifier, load_classifier(argument.ref, options));
  auto model = std::make_shared<pipeline::ServedModel>();
  VALENCE_TRY(ModelVersion version, model_version(argument.ref, options));
  model->name = argument.name;
  model->source = argument.ref;
  model->classifier = std::move(classifier);
  model->version = version.weights_sha256.substr(0, ModelVersion::kShort);
  model->config_version = version.config_sha256.substr(0, ModelVersion::kShort);
  model->weights_sha256 = std::move(version.weights_sha256);
  model->loaded_unix_s = clock.unix_ms() / 1000;
  return std::shared_ptr<const pipeline::ServedModel>(std::move(model));
}

ServeReloader::ServeReloader(const std::vector<ModelArgument>& arguments, const ClassifierOptions& options,
                             const Clock& clock, pipeline::ModelTable& models, pipeline::Service& service,
                             observe::Metrics& metrics)
    : arguments_(arguments), options_(options), clock_(clock), models_(models), service_(service), metrics_(metrics) {
  thread_ = std::thread([this] { serve(); });
}

ServeReloader::~ServeReloader() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (const Task& task : tasks_) {
    for (const Loaded& loaded : task.loaded)
      loaded(fail(ErrorCode::kCancelled, task.name, "the server is shutting down"));
  }
}

bool ServeReloader::reload(const std::string& name, Loaded loaded) {
  const std::lock_guard lock(mutex_);
  if (closing_) return false;
  Task& task = task_of(name);
  if (task.loaded.size() >= kMostWaiting) return false;
  task.loaded.push_back(std::move(loaded));
  wake_.notify_one();
  return true;
}

void ServeReloader::reload_all() {
  const std::lock_guard lock(mutex_);
  // Hang-ups take no place among those who wait: a burst of them must not turn requests away.
  for (const ModelArgument& argument : arguments_) task_of(argument.name).tells_stderr = true;
  wake_.notify_one();
}

ServeReloader::Task& ServeReloader::task_of(const std::string& name) {
  const auto task = std::ranges::find(tasks_, name, &Task::name);
  if (task != tasks_.end()) return *task;
  tasks_.push_back({.name = name, .loaded = {}});
  return tasks_.back();
}

void ServeReloader::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (closing_) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    const auto loaded = swap(task.name);
    metrics_.counter(observe::Metric::kModelLoads, {task.name, loaded ? "ok" : "failed"}).add();
    for (const Loaded& each : task.loaded) each(loaded);
    if (task.tells_stderr) tell(task.name, loaded);
    lock.lock();
  }
}

Result<std::shared_ptr<const pipeline::ServedModel>> ServeReloader::swap(const std::string& name) {
  const auto argument =
      std::find_if(arguments_.begin(), arguments_.end(), [&](const ModelArgument& each) { return each.name == name; });
  if (argument == arguments_.end()) return fail(ErrorCode::kNotFound, name, "no such model");
  VALENCE_TRY(auto model, load_served(*argument, options_, clock_));
  VALENCE_TRY_STATUS(service_.warm_up(*model));
  const auto before = models_.put(model);
  if (before) {
    metrics_.remove_gauge(observe::Metric::kModelInfo, {before->name, before->version});
    service_.retire(*before);
  }
  metrics_.gauge(observe::Metric::kModelInfo, {model->name, model->version}).set(1);
  return model;
}

}  // namespace valence::cli
