#include "valence/model/onnx/external_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::onnx {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 1000;

/// Whether `location` is a relative name without tricks.
bool is_plain(const std::string& location) {
  if (location.empty() || find_invalid_utf8(location) || location.front() == '/') return false;
  if (location.find_first_of(std::string_view("\\\0", 2)) != std::string::npos) return false;
  if (location.size() > 1 && location[1] == ':') return false;  // a drive
  const fs::path path(location);
  return std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  const auto [of_directory, of_path] = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return of_directory == directory.end() && of_path != path.end();
}

/// `blobs` of the Hugging Face cache that `directory` lies in: models--org--name/snapshots/<revision>/...
fs::path blobs_beside(const fs::path& directory) {
  constexpr int kDeepest = 4;
  fs::path at = directory;
  for (int i = 0; i < kDeepest && at.has_relative_path(); ++i, at = at.parent_path()) {
    if (at.parent_path().filename() == "snapshots") return at.parent_path().parent_path() / "blobs";
  }
  return {};
}

Result<fs::path> resolve(const OnnxFile& file, const std::string& location, const fs::path& directory) {
  if (!is_plain(location)) {
    const std::string shown = find_invalid_utf8(location) ? "text that is not UTF-8" : in_quotes(location);
    return fail(ErrorCode::kInvalidData, file.source,
                fmt::format("its weights lie in {}: expected the name of a file in its own directory", shown));
  }
  std::error_code failed;
  const fs::path own = fs::canonical(directory.empty() ? fs::path(".") : directory, failed);
  if (failed) return fail(ErrorCode::kIo, directory.string(), failed.message());
  const fs::path found = fs::canonical(own / location, failed);
  if (failed) {
    return fail(ErrorCode::kNotFound, (directory / location).string(),
                fmt::format("{} keeps its weights in this file, which cannot be found", file.source),
                "put it beside the ONNX file");
  }
  if (!lies_in(found, own) && found.parent_path() != blobs_beside(own)) {
    return fail(ErrorCode::kInvalidData, (directory / location).string(),
                "is a link to a file outside of the model's directory, which is not followed",
                "put the file itself beside the ONNX file");
  }
  const auto names = fs::hard_link_count(found, failed);
  if (!failed && fs::is_regular_file(found, failed) && names > 1) {
    return fail(ErrorCode::kInvalidData, (directory / location).string(),
                "has another name elsewhere (a hard link), by which it may be a file of somebody else",
                "copy it: cp --remove-destination");
  }
  return found;
}

}  // namespace

Result<std::vector<MappedFile>> map_external_data(OnnxFile& file, const fs::path& directory) {
  std::vector<MappedFile> maps;
  std::map<std::string, std::size_t> map_of;
  for (OnnxTensor& tensor : file.tensors) {
    if (!tensor.external) continue;
    const OnnxExternalData& external = *tensor.external;
    auto known = map_of.find(external.location);
    if (known == map_of.end()) {
      if (maps.size() == kMaxFiles) {
        return fail(ErrorCode::kInvalidData, file.source,
                    fmt::format("its weights lie in more than {} files", kMaxFiles));
      }
      VALENCE_TRY(const fs::path path, resolve(file, external.location, directory));
      VALENCE_TRY(MappedFile map, MappedFile::open(path));
      known = map_of.emplace(external.location, maps.size()).first;
      maps.push_back(std::move(map));
    }
    const auto bytes = maps[known->second].bytes();
    const std::uint64_t size = static_cast<std::uint64_t>(tensor.elements()) * *element_bytes(tensor.type);
    if (external.offset > bytes.size() || size > bytes.size() - external.offset) {
      return fail(ErrorCode::kInvalidData, (directory / external.location).string(),
                  fmt::format("tensor {} takes {} bytes from byte {}, but the file has {}", in_quotes(tensor.name),
                              size, external.offset, bytes.size()),
                  "the file is truncated or of another model");
    }
    tensor.bytes = bytes.subspan(external.offset, size);
  }
  return maps;
}

}  // namespace valence::onnx
