/// \file
/// The options of `valence serve`, as written and as meant.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/cli/serve_history.h"
#include "valence/cli/serve_models.h"
#include "valence/pipeline/service.h"
#include "valence/server/access.h"
#include "valence/server/ingest.h"
#include "valence/server/transport.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// The words of the command line, one member an option, unchecked.
struct ServeArguments {
  std::string host = "127.0.0.1";
  std::string port = "8080";
  std::vector<std::string> models;
  std::string api_key_file;
  bool insecure = false;
  std::string allowed_hosts;
  std::string tls_cert;
  std::string tls_key;
  std::string threads;
  std::string io_threads;
  std::string precision = "auto";
  std::string max_length;
  std::string max_connections;
  std::string max_queue;
  std::string max_queue_delay_ms;
  std::string max_batch_tokens;
  std::string max_batch_delay_ms;
  std::string request_timeout_ms;
  std::string drain_delay_ms;
  std::string ingest_secret_file;
  std::vector<std::string> ingest_text_paths;
  std::string ingest_id_path = "id";
  std::string history_db;
  bool no_history = false;
  std::string store_text = "hash";
  std::string spool_dir;
  std::string history_max_age_days;
  std::string history_max_mb;
};

/// The same as the layers below take it.
struct ServeOptions {
  std::vector<ModelArgument> models;
  ClassifierOptions classifier;
  pipeline::ServiceOptions service;
  server::TransportOptions transport;
  server::AccessOptions access;
  server::IngestOptions ingest;
  ServeHistoryOptions history;
  std::chrono::milliseconds drain_delay{5000};
  bool is_public = false;  ///< listens beyond this machine
};

void declare_serve_options(CLI::App& app, ServeArguments& arguments);

/// Reads the key file. Errors name the option; a public address without keys is one, unless --insecure.
Result<ServeOptions> interpret(const ServeArguments& arguments);

}  // namespace valence::cli
