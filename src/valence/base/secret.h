/// \file
/// What must not be seen: keys, tokens, addresses that let one in.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace valence {

/// A text that no formatter or stream takes, so that no message, log or dump holds it by accident. Its own memory is
/// cleared when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(other.text_) { other.clear(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { clear(); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// Only for the request, header or hash that it is for.
  [[nodiscard]] const std::string& reveal() const { return text_; }

  /// Whether `given` is this text. The time taken depends on the length of `given`, and on nothing of the secret.
  [[nodiscard]] bool matches(std::string_view given) const;

 private:
  void clear();

  std::string text_;
};

}  // namespace valence
