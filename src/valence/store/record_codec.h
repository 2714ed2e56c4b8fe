/// \file
/// A stored record as bytes: what segments of the spool hold.
#pragma once

#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/store/stored_record.h"

namespace valence::store {

/// Little-endian numbers; strings as their length in 32 bits and their bytes. Appends.
void append_record(std::string& out, const StoredRecord& record);
/// append_record() of stored_form(), without making that where nothing has to be put right.
void append_stored_form(std::string& out, const pipeline::ClassifiedRecord& record, TextPolicy policy);

/// The reverse. kInvalidData for anything that append_record does not write; allocates no more than `bytes` is long,
/// but for a label's own size.
[[nodiscard]] Result<StoredRecord> parse_record(std::string_view bytes);

}  // namespace valence::store
