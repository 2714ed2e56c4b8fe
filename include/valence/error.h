/// \file
/// Errors as values: what failed, where, why and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace valence {

/// Why an operation was refused. Each code maps to one exit code of the program (docs/exit-codes.md).
enum class ErrorCode {
  kInvalidArgument,   ///< the caller asked for something that makes no sense: usage, configuration
  kUnsupported,       ///< meaningful, but this build or version does not do it
  kNotFound,          ///< a file, model or column that is not there
  kInvalidData,       ///< a file or text whose content breaks its format's rules
  kIo,                ///< the operating system refused a read or write
  kRemote,            ///< the network failed, or the other side of it refused or broke its rules
  kOverloaded,        ///< a bounded resource is used up
  kDeadlineExceeded,  ///< too late to be useful
  kCancelled,         ///< the user or the caller stopped it
  kInternal,          ///< a bug in valence
};

/// An error ready to be shown. `where` is a place ("reviews.csv:1042", "config.json: id2label.3"), `what` a sentence
/// without final period, `hint` the remedy; both `where` and `hint` may be empty.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string where, std::string what, std::string hint = {})
      : code_(code), where_(std::move(where)), what_(std::move(what)), hint_(std::move(hint)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] const std::string& hint() const { return hint_; }

  /// "where: what. Hint: hint." in one line, without the leading "error: ".
  [[nodiscard]] std::string to_string() const;

  /// The same error seen from further out: `place` goes before the present place.
  [[nodiscard]] Error in(std::string_view place) const;

 private:
  ErrorCode code_;
  std::string where_;
  std::string what_;
  std::string hint_;
};

template <class T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

}  // namespace valence
