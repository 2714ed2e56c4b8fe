/// \file
/// One TensorProto of an ONNX file.
#pragma once

#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/base/protobuf_cursor.h"
#include "valence/tensor/onnx_file.h"

namespace valence {

/// A name within an ONNX file: UTF-8 of a bounded length, without zeros.
Result<std::string_view> onnx_text(const ProtobufCursor& in, const ProtobufField& field);

/// Reads the TensorProto of `in` into `file.tensors`, and returns its index. What has to be decoded goes to
/// `file.decoded`. Errors as parse_onnx has them.
Result<std::int32_t> read_onnx_tensor(const ProtobufCursor& in, OnnxFile& file);

constexpr std::size_t kMaxOnnxRank = 16;

}  // namespace valence
