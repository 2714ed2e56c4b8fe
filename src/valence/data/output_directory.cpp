#include "valence/data/output_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/write_file.h"

namespace valence::data {
namespace {

namespace fs = std::filesystem;

/// "out/" names the same directory as "out", whose `.partial` lies beside it; "." and ".." and links are followed to
/// what they name.
fs::path resolved(const fs::path& path) {
  fs::path plain = path.has_filename() ? path : path.parent_path();
  std::error_code ignored;
  const bool by_dots = plain.filename() == "." || plain.filename() == "..";
  if (by_dots || fs::is_symlink(plain, ignored)) plain = fs::weakly_canonical(plain, ignored);
  return plain;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

tl::unexpected<Error> fail_on(const fs::path& path, std::string_view what, int errno_value) {
  return fail(ErrorCode::kIo, path.string(), fmt::format("{}: {}", what, system_error_text(errno_value)));
}

/// What makes a directory more than a list of files; empty: nothing.
Result<std::string> other_than_files(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_regular_file(error) && !it->is_symlink(error)) return it->path().filename().string();
  }
  if (error) return fail_on(directory, "cannot be looked into", error.value());
  return std::string();
}

/// Removes a directory of files.
void remove_files(const fs::path& directory) {
  std::error_code ignored;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored)) {
    files.push_back(it->path());
  }
  for (const fs::path& file : files) fs::remove(file, ignored);
  fs::remove(directory, ignored);
}

}  // namespace

Status OutputDirectory::check(const fs::path& path, Existing existing) {
  if (path.empty()) return fail(ErrorCode::kInvalidArgument, "--output", "is empty, expected a directory to make");
  const fs::path target = resolved(path);
  std::error_code error;
  const auto status = fs::symlink_status(target, error);
  if (fs::exists(status)) {
    if (!fs::is_directory(status)) {
      return fail(ErrorCode::kInvalidArgument, path.string(), "is there and is no directory",
                  "choose a name that is free");
    }
    const bool is_empty = fs::is_empty(target, error);
    if (error) return fail_on(path, "cannot be looked into", error.value());
    if (!is_empty && existing == Existing::kRefused) {
      return fail(ErrorCode::kInvalidArgument, path.string(), "is there and not empty",
                  "choose a name that is free, or remove it first");
    }
    VALENCE_TRY(const std::string other, other_than_files(target));
    if (!other.empty()) {
      return fail(
          ErrorCode::kInvalidArgument, path.string(),
          fmt::format("is there and holds \"{}\", which is no file: only a directory of files is replaced", other),
          "choose another name, or remove it first");
    }
  }
  if (fs::exists(status) && fs::equivalent(target, fs::current_path(error), error)) {
    return fail(ErrorCode::kInvalidArgument, path.string(), "is the working directory, which cannot be replaced",
                "give it from the directory above");
  }
  const fs::path folder = folder_of(target);
  if (!fs::is_directory(folder, error)) {
    return fail(ErrorCode::kNotFound, folder.string(),
                fmt::format("no such directory to make {} in", target.filename().string()));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return fail_on(folder, "cannot be written to", errno);
  return {};
}

Result<OutputDirectory> OutputDirectory::open(const fs::path& path, Existing existing) {
  VALENCE_TRY_STATUS(check(path, existing));
  fs::path target = resolved(path);
  fs::path partial = target;
  partial += ".partial";
  if (::mkdir(partial.c_str(), 0777) != 0) {
    if (errno == EEXIST) {
      return fail(ErrorCode::kIo, partial.string(), "is in the way: left by a run that was killed, or being written",
                  "remove it if no other run is at work");
    }
    return fail_on(partial, "cannot be made", errno);
  }
  // Who may look into the directory that is replaced may look into the new one, and nobody else.
  struct stat there {};
  if (::stat(target.c_str(), &there) == 0 && ::chmod(partial.c_str(), there.st_mode & 07777U) != 0) {
    const int refused = errno;
    ::rmdir(partial.c_str());
    return fail_on(partial, "cannot be given the permissions of the directory it replaces", refused);
  }
  return OutputDirectory(std::move(target), std::move(partial), existing);
}

OutputDirectory::OutputDirectory(OutputDirectory&& other) noexcept
    : target_(std::move(other.target_)),
      partial_(std::exchange(other.partial_, {})),
      existing_(other.existing_),
      written_(std::exchange(other.written_, {})) {}

OutputDirectory::~OutputDirectory() {
  if (partial_.empty()) return;
  std::error_code ignored;
  for (const fs::path& file : written_) fs::remove(file, ignored);
  fs::remove(partial_, ignored);  // only if nobody put anything else there
}

Status OutputDirectory::write(const std::string& name, std::span<const std::span<const std::byte>> pieces) {
  const fs::path path = partial_ / name;
  if (std::error_code ignored; !fs::exists(path, ignored)) written_.push_back(path);
  return write_new_file(path, pieces);
}

Status OutputDirectory::write(const std::string& name, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return write(name, std::span(&bytes, 1));
}

Status OutputDirectory::replace() {
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) {
    sync_directory(folder_of(target_));
    remove_files(partial_);  // what was there
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) return fail_on(target_, "cannot be replaced", errno);
  fs::path old = target_;
  old += ".old";
  if (::rename(target_.c_str(), old.c_str()) != 0) return fail_on(old, "cannot be made of what is there", errno);
  if (::rename(partial_.c_str(), target_.c_str()) != 0) {
    const int refused = errno;
    ::rename(old.c_str(), target_.c_str());
    return fail_on(target_, "cannot be put in place", refused);
  }
  sync_directory(folder_of(target_));
  remove_files(old);
  return {};
}

Status OutputDirectory::commit() {
  sync_directory(partial_);
  std::error_code ignored;
  if (existing_ == Existing::kReplaced && fs::is_directory(target_, ignored)) {
    VALENCE_TRY_STATUS(replace());
  } else if (::rename(partial_.c_str(), target_.c_str()) != 0) {
    // Onto an empty directory rename() is as atomic as onto nothing; one that was filled meanwhile it refuses.
    return fail_on(target_, "cannot be put in place", errno);
  }
  partial_.clear();
  sync_directory(folder_of(target_));
  return {};
}

}  // namespace valence::data
