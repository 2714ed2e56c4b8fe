/// \file
/// gzip and zstd streams, recognised by their first bytes and expanded in constant memory.
#pragma once

#include <memory>
#include <string>

#include "valence/base/error.h"
#include "valence/data/byte_source.h"

namespace valence::data {

/// `source` itself, or its expansion if it begins with gzip's or zstd's magic number, whatever its name. Several gzip
/// members or zstd frames in a row are one text. A file named .gz or .zst that holds something else is an error, as is,
/// on reading, a stream that is damaged or ends too soon: "reviews.csv.gz: damaged gzip data at byte 8123". What was
/// expanded before that point has been given. Reads until the magic number is recognised or excluded, which may wait.
Result<std::unique_ptr<ByteSource>> expand_if_compressed(std::unique_ptr<ByteSource> source, const std::string& name);

}  // namespace valence::data
