/// \file
/// Connections for reading, lent to one call at a time; and rows as records. Of sqlite_store's own files.
#pragma once

#include <string_view>
#include <utility>

#include "valence/store/history_sql.h"
#include "valence/store/sqlite_store.h"

namespace valence::store {

class SqliteStore::Reader {
 public:
  Reader(SqliteStore& store, SqliteDatabase database) : store_(&store), database_(std::move(database)) {}
  Reader(Reader&& other) noexcept
      : store_(std::exchange(other.store_, nullptr)), database_(std::move(other.database_)) {}
  Reader& operator=(Reader&&) = delete;
  ~Reader() {
    if (store_ == nullptr) return;
    const std::lock_guard lock(store_->readers_mutex_);
    store_->readers_.push_back(std::move(database_));
  }

  SqliteDatabase* operator->() { return &database_; }
  SqliteDatabase& operator*() { return database_; }

 private:
  SqliteStore* store_;
  SqliteDatabase database_;
};

/// Binds the values from place 1 on.
void bind_values(SqliteStatement& statement, const std::vector<SqlValue>& values);

}  // namespace valence::store
