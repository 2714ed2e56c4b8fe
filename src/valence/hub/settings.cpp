#include "valence/hub/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "valence/base/file.h"

namespace valence::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultEndpoint = "https://huggingface.co";
constexpr std::uint64_t kMaxTokenFileBytes = 4096;
constexpr std::chrono::seconds kMaxTimeout{3600};

/// Set and not empty. For huggingface_hub an empty variable is a value too; nobody means the root directory by it.
std::optional<std::string> value_of(const Environment& environment, const char* name) {
  auto value = environment(name);
  return value && !value->empty() ? value : std::nullopt;
}

bool is_true(const std::optional<std::string>& value) {
  if (!value) return false;
  std::string upper(*value);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper == "1" || upper == "ON" || upper == "YES" || upper == "TRUE";
}

bool is_variable_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// "~/models" and "$DATA/models", "${DATA}/models"; a variable that is not set stays as it is written.
std::string expanded(const std::string& path, const Environment& environment) {
  std::string out;
  std::size_t at = 0;
  if (path == "~" || path.starts_with("~/")) {
    out = value_of(environment, "HOME").value_or("~");
    at = 1;
  }
  while (at < path.size()) {
    if (path[at] != '$') {
      out += path[at++];
      continue;
    }
    const bool in_braces = at + 1 < path.size() && path[at + 1] == '{';
    const std::size_t begin = at + (in_braces ? 2 : 1);
    std::size_t end = begin;
    while (end < path.size() && is_variable_character(path[end])) ++end;
    const std::size_t next = in_braces ? end + 1 : end;
    const bool is_whole = end > begin && (!in_braces || (end < path.size() && path[end] == '}'));
    const auto value = is_whole ? environment(path.substr(begin, end - begin).c_str()) : std::nullopt;
    if (value) {
      out += *value;
      at = next;
    } else {
      out += path[at++];
    }
  }
  return out;
}

Result<fs::path> home_of(const Environment& environment) {
  if (const auto home = value_of(environment, "HF_HOME")) return fs::path(expanded(*home, environment));
  if (const auto cache = value_of(environment, "XDG_CACHE_HOME"))
    return fs::path(expanded(*cache, environment)) / "huggingface";
  if (const auto home = value_of(environment, "HOME")) return fs::path(*home) / ".cache" / "huggingface";
  return fail(ErrorCode::kInvalidArgument, "HOME", "is not set, so there is no place for the Hugging Face cache",
              "set HF_HOME to a directory");
}

Result<std::chrono::seconds> seconds_of(const Environment& environment, const char* name,
                                        std::chrono::seconds fallback) {
  const auto value = value_of(environment, name);
  if (!value) return fallback;
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (failed != std::errc() || end != value->data() + value->size() || seconds < 0 || seconds > kMaxTimeout.count()) {
    return fail(ErrorCode::kInvalidArgument, name,
                fmt::format("is no number of seconds from 1 to {}", kMaxTimeout.count()));
  }
  return seconds == 0 ? fallback : std::chrono::seconds(seconds);
}

/// The text as a token: line ends and surrounding spaces are not part of one. Nothing is left of an empty one.
Result<std::optional<Secret>> token_of(std::string text, const std::string& source) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return std::optional<Secret>();
  text = text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
  if (std::ranges::any_of(text, [](char c) { return c <= 0x20 || c >= 0x7f; })) {
    return fail(ErrorCode::kInvalidArgument, source, "holds characters that no access token has",
                "it looks like hf_...");
  }
  return std::optional(Secret(std::move(text)));
}

Result<std::optional<Secret>> find_token(const Environment& environment, const fs::path& home) {
  if (is_true(value_of(environment, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return std::optional<Secret>();
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (auto value = value_of(environment, name)) return token_of(std::move(*value), name);
  }
  const auto given = value_of(environment, "HF_TOKEN_PATH");
  const fs::path path = given ? fs::path(expanded(*given, environment)) : home / "token";
  auto text = read_file(path, kMaxTokenFileBytes);
  if (text) return token_of(std::move(*text), path.string());
  if (text.error().code() == ErrorCode::kNotFound) return std::optional<Secret>();
  return fail(std::move(text).error());
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<fs::path> cache_directory(const Environment& environment) {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto value = value_of(environment, name)) return fs::path(expanded(*value, environment));
  }
  return home_of(environment).map([](const fs::path& home) { return home / "hub"; });
}

Result<HubSettings> read_settings(const Environment& environment) {
  HubSettings settings;
  std::string endpoint = value_of(environment, "HF_ENDPOINT").value_or(std::string(kDefaultEndpoint));
  while (endpoint.ends_with('/')) endpoint.pop_back();
  auto url = net::parse_url(endpoint);
  if (!url) return fail(url.error().in("HF_ENDPOINT"));
  settings.endpoint = std::move(*url);
  if (settings.endpoint.target == "/") settings.endpoint.target.clear();
  VALENCE_TRY(settings.cache_dir, cache_directory(environment));
  settings.offline =
      is_true(value_of(environment, "HF_HUB_OFFLINE")) || is_true(value_of(environment, "TRANSFORMERS_OFFLINE"));
  VALENCE_TRY(settings.metadata_timeout, seconds_of(environment, "HF_HUB_ETAG_TIMEOUT", settings.metadata_timeout));
  VALENCE_TRY(settings.download_timeout, seconds_of(environment, "HF_HUB_DOWNLOAD_TIMEOUT", settings.download_timeout));
  settings.ca_file = value_of(environment, "SSL_CERT_FILE").value_or("");
  settings.ca_dir = value_of(environment, "SSL_CERT_DIR").value_or("");
  const auto home = home_of(environment);
  if (home) {
    VALENCE_TRY(settings.token, find_token(environment, *home));
  } else {
    VALENCE_TRY(settings.token, find_token(environment, settings.cache_dir));
  }
  return settings;
}

}  // namespace valence::hub
