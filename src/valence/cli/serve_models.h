/// \file
/// Models for serving: loaded under a name, identified by their hashes, loaded again while they are in use.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/observe/metrics.h"
#include "valence/pipeline/served_model.h"
#include "valence/pipeline/service.h"
#include "valence/server/app.h"

namespace valence::cli {

/// `-m NAME=REF`, or `-m REF`, whose name is "default" where it is the only one.
struct ModelArgument {
  std::string name;
  std::string ref;
};

/// Errors: a name twice, or one that cannot stand in a URL.
Result<std::vector<ModelArgument>> parse_model_arguments(const std::vector<std::string>& words);

/// The sha256 of what decides a model's answers, in hexadecimal: of the weights (of a single file its own, of several
/// that of theirs in the order of their names), and of the other files and the options.
struct ModelVersion {
  static constexpr std::size_t kShort = 12;  ///< digits that stand in records and answers

  std::string weights_sha256;
  std::string config_sha256;
};
Result<ModelVersion> model_version(const std::string& ref, const ClassifierOptions& options);

/// Loads `argument` and hashes its files.
Result<std::shared_ptr<const pipeline::ServedModel>> load_served(const ModelArgument& argument,
                                                                 const ClassifierOptions& options, const Clock& clock);

/// Reloads on a thread of its own, one at a time. Thread-safe. What has not begun when this ends is not done: those who
/// wait for it are told kCancelled.
class ServeReloader final : public server::ModelReloader {
 public:
  /// All must outlive this.
  ServeReloader(const std::vector<ModelArgument>& arguments, const ClassifierOptions& options, const Clock& clock,
                pipeline::ModelTable& models, pipeline::Service& service, observe::Metrics& metrics);
  ~ServeReloader() override;

  [[nodiscard]] bool reload(const std::string& name, Loaded loaded) override;
  /// All of them, as after SIGHUP; stderr tells how it went.
  void reload_all();

 private:
  struct Task {
    std::string name;
    std::vector<Loaded> loaded;  // of all who asked before it began
    bool tells_stderr = false;   // how it went, once however many hang-ups asked for it
  };
  /// The one of that name that has not begun, made where there is none. Caller holds the mutex.
  Task& task_of(const std::string& name);
  void serve();
  Result<std::shared_ptr<const pipeline::ServedModel>> swap(const std::string& name);

  const std::vector<ModelArgument>& arguments_;
  const ClassifierOptions& options_;
  const Clock& clock_;
  pipeline::ModelTable& models_;
  pipeline::Service& service_;
  observe::Metrics& metrics_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // one a name
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace valence::cli
