/// \file
/// Names on the Hugging Face hub: repositories, revisions, files. All come from outside and become paths.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence::hub {

inline constexpr std::string_view kDefaultRevision = "main";

/// "org/name@revision", or "name" alone as the hub's oldest models are called.
struct RepoRef {
  std::string repo;                        ///< "org/name"
  std::string revision{kDefaultRevision};  ///< branch, tag, "refs/pr/1" or commit
  /// As one types it: without the revision when that is the default.
  [[nodiscard]] std::string to_string() const;
};

/// Names are held to the rules of huggingface_hub (utils/_validators.py), revisions to those of git for references
/// (git-check-ref-format), so that neither leaves the directory it is joined to. Errors are kInvalidArgument.
Result<RepoRef> parse_repo_ref(std::string_view text);

/// 40 lower-case hexadecimal digits.
[[nodiscard]] bool is_commit_hash(std::string_view text);

/// "org/name" -> "models--org--name", the repository's folder in the cache; and back, nothing for other folders.
[[nodiscard]] std::string cache_folder_of(std::string_view repo);
[[nodiscard]] std::optional<std::string> repo_of_cache_folder(std::string_view folder);

/// Whether the path of a file in a repository ("onnx/model.onnx") stays below the directory it is joined to: relative,
/// no empty, "." or ".." step, no backslash, colon or control character, valid UTF-8, at most 1024 bytes.
[[nodiscard]] bool is_safe_file_name(std::string_view name);

}  // namespace valence::hub
