#include "valence/base/control_group.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace valence {
namespace {

TEST(ControlGroup, FoldersAreThoseOfTheGroupAndAllAboveIt) {
  using Paths = std::vector<std::filesystem::path>;
  EXPECT_EQ(control_group_folders("/r", "/a/b"), (Paths{"/r/a/b", "/r/a", "/r"}));
  EXPECT_EQ(control_group_folders("/r", "/"), Paths{"/r"});
  EXPECT_EQ(control_group_folders("/r", ""), Paths{"/r"});
}

TEST(ControlGroup, TightestQuotaCounts) {
  const testing::TemporaryDirectory root;
  const auto write = [&](const char* folder, const char* text) {
    std::filesystem::create_directories(root.path() / folder);
    std::ofstream(root.path() / folder / "cpu.max") << text;
  };
  const auto quota = [&] { return cpu_quota(control_group_folders(root.path(), "/a/b")); };
  EXPECT_EQ(quota(), std::nullopt);
  write("a/b", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("a", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("a/b", "400000 200000\n");
  EXPECT_EQ(quota(), 1.5);
  write("a/b", "nonsense\n");
  EXPECT_EQ(quota(), 1.5);
}

}  // namespace
}  // namespace valence
