/// \file
/// The files beside an ONNX file that hold its larger tensors.
#pragma once

#include <filesystem>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/file.h"
#include "valence/tensor/onnx_file.h"

namespace valence::onnx {

/// Maps the files that `file` names and gives its tensors their bytes; the maps must outlive them.
///
/// The names come from strangers, so a file must lie in `directory`, that of the ONNX file, after all links are
/// followed, or be a blob of the Hugging Face cache that `directory` is a snapshot of; it must be a regular file with
/// one name. Absolute names and those with `..` are refused before anything is looked at.
Result<std::vector<MappedFile>> map_external_data(OnnxFile& file, const std::filesystem::path& directory);

}  // namespace valence::onnx
