/// \file
/// A PostgreSQL server of the tests' own: in a temporary directory, reached by a Unix socket, gone when the program
/// ends.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "support/temporary_directory.h"

namespace valence::store::testing {

class PostgresServer {
 public:
  /// The one of this program, started at the first call; null, with the reason printed, where none can be started.
  static PostgresServer* shared();
  /// Another one; likewise.
  static std::unique_ptr<PostgresServer> start();

  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer();

  /// The address of an empty database.
  std::string new_database();
  /// Immediate: as after a crash.
  bool stop();
  bool start_again();

 private:
  PostgresServer() = default;
  [[nodiscard]] bool run(const std::string& command) const;

  valence::testing::TemporaryDirectory directory_;
  std::string programs_;  // where initdb and pg_ctl are
  std::string as_user_;   // in front of commands, where the tests run as root
  int databases_ = 0;
};

}  // namespace valence::store::testing
