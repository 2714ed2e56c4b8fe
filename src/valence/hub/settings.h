/// \file
/// Where the hub and its cache are, and who asks: from the environment variables that huggingface_hub reads.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "valence/base/error.h"
#include "valence/base/secret.h"
#include "valence/net/url.h"

namespace valence::hub {

struct HubSettings {
  net::Url endpoint;                ///< HF_ENDPOINT; its target has no "/" at the end
  std::filesystem::path cache_dir;  ///< HF_HUB_CACHE, else <home>/hub, <home> being HF_HOME or below XDG_CACHE_HOME
  std::optional<Secret> token;      ///< HF_TOKEN, else the file HF_TOKEN_PATH or <home>/token
  bool offline = false;             ///< HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE
  std::chrono::seconds metadata_timeout{10};  ///< HF_HUB_ETAG_TIMEOUT: without an answer
  std::chrono::seconds download_timeout{10};  ///< HF_HUB_DOWNLOAD_TIMEOUT: without a byte
  std::string ca_file;                        ///< SSL_CERT_FILE; empty: the system's
  std::string ca_dir;                         ///< SSL_CERT_DIR
};

/// The value of an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
[[nodiscard]] std::optional<std::string> process_environment(const char* name);

/// Only what the cache needs: fails nowhere but where there is no home directory.
Result<std::filesystem::path> cache_directory(const Environment& environment);

/// Names, defaults and precedence are those of huggingface_hub 2.4 (constants.py, utils/_auth.py). A malformed endpoint
/// or number is kInvalidArgument, a token with characters that no token has as well; the message never holds the token.
Result<HubSettings> read_settings(const Environment& environment);

}  // namespace valence::hub
