// Configurations to tables: what is loaded, what serves meanwhile, what a pod says of itself. The loader is a table of
// results.
#include "serving/lifecycle/model_manager.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "base/file.h"
#include "tests/support/eventually.h"

namespace clops::serving {
namespace {

class FakeEngine final : public Engine {
 public:
  FakeEngine()
      : info_{.inputs = {{"input-0", Datatype::Fp32, {-1, 1}}}, .outputs = {{"predict", Datatype::Fp32, {-1}}}} {
    ++alive();
  }
  ~FakeEngine() override { --alive(); }
  static std::atomic<int>& alive() {
    static std::atomic<int> count{0};
    return count;
  }
  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  Status infer(std::span<const TensorView>, Scratch&, std::span<TensorBuffer>) const override { return {}; }

 private:
  EngineInfo info_;
};

class FakeLoader final : public ModelLoader {
 public:
  Result<std::shared_ptr<const LoadedModel>> load(const crds::ModelRef& ref) override {
    const std::lock_guard lock(mutex);
    ++loads[ref.digest];
    if (const auto error = errors.find(ref.digest); error != errors.end()) return std::unexpected(error->second);
    return std::make_shared<const LoadedModel>(LoadedModel{ref.digest, ref.format, {}, std::make_unique<FakeEngine>()});
  }
  void set(const std::string& digest, std::optional<Error> error) {
    const std::lock_guard lock(mutex);
    if (error)
      errors[digest] = *error;
    else
      errors.erase(digest);
  }
  int count(const std::string& digest) {
    const std::lock_guard lock(mutex);
    return loads[digest];
  }

 private:
  std::mutex mutex;
  std::map<std::string, Error> errors;
  std::map<std::string, int> loads;
};

std::string digest(const std::string& version) {
  return "sha256:" + std::string(64 - version.size(), '0') + version;
}

crds::ModelRef ref(const std::string& version) {
  return {.model_version = "m-" + version,
          .version = version,
          .uri = "file:///" + version,
          .digest = digest(version),
          .format = "f"};
}
// Two variants: a (90, stable) of version `a`, b (10) of version `b`.
crds::ServingConfig config(int64_t generation, const std::string& a, const std::string& b) {
  crds::ServingModel model{.name = "m", .salt = "uid", .stable = "a"};
  model.variants = {{.name = "a", .weight = 90, .model = ref(a)}, {.name = "b", .weight = 10, .model = ref(b)}};
  model.buckets = {{0, 9000, "a"}, {9000, crds::kBuckets, "b"}};
  return {.generation = generation, .models = {model}};
}

struct ModelManagerTest : testing::Test {
  void start(ManagerOptions options = {}) {
    options.retry_first = std::chrono::milliseconds(5);
    options.poll = std::chrono::milliseconds(5);
    manager = std::make_unique<ModelManager>(ModelManager::Parts{.loader = loader,
                                                                 .tables = tables,
                                                                 .counters = counters,
                                                                 .clock = clock,
                                                                 .log = *log,
                                                                 .wake_readers = [] {},
                                                                 .on_change = [] {}},
                                             options);
    manager->start();
  }
  bool in_force(int64_t generation) {
    return eventually([&] { return manager->state().generation == generation; });
  }
  crds::VariantState variant(size_t i) { return manager->state().variants.at(i); }

  FakeLoader loader;
  CounterRegistry counters{1, 16};
  Epochs<ModelTable> tables{1, std::make_unique<const ModelTable>()};
  SystemClock clock;
  std::unique_ptr<Log> log = make_null_log();
  std::unique_ptr<ModelManager> manager;
};

TEST_F(ModelManagerTest, loads_what_is_named_and_says_so) {
  start();
  EXPECT_FALSE(manager->state().ready);
  ASSERT_TRUE(manager->submit(config(1, "1", "2")));
  ASSERT_TRUE(in_force(1));
  EXPECT_TRUE(manager->state().ready);
  EXPECT_EQ(variant(0), (crds::VariantState{"m", "a", "Loaded", "m-1", digest("1"), ""}));
  EXPECT_EQ(variant(1), (crds::VariantState{"m", "b", "Loaded", "m-2", digest("2"), ""}));
}

TEST_F(ModelManagerTest, loads_a_digest_once_and_frees_what_is_not_named_any_more) {
  const int before = FakeEngine::alive();
  start();
  ASSERT_TRUE(manager->submit(config(1, "1", "2")));
  ASSERT_TRUE(in_force(1));
  ASSERT_TRUE(manager->submit(config(2, "1", "3")));
  ASSERT_TRUE(in_force(2));
  EXPECT_EQ(loader.count(digest("1")), 1);
  EXPECT_TRUE(eventually([&] { return FakeEngine::alive() == before + 2; }));
}

TEST_F(ModelManagerTest, failed_load_keeps_old_version) {
  start();
  ASSERT_TRUE(manager->submit(config(1, "1", "2")));
  ASSERT_TRUE(in_force(1));
  loader.set(digest("3"), Error{Code::DataLoss, "another content"});
  ASSERT_TRUE(manager->submit(config(2, "3", "2")));
  ASSERT_TRUE(in_force(2));
  EXPECT_TRUE(manager->state().ready);
  EXPECT_EQ(variant(0), (crds::VariantState{"m", "a", "FailedToLoad", "m-1", digest("1"), "another content"}));
}

TEST_F(ModelManagerTest, a_failed_variant_is_answered_by_its_fallback) {
  start();
  loader.set(digest("3"), Error{Code::InvalidArgument, "damaged"});
  crds::ServingConfig wanted = config(1, "1", "3");
  wanted.models[0].variants[1].fallback = ref("2");
  ASSERT_TRUE(manager->submit(wanted));
  ASSERT_TRUE(in_force(1));
  EXPECT_EQ(variant(1), (crds::VariantState{"m", "b", "FailedToLoad", "m-2", digest("2"), "damaged"}));
}

TEST_F(ModelManagerTest, a_failed_variant_without_fallback_is_answered_by_the_stable_one) {
  start();
  loader.set(digest("3"), Error{Code::InvalidArgument, "damaged"});
  ASSERT_TRUE(manager->submit(config(1, "1", "3")));
  ASSERT_TRUE(in_force(1));
  EXPECT_TRUE(manager->state().ready);
  EXPECT_EQ(variant(1), (crds::VariantState{"m", "b", "FailedToLoad", "m-1", digest("1"), "damaged"}));
}

TEST_F(ModelManagerTest, is_not_ready_when_nothing_can_take_a_share) {
  start();
  for (const char* version : {"1", "2"}) loader.set(digest(version), Error{Code::InvalidArgument, "damaged"});
  ASSERT_TRUE(manager->submit(config(1, "1", "2")));
  ASSERT_TRUE(in_force(1));
  EXPECT_FALSE(manager->state().ready);
  EXPECT_EQ(variant(0).model_version, "");
}

TEST_F(ModelManagerTest, tries_again_what_could_not_be_reached_and_nothing_else) {
  start();
  loader.set(digest("1"), Error{Code::Unavailable, "connection refused"});
  loader.set(digest("2"), Error{Code::InvalidArgument, "damaged"});
  ASSERT_TRUE(manager->submit(config(1, "1", "2")));
  ASSERT_TRUE(eventually([&] { return loader.count(digest("1")) >= 3; }));
  EXPECT_FALSE(manager->state().ready);
  loader.set(digest("1"), std::nullopt);
  EXPECT_TRUE(eventually([&] { return manager->state().ready; }));
  EXPECT_EQ(loader.count(digest("2")), 1);
}

TEST_F(ModelManagerTest, the_highest_generation_wins) {
  start();
  ASSERT_TRUE(manager->submit(config(5, "1", "2")));
  ASSERT_TRUE(in_force(5));
  EXPECT_TRUE(manager->submit(config(5, "1", "2")));
  EXPECT_EQ(manager->submit(config(5, "1", "3")).error().code, Code::Conflict);
  EXPECT_EQ(manager->submit(config(4, "1", "3")).error().code, Code::Conflict);
  EXPECT_TRUE(manager->submit(config(6, "2", "2")));
  EXPECT_TRUE(in_force(6));
}

TEST_F(ModelManagerTest, says_which_text_is_in_force) {
  start();
  ASSERT_TRUE(manager->submit(config(5, "1", "2"), "sha256:a"));
  ASSERT_TRUE(in_force(5));
  EXPECT_EQ(manager->state().content, "sha256:a");
  EXPECT_EQ(manager->submit(config(5, "1", "3"), "sha256:b").error().code, Code::Conflict);
  EXPECT_EQ(manager->state().content, "sha256:a");
  ASSERT_TRUE(manager->submit(config(5, "1", "2"), "sha256:c"));  // the same, printed differently
  EXPECT_EQ(manager->state().content, "sha256:c");
}

TEST_F(ModelManagerTest, follows_its_file_by_content_and_keeps_a_newer_push) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("clops_manager_" + std::to_string(::getpid()) + ".json");
  ASSERT_TRUE(write_file_atomic(file, encode(config(1, "1", "2"))));
  start({.config_file = file.string()});
  ASSERT_TRUE(in_force(1));
  ASSERT_TRUE(write_file_atomic(file, "{ not json"));
  ASSERT_TRUE(write_file_atomic(file, encode(config(2, "1", "3"))));
  ASSERT_TRUE(in_force(2));
  ASSERT_TRUE(manager->submit(config(9, "4", "4")));
  ASSERT_TRUE(in_force(9));
  ASSERT_TRUE(write_file_atomic(file, encode(config(3, "1", "3"))));
  ASSERT_TRUE(write_file_atomic(file, encode(config(10, "5", "5"))));
  EXPECT_TRUE(in_force(10));
  EXPECT_EQ(variant(0).model_version, "m-5");
  std::filesystem::remove(file);
}

TEST_F(ModelManagerTest, refuses_what_routes_to_nothing) {
  start();
  crds::ServingConfig wrong = config(1, "1", "2");
  wrong.models[0].stable = "c";
  EXPECT_EQ(manager->submit(wrong).error().code, Code::InvalidArgument);
  wrong = config(1, "1", "2");
  wrong.models[0].rules = {{"h", "v", "c"}};
  EXPECT_EQ(manager->submit(wrong).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace clops::serving
