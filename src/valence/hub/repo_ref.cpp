#include "valence/hub/repo_ref.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::hub {
namespace {

constexpr std::size_t kMaxNameBytes = 96;
constexpr std::size_t kMaxRevisionBytes = 200;
constexpr std::size_t kMaxFileNameBytes = 1024;
constexpr std::size_t kMaxStepBytes = 255;  // of every file system in use
constexpr std::string_view kFolderPrefix = "models--";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// One of "org" and "name".
bool is_name_part(std::string_view part) {
  const auto is_edge = [](char c) { return c != '-' && c != '.'; };
  return !part.empty() && part.size() <= kMaxNameBytes && std::ranges::all_of(part, is_name_character) &&
         is_edge(part.front()) && is_edge(part.back());
}

bool is_repo_name(std::string_view repo) {
  if (repo.find("--") != repo.npos || repo.find("..") != repo.npos || repo.ends_with(".git")) return false;
  const auto slash = repo.find('/');
  if (slash == repo.npos) return is_name_part(repo);
  return is_name_part(repo.substr(0, slash)) && is_name_part(repo.substr(slash + 1));
}

/// Whether `allowed` holds for every step of a path: "a/b" has "a" and "b".
template <class Allowed>
bool every_step(std::string_view path, Allowed allowed) {
  for (;;) {
    const auto slash = path.find('/');
    if (!allowed(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_revision(std::string_view revision) {
  if (revision.empty() || revision.size() > kMaxRevisionBytes || find_invalid_utf8(revision)) return false;
  const auto is_forbidden = [](char c) {
    return is_control(c) || std::string_view(" ~^:?*[\\").find(c) != std::string_view::npos;
  };
  if (std::ranges::any_of(revision, is_forbidden)) return false;
  if (revision.find("..") != revision.npos || revision.find("@{") != revision.npos || revision.ends_with('.'))
    return false;
  return every_step(
      revision, [](std::string_view step) { return !step.empty() && step.front() != '.' && !step.ends_with(".lock"); });
}

}  // namespace

std::string RepoRef::to_string() const {
  return revision == kDefaultRevision ? repo : fmt::format("{}@{}", repo, revision);
}

Result<RepoRef> parse_repo_ref(std::string_view text) {
  RepoRef ref;
  const auto at = text.find('@');
  ref.repo = text.substr(0, at);
  if (!is_repo_name(ref.repo)) {
    return fail(ErrorCode::kInvalidArgument, std::string(text), "is no name of a model on the hub",
                "expected org/name or org/name@revision: letters, digits, '-', '_' and '.'");
  }
  if (at != text.npos) {
    ref.revision = text.substr(at + 1);
    if (!is_revision(ref.revision)) {
      return fail(ErrorCode::kInvalidArgument, std::string(text), "what stands after @ is no revision",
                  "expected a branch, a tag or a commit: org/name@main");
    }
  }
  return ref;
}

bool is_commit_hash(std::string_view text) {
  constexpr std::size_t kDigits = 40;
  return text.size() == kDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string cache_folder_of(std::string_view repo) {
  std::string folder(kFolderPrefix);
  for (const char c : repo) {
    if (c == '/') {
      folder += "--";
    } else {
      folder += c;
    }
  }
  return folder;
}

std::optional<std::string> repo_of_cache_folder(std::string_view folder) {
  if (!folder.starts_with(kFolderPrefix)) return std::nullopt;
  std::string repo(folder.substr(kFolderPrefix.size()));
  if (const auto separator = repo.find("--"); separator != std::string::npos) repo.replace(separator, 2, "/");
  return is_repo_name(repo) ? std::optional(repo) : std::nullopt;
}

bool is_safe_file_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxFileNameBytes || find_invalid_utf8(name)) return false;
  // Backslashes and colons would be steps and drives where the cache is shared with Windows.
  if (std::ranges::any_of(name, [](char c) { return is_control(c) || c == '\\' || c == ':'; })) return false;
  return every_step(name, [](std::string_view step) {
    return !step.empty() && step != "." && step != ".." && step.size() <= kMaxStepBytes;
  });
}

}  // namespace valence::hub
