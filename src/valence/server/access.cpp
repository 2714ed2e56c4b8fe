#include "valence/server/access.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "valence/base/file.h"

namespace valence::server {
namespace {

constexpr std::size_t kShortestKey = 16;
constexpr std::size_t kLargestKeyFile = 1U << 20U;

std::array<std::uint8_t, 32> digest_of(std::string_view key) {
  std::array<std::uint8_t, 32> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const auto size = std::min(line.size(), line.find_first_of(" \t\r"));
    words.push_back(line.substr(0, size));
    line.remove_prefix(size);
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return out;
}

/// "example.org:8080" and "[::1]:8080" without the port.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

/// Of a header Origin, whether it names another place than `host`; "" is no page.
bool is_other_origin(std::string_view origin, std::string_view host) {
  if (origin.empty()) return false;
  const auto scheme = origin.find("://");
  return scheme == origin.npos || lower(origin.substr(scheme + 3)) != lower(host);
}

bool is_address(const std::string& host) {
  in6_addr unused{};
  if (host.starts_with('[') && host.ends_with(']')) {
    return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &unused) == 1;
  }
  return ::inet_pton(AF_INET, host.c_str(), &unused) == 1;
}

std::string_view presented_key(const HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = request.header("authorization");
  if (lower(authorization.substr(0, kBearer.size())) == kBearer) return authorization.substr(kBearer.size());
  return request.header("x-api-key");
}

}  // namespace

Result<ApiKeys> ApiKeys::read(const std::filesystem::path& file) {
  VALENCE_TRY(const std::string text, read_file(file, kLargestKeyFile));
  return parse(text, file.string());
}

Result<ApiKeys> ApiKeys::parse(std::string_view text, const std::string& source) {
  ApiKeys keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.size(), text.find('\n'));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const auto words = words_of(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    const bool bare = words.size() == 1;
    const auto refuse = [&](const char* what) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}:{}", source, number), what,
                  "a line is `read NAME KEY` or `admin NAME KEY`, the key of 16 or more characters");
    };
    if (!bare && (words.size() != 3 || (words[0] != "read" && words[0] != "admin"))) return refuse("is no key");
    if (words.back().size() < kShortestKey) return refuse("the key is too short");
    const std::string name = bare ? fmt::format("line {}", number) : std::string(words[1]);
    if (std::any_of(keys.keys_.begin(), keys.keys_.end(), [&](const Key& key) { return key.name == name; })) {
      return refuse("the name has a key already");
    }
    const AccessLevel level = !bare && words[0] == "admin" ? AccessLevel::kAdmin : AccessLevel::kRead;
    keys.keys_.push_back({name, level, digest_of(words.back())});
  }
  if (keys.keys_.empty()) {
    return fail(ErrorCode::kInvalidArgument, source, "holds no key",
                "write a line `admin NAME KEY`, for instance with a key from `openssl rand -hex 24`");
  }
  return keys;
}

std::optional<AccessLevel> ApiKeys::level_of(std::string_view key) const {
  const auto digest = digest_of(key);
  std::optional<AccessLevel> level;
  for (const Key& each : keys_) {
    if (::CRYPTO_memcmp(each.digest.data(), digest.data(), digest.size()) == 0) level = each.level;
  }
  return level;
}

bool Access::host_allowed(std::string_view host) const {
  const std::string name = lower(without_port(host));
  const auto& allowed = options_.allowed_hosts;
  if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return true;
  if (std::find(allowed.begin(), allowed.end(), "*") != allowed.end()) return true;
  return options_.allow_address_hosts && is_address(name);
}

AccessLevel Access::level_of(const HttpRequest& request) const {
  if (!options_.keys) return AccessLevel::kAdmin;
  return options_.keys->level_of(presented_key(request)).value_or(AccessLevel::kPublic);
}

std::optional<Problem> Access::refuse(const HttpRequest& request, AccessLevel needed) const {
  // A page of another site may have its name resolve to this machine; only its Host tells.
  const std::string_view host = request.header("host");
  if (!(host.empty() && request.http_1_0) && !host_allowed(host)) {
    return Problem{ProblemKind::kMisdirected, "this server does not answer for the host that the request names",
                   "start it with --allowed-hosts NAME"};
  }
  if (request.method != "GET" && request.method != "HEAD") {
    const std::string_view site = request.header("sec-fetch-site");
    // Over plain HTTP browsers say only which page a request comes from.
    const bool other_site =
        site.empty() ? is_other_origin(request.header("origin"), host) : site != "same-origin" && site != "none";
    if (other_site) {
      return Problem{ProblemKind::kForbidden, "a page of another site may not send this request", ""};
    }
  }
  if (!options_.keys || needed == AccessLevel::kPublic) return std::nullopt;
  const std::string_view key = presented_key(request);
  if (key.empty()) {
    return Problem{ProblemKind::kUnauthorized, "an API key is needed", "send it as Authorization: Bearer KEY"};
  }
  const auto level = options_.keys->level_of(key);
  if (!level) return Problem{ProblemKind::kUnauthorized, "the API key is not known", ""};
  if (needed == AccessLevel::kAdmin && *level != AccessLevel::kAdmin) {
    return Problem{ProblemKind::kForbidden, "the API key may read only", "use a key of an `admin` line"};
  }
  return std::nullopt;
}

}  // namespace valence::server
