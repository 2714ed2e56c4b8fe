/// \file
/// A connected socket as the state machine of a connection sees it, with TLS or without.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace valence::server {

/// What happens to a stream; called on its I/O thread, never from inside a call of Stream.
class StreamEvents {
 public:
  StreamEvents() = default;
  StreamEvents(const StreamEvents&) = delete;
  StreamEvents& operator=(const StreamEvents&) = delete;
  virtual ~StreamEvents() = default;

  /// `size` bytes lie where read() was told to put them; 0: the other side sends no more, or the connection is lost.
  virtual void on_read(std::size_t size) = 0;
  /// `size` bytes are on their way; 0: the connection is lost.
  virtual void on_written(std::size_t size) = 0;
};

/// But for post(), post_after() and on_its_thread(), to be called on its I/O thread only.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// One at a time; `into` must stay until on_read().
  virtual void read(std::span<char> into) = 0;
  /// One at a time; `bytes` must stay until on_written(), which may take fewer.
  virtual void write(std::string_view bytes) = 0;
  /// Nothing more will be written: the other side reads an end.
  virtual void end_writing() = 0;
  /// What is pending fails.
  virtual void close() = 0;

  virtual void post(std::function<void()> work) = 0;
  virtual void post_after(std::chrono::milliseconds delay, std::function<void()> work) = 0;
  [[nodiscard]] virtual bool on_its_thread() const = 0;
};

}  // namespace valence::server
