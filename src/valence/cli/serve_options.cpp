#include "valence/cli/serve_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "valence/base/file.h"
#include "valence/cli/option_values.h"

namespace valence::cli {
namespace {

constexpr std::size_t kLargestSecretFile = 64 * 1024;
constexpr std::size_t kShortestSecret = 16;
constexpr std::size_t kMostDays = 36'500;
constexpr std::size_t kMostMegabytes = 100'000'000;
constexpr std::size_t kLargestPort = 65'535;
constexpr std::size_t kMostIoThreads = 64;
constexpr std::size_t kMostConnections = 1'000'000;
constexpr std::size_t kMostWaiting = 1'000'000;
constexpr std::size_t kMostTokens = 100'000'000;
constexpr std::size_t kLongestMs = 24U * 3600 * 1000;

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

/// A whole number from 0 to `largest`, or `otherwise` when the option was not given.
Result<std::size_t> parse_number(const std::string& option, const std::string& word, std::size_t largest,
                                 std::size_t otherwise) {
  if (word.empty()) return otherwise;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value > largest) {
    return fail(ErrorCode::kInvalidArgument, option,
                fmt::format("\"{}\" is no whole number from 0 to {}", word, largest));
  }
  return value;
}

Result<std::chrono::milliseconds> parse_milliseconds(const std::string& option, const std::string& word,
                                                     std::chrono::milliseconds otherwise) {
  VALENCE_TRY(const std::size_t value,
              parse_number(option, word, kLongestMs, static_cast<std::size_t>(otherwise.count())));
  return std::chrono::milliseconds(value);
}

/// As it stands in a Host header.
std::string as_host_name(const std::string& host) {
  std::string name = host.find(':') != std::string::npos && !host.starts_with('[') ? "[" + host + "]" : host;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return name;
}

Status interpret_access(const ServeArguments& arguments, ServeOptions& options) {
  options.is_public = !is_loopback(arguments.host);
  if (!arguments.api_key_file.empty()) {
    VALENCE_TRY(options.access.keys, server::ApiKeys::read(arguments.api_key_file));
  }
  if (options.is_public && !options.access.keys && !arguments.insecure) {
    return fail(ErrorCode::kInvalidArgument, "--host",
                fmt::format("{} can be reached from other machines, and nobody would need a key", arguments.host),
                "give --api-key-file FILE, or --insecure if that is what you want");
  }
  options.access.allow_address_hosts = options.is_public;
  if (options.is_public) options.access.allowed_hosts.push_back(as_host_name(arguments.host));
  for (const std::string& host : split_list(arguments.allowed_hosts)) {
    options.access.allowed_hosts.push_back(as_host_name(host));
  }
  return {};
}

Status interpret_transport(const ServeArguments& arguments, server::TransportOptions& transport) {
  std::string host = arguments.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  transport.hosts = {host};
  if (host == "127.0.0.1") transport.optional_hosts = {"::1"};
  VALENCE_TRY(const std::size_t port, parse_number("--port", arguments.port, kLargestPort, transport.port));
  transport.port = static_cast<std::uint16_t>(port);
  VALENCE_TRY(const std::size_t io_threads, parse_count("--io-threads", arguments.io_threads, kMostIoThreads));
  if (io_threads > 0) transport.io_threads = io_threads;
  VALENCE_TRY(const std::size_t connections,
              parse_count("--max-connections", arguments.max_connections, kMostConnections));
  if (connections > 0) transport.max_connections = connections;
  if (arguments.tls_cert.empty() != arguments.tls_key.empty()) {
    return fail(ErrorCode::kInvalidArgument, arguments.tls_cert.empty() ? "--tls-key" : "--tls-cert",
                "a certificate and its key go together", "give both --tls-cert and --tls-key");
  }
  transport.tls_certificate_file = arguments.tls_cert;
  transport.tls_key_file = arguments.tls_key;
  return {};
}

Status interpret_service(const ServeArguments& arguments, pipeline::ServiceOptions& service) {
  BatcherOptions& batcher = service.batcher;
  VALENCE_TRY(const std::size_t requests, parse_count("--max-queue", arguments.max_queue, kMostWaiting));
  if (requests > 0) batcher.queue.max_requests = requests;
  VALENCE_TRY(const std::size_t tokens, parse_count("--max-batch-tokens", arguments.max_batch_tokens, kMostTokens));
  if (tokens > 0) batcher.max_batch_tokens = tokens;
  batcher.queue.max_tokens = 8 * batcher.max_batch_tokens;
  VALENCE_TRY(batcher.queue.max_delay,
              parse_milliseconds("--max-queue-delay-ms", arguments.max_queue_delay_ms, batcher.queue.max_delay));
  VALENCE_TRY(batcher.max_batch_delay, parse_milliseconds("--max-batch-delay-ms", arguments.max_batch_delay_ms, {}));
  VALENCE_TRY(service.timeout,
              parse_milliseconds("--request-timeout-ms", arguments.request_timeout_ms, service.timeout));
  return {};
}

Status interpret_history(const ServeArguments& arguments, ServeHistoryOptions& history) {
  history.enabled = !arguments.no_history;
  history.place = arguments.history_db;
  history.spool_directory = arguments.spool_dir;
  VALENCE_TRY(history.text, parse_store_text(arguments.store_text));
  VALENCE_TRY(const std::size_t days, parse_count("--history-max-age-days", arguments.history_max_age_days, kMostDays));
  VALENCE_TRY(const std::size_t megabytes, parse_count("--history-max-mb", arguments.history_max_mb, kMostMegabytes));
  history.retention.max_age_ms = static_cast<std::int64_t>(days) * 24 * 3600 * 1000;
  history.retention.max_bytes = static_cast<std::uint64_t>(megabytes) << 20U;
  return {};
}

Status interpret_ingest(const ServeArguments& arguments, server::IngestOptions& ingest) {
  if (!arguments.ingest_secret_file.empty()) {
    VALENCE_TRY(std::string secret, read_file(arguments.ingest_secret_file, kLargestSecretFile));
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.size() < kShortestSecret) {
      return fail(ErrorCode::kInvalidArgument, arguments.ingest_secret_file, "the secret is too short",
                  fmt::format("write {} or more characters into it", kShortestSecret));
    }
    ingest.secret = Secret(std::move(secret));
  }
  for (const std::string& word : arguments.ingest_text_paths) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      ingest.text_path = word;
    } else {
      ingest.stream_text_paths[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  ingest.id_path = arguments.ingest_id_path;
  return {};
}

}  // namespace

void declare_serve_options(CLI::App& app, ServeArguments& arguments) {
  const auto network = "Network";
  app.add_option("--host", arguments.host, "Address to listen on [127.0.0.1, and ::1]")
      ->type_name("HOST")
      ->group(network);
  app.add_option("--port", arguments.port, "0 takes a free one [8080]")->type_name("PORT")->group(network);
  app.add_option("--tls-cert", arguments.tls_cert, "PEM file of the certificate and its chain: HTTPS, TLS 1.2 and 1.3")
      ->type_name("FILE")
      ->group(network);
  app.add_option("--tls-key", arguments.tls_key, "PEM file of its private key")->type_name("FILE")->group(network);
  app.add_option("--max-connections", arguments.max_connections, "[4096]")->type_name("N")->group(network);
  app.add_option("--io-threads", arguments.io_threads, "Threads for connections [1]")->type_name("N")->group(network);
  const auto access = "Access";
  app.add_option("--api-key-file", arguments.api_key_file, "Lines `read NAME KEY` or `admin NAME KEY`")
      ->type_name("FILE")
      ->group(access);
  app.add_flag("--insecure", arguments.insecure, "Listen beyond this machine without keys")->group(access);
  app.add_option("--allowed-hosts", arguments.allowed_hosts,
                 "Names that requests may call this server by, beside localhost")
      ->type_name("H,...")
      ->group(access);
  const auto ingest = "Inbound webhooks (POST /v1/ingest)";
  app.add_option("--ingest-secret-file", arguments.ingest_secret_file,
                 "What senders sign with: X-Valence-Signature; without it they need a key")
      ->type_name("FILE")
      ->group(ingest);
  app.add_option("--ingest-text-path", arguments.ingest_text_paths,
                 "Where the text is, dotted; of one stream by STREAM=PATH; may be repeated [text]")
      ->type_name("[STREAM=]PATH")
      ->group(ingest)
      ->allow_extra_args(false);
  app.add_option("--ingest-id-path", arguments.ingest_id_path, "Where an id may be [id]")
      ->type_name("PATH")
      ->group(ingest);
  const auto history = "History";
  app.add_option("--history-db", arguments.history_db, "A file, or postgresql://... [the user's]")
      ->type_name("PLACE")
      ->group(history);
  app.add_flag("--no-history", arguments.no_history, "Keep none")->group(history);
  app.add_option("--store-text", arguments.store_text, "What is kept of a text: none, hash or full [hash]")
      ->type_name("WHAT")
      ->group(history);
  app.add_option("--spool-dir", arguments.spool_dir, "Where records lie on their way to the history [the user's]")
      ->type_name("DIR")
      ->group(history);
  app.add_option("--history-max-age-days", arguments.history_max_age_days, "Older records go [no limit]")
      ->type_name("N")
      ->group(history);
  app.add_option("--history-max-mb", arguments.history_max_mb, "The oldest records go beyond it [no limit]")
      ->type_name("N")
      ->group(history);
  const auto model = "Models and compute";
  app.add_option("-m,--model", arguments.models, "A model, or NAME=REF; may be repeated [default, the built-in one]")
      ->type_name("[NAME=]REF")
      ->group(model)
      ->allow_extra_args(false);
  app.add_option("--max-length", arguments.max_length, "Tokens read of a text, special ones counted [the model's]")
      ->type_name("N")
      ->group(model);
  app.add_option("--threads", arguments.threads, "Compute threads [physical cores]")->type_name("N")->group(model);
  app.add_option("--precision", arguments.precision, "auto, fp32, fp16, bf16 or int8; auto is the model's own [auto]")
      ->type_name("P")
      ->group(model);
  const auto queue = "Queue and batches";
  app.add_option("--max-queue", arguments.max_queue, "Requests that may wait; more get 429 [512]")
      ->type_name("N")
      ->group(queue);
  app.add_option("--max-queue-delay-ms", arguments.max_queue_delay_ms,
                 "A request that would wait longer gets 429 [2000]")
      ->type_name("MS")
      ->group(queue);
  app.add_option("--max-batch-tokens", arguments.max_batch_tokens,
                 "Most tokens of a batch; 8 times that may wait [16384]")
      ->type_name("N")
      ->group(queue);
  app.add_option("--max-batch-delay-ms", arguments.max_batch_delay_ms, "How long a request waits for company [0]")
      ->type_name("MS")
      ->group(queue);
  app.add_option("--request-timeout-ms", arguments.request_timeout_ms, "Longest wait of a request; then 504 [30000]")
      ->type_name("MS")
      ->group(queue);
  app.add_option("--drain-delay-ms", arguments.drain_delay_ms,
                 "After SIGTERM: how long requests are still taken while /readyz says 503 [5000]")
      ->type_name("MS")
      ->group(queue);
}

Result<ServeOptions> interpret(const ServeArguments& arguments) {
  ServeOptions options;
  VALENCE_TRY(options.models,
              parse_model_arguments(arguments.models.empty() ? std::vector<std::string>{"default"} : arguments.models));
  VALENCE_TRY(options.classifier.threads, parse_threads(arguments.threads));
  VALENCE_TRY(options.classifier.precision, parse_precision(arguments.precision));
  VALENCE_TRY(options.classifier.max_length, parse_count("--max-length", arguments.max_length, kMostTokens));
  VALENCE_TRY_STATUS(interpret_transport(arguments, options.transport));
  VALENCE_TRY_STATUS(interpret_service(arguments, options.service));
  VALENCE_TRY_STATUS(interpret_access(arguments, options));
  VALENCE_TRY_STATUS(interpret_ingest(arguments, options.ingest));
  VALENCE_TRY_STATUS(interpret_history(arguments, options.history));
  VALENCE_TRY(options.drain_delay,
              parse_milliseconds("--drain-delay-ms", arguments.drain_delay_ms, options.drain_delay));
  return options;
}

}  // namespace valence::cli
