/// \file
/// How a gate's program was built: figures of another compiler or of other flags are not comparable.
#pragma once

#include <string_view>

#include "valence/base/json_text.h"

namespace valence::gates {

// Every layer is compiled by the same compiler with the same flags; kernel files add their instruction set.
inline constexpr std::string_view kCompiler = VALENCE_GATES_COMPILER;  ///< "GNU 12.2.0"
inline constexpr std::string_view kFlags = VALENCE_GATES_FLAGS;        ///< "-O3 -DNDEBUG"

inline void write_build(JsonText& json) {
  json.key("build").begin_object().key("compiler").string(kCompiler).key("flags").string(kFlags).end_object();
}

}  // namespace valence::gates
