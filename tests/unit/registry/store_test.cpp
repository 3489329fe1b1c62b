#include "registry/store.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/file.h"
#include "tests/unit/registry/temp_folder.h"

namespace clops::registry {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  fs::path folder() const { return temp_.path() / "cache"; }

  std::unique_ptr<Store> open(uint64_t bytes_max = 1 << 20) {
    auto store = open_store({.folder = folder(), .bytes_max = bytes_max});
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }

  static Result<Artifact> put(Store& store, const std::vector<std::pair<std::string, std::string>>& files,
                              bool as_folder, std::string_view digest = "", DepositLimits limits = {}) {
    auto deposit = store.begin(limits);
    if (!deposit) return std::unexpected(deposit.error());
    for (const auto& [path, content] : files) {
      CLOPS_TRY((*deposit)->add_file(path));
      CLOPS_TRY((*deposit)->write(std::string_view(content).substr(0, content.size() / 2)));
      CLOPS_TRY((*deposit)->write(std::string_view(content).substr(content.size() / 2)));
    }
    return store.commit(std::move(*deposit), as_folder, digest);
  }

  size_t staged() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder() / "staging")) ++count;
    return count;
  }

  TempFolder temp_;
};

TEST_F(StoreTest, a_file_is_found_by_its_digest_and_is_read_only) {
  const auto store = open();
  const auto put_in = put(*store, {{"model.ubj", "content"}}, false);
  ASSERT_TRUE(put_in) << put_in.error().message;
  EXPECT_EQ(put_in->digest, sha256("content"));
  EXPECT_EQ(put_in->files, (std::vector<ArtifactFile>{{"model.ubj", sha256("content"), 7}}));
  const auto found = store->find(put_in->digest);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*read_file(found->path), "content");
  EXPECT_EQ(found->bytes, 7U);
  EXPECT_EQ(fs::status(found->path).permissions() & fs::perms::owner_write, fs::perms::none);
  EXPECT_EQ(staged(), 0U);
}

TEST_F(StoreTest, a_folder_has_the_digest_of_its_sorted_lines) {
  const auto store = open();
  const auto put_in = put(*store, {{"b/model.json", "two"}, {"a.txt", "one"}}, true);
  ASSERT_TRUE(put_in) << put_in.error().message;
  EXPECT_EQ(put_in->digest, sha256(sha256("one") + "  a.txt\n" + sha256("two") + "  b/model.json\n"));
  const auto found = store->find(put_in->digest);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->files, put_in->files);
  EXPECT_EQ(*read_file(found->path / "b/model.json"), "two");
}

TEST_F(StoreTest, the_wrong_digest_leaves_nothing) {
  const auto store = open();
  const auto put_in = put(*store, {{"model", "content"}}, false, sha256("other"));
  ASSERT_FALSE(put_in);
  EXPECT_EQ(put_in.error().code, Code::DataLoss);
  EXPECT_NE(put_in.error().message.find(sha256("content")), std::string::npos);
  EXPECT_EQ(store->find(sha256("content")).error().code, Code::NotFound);
  EXPECT_EQ(staged(), 0U);
}

TEST_F(StoreTest, limits_hold) {
  const auto store = open(100);
  EXPECT_EQ(put(*store, {{"a", std::string(11, 'x')}}, false, "", {.bytes_max = 10}).error().code, Code::TooLarge);
  EXPECT_TRUE(put(*store, {{"a", std::string(10, 'x')}}, false, "", {.bytes_max = 10}));
  EXPECT_EQ(put(*store, {{"a", "1"}, {"b", "2"}, {"c", "3"}}, true, "", {.files_max = 2}).error().code, Code::TooLarge);
  EXPECT_EQ(put(*store, {{"a", std::string(101, 'x')}}, false).error().code, Code::TooLarge)
      << "nothing larger than the store";
  EXPECT_EQ(staged(), 0U);
}

TEST_F(StoreTest, file_names_stay_inside) {
  const auto store = open();
  for (const std::string name : {"../x", "/x", "a/../../x", "a//b", "./a", "", "a\nb", "a/"})
    EXPECT_EQ(put(*store, {{name, "x"}}, true).error().code, Code::InvalidArgument) << name;
  EXPECT_EQ(put(*store, {{"a", "x"}, {"a", "y"}}, true).error().code, Code::InvalidArgument);
  EXPECT_EQ(put(*store, {}, true).error().code, Code::NotFound);
}

TEST_F(StoreTest, a_file_started_over_forgets_what_came_before) {
  const auto store = open();
  auto deposit = store->begin({.bytes_max = 10});
  ASSERT_TRUE((*deposit)->add_file("model"));
  ASSERT_TRUE((*deposit)->write("12345678"));
  ASSERT_TRUE((*deposit)->restart_file());
  ASSERT_TRUE((*deposit)->write("abcdefgh")) << "the limit counts what is kept";
  const auto artifact = store->commit(std::move(*deposit), false, "");
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->digest, sha256("abcdefgh"));
}

TEST_F(StoreTest, the_longest_unused_is_evicted_unless_held) {
  const auto store = open(30);
  auto first = put(*store, {{"m", std::string(10, '1')}}, false);
  const std::string second = put(*store, {{"m", std::string(10, '2')}}, false)->digest;
  const std::string third = put(*store, {{"m", std::string(10, '3')}}, false)->digest;
  const std::string held = first->digest;
  EXPECT_TRUE(put(*store, {{"m", std::string(10, '4')}}, false));
  EXPECT_TRUE(store->find(held)) << "the oldest, but in use";
  EXPECT_FALSE(store->find(second));
  EXPECT_TRUE(store->find(third));
  first->hold.reset();
  const auto a = store->find(third);
  const auto b = put(*store, {{"m", std::string(20, '5')}}, false);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_FALSE(store->find(held));
  EXPECT_EQ(put(*store, {{"m", "6"}}, false).error().code, Code::TooLarge) << "all in use";
}

TEST_F(StoreTest, what_is_damaged_is_absent_and_can_be_put_again) {
  const auto store = open();
  const auto artifact = put(*store, {{"m", "content"}}, false);
  fs::permissions(artifact->path, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(artifact->path, std::ios::app) << "!";
  EXPECT_EQ(store->find(artifact->digest).error().code, Code::NotFound);
  const auto again = put(*store, {{"m", "content"}}, false);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*read_file(again->path), "content");
}

TEST_F(StoreTest, a_restart_keeps_entries_and_their_order_and_sweeps_staging) {
  std::string first, second;
  {
    const auto store = open(30);
    first = put(*store, {{"m", std::string(10, '1')}}, false)->digest;
    second = put(*store, {{"m", std::string(10, '2')}}, false)->digest;
    fs::last_write_time(folder() / "sha256" / second.substr(7),
                        fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  temp_.write("cache/staging/half/file", "left by a crash");
  const auto store = open(30);
  EXPECT_EQ(staged(), 0U);
  EXPECT_TRUE(put(*store, {{"m", std::string(15, '3')}}, false));
  EXPECT_FALSE(store->find(second)) << "an hour older";
  EXPECT_TRUE(store->find(first));
}

TEST_F(StoreTest, one_process_per_folder) {
  auto store = open();
  EXPECT_EQ(open_store({.folder = folder()}).error().code, Code::Conflict);
  store.reset();
  EXPECT_TRUE(open_store({.folder = folder()}));
}

TEST_F(StoreTest, no_digest_at_all) {
  const auto store = open();
  for (const std::string_view digest : {"", "sha256:", "sha256:../../x", "md5:1"})
    EXPECT_EQ(store->find(digest).error().code, Code::InvalidArgument) << digest;
}

}  // namespace
}  // namespace clops::registry
