/// \file
/// Who may ask for what: API keys, host names, where a browser's request comes from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/server/http.h"
#include "valence/server/problem.h"

namespace valence::server {

/// What a route asks of its caller.
enum class AccessLevel {
  kPublic,  ///< anybody: health and metrics
  kRead,    ///< classify and look
  kAdmin,   ///< reload, delete, silence
};

/// Keys as they are compared: by their SHA-256, all of them, in constant time.
class ApiKeys {
 public:
  /// Lines of `read NAME KEY` or `admin NAME KEY`, or a KEY alone, which may read; # begins a comment. A key has 16 or
  /// more characters, none of them white space. Errors: an unreadable file, a line of another form, a name twice, no
  /// key at all; no message quotes a key.
  static Result<ApiKeys> read(const std::filesystem::path& file);
  static Result<ApiKeys> parse(std::string_view text, const std::string& source);

  /// What the caller with this key may do; nothing if nobody has it.
  [[nodiscard]] std::optional<AccessLevel> level_of(std::string_view key) const;

 private:
  struct Key {
    std::string name;
    AccessLevel level;
    std::array<std::uint8_t, 32> digest;
  };
  std::vector<Key> keys_;
};

struct AccessOptions {
  std::optional<ApiKeys> keys = std::nullopt;  ///< absent: everybody may do everything
  /// Names in Host, lower case, without port; "*" is any.
  std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "[::1]"};
  bool allow_address_hosts = false;  ///< any IP address in Host: no name that a stranger's DNS could point here
};

/// Immutable.
class Access {
 public:
  explicit Access(AccessOptions options) : options_(std::move(options)) {}

  /// A Host that is not allowed, a request that another site's page has sent, a key that is missing, wrong or too weak.
  [[nodiscard]] std::optional<Problem> refuse(const HttpRequest& request, AccessLevel needed) const;
  [[nodiscard]] bool has_keys() const { return options_.keys.has_value(); }
  /// What a caller who was not refused may do.
  [[nodiscard]] AccessLevel level_of(const HttpRequest& request) const;

 private:
  [[nodiscard]] bool host_allowed(std::string_view host) const;
  AccessOptions options_;
};

}  // namespace valence::server
