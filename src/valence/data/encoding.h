/// \file
/// Text encodings of input files, turned into UTF-8 as the bytes pass.
///
/// The tables are ours rather than iconv's: they are 27 entries, and glibc's iconv loads gconv modules from files that
/// a minimal container need not have.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/data/byte_source.h"

namespace valence::data {

enum class Encoding { kUtf8, kWindows1252, kIso8859_1, kUtf16 };

/// "utf-8", "windows-1252", "iso-8859-1", "utf-16" and their usual spellings (UTF8, cp1252, latin-1), in any case.
[[nodiscard]] std::optional<Encoding> parse_encoding(std::string_view name);
[[nodiscard]] std::string_view name_of(Encoding encoding);

/// The code point of a byte in windows-1252; the five that it leaves undefined are C1 controls, as in browsers.
[[nodiscard]] char32_t windows1252_code_point(unsigned char byte);

/// `source` as UTF-8, without a leading byte order mark. A mark of another encoding is an error with the remedy.
///
/// UTF-8 passes unchecked: whether a row is valid is decided per row. In the same spirit an unpaired UTF-16 surrogate
/// becomes its three-byte form, which is no valid UTF-8, so that its row and only its row is refused. The five bytes
/// that windows-1252 leaves undefined become the C1 controls of the same number, as browsers read them
/// (https://encoding.spec.whatwg.org/#windows-1252). UTF-16 without a mark is little-endian.
/// Reads until the mark is recognised or excluded, which may wait.
Result<std::unique_ptr<ByteSource>> decode_to_utf8(std::unique_ptr<ByteSource> source, Encoding encoding,
                                                   const std::string& name);

}  // namespace valence::data
