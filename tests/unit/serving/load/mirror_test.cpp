// The mirror: which models can be asked what another was, how much of the processors it takes, and, over sockets, that
// whatever it does nobody waits for it.
#include "serving/load/mirror.h"

#include "tests/unit/serving/load_fixture.h"

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

EngineInfo info_of(std::vector<TensorSpec> inputs, std::vector<std::string> names = {}) {
  EngineInfo info;
  info.inputs = std::move(inputs);
  info.feature_names = std::move(names);
  return info;
}

TEST(InputsFor, by_name_one_alone_by_itself_and_floats_for_floats) {
  const TensorSpec x{"x", Datatype::Fp32, {-1, 3}}, y{"y", Datatype::Fp64, {-1, 3}}, n{"n", Datatype::Int64, {-1}};
  TensorSpec extra{"extra", Datatype::Fp32, {-1, 3}};
  extra.optional = true;
  struct Row {
    const char* what;
    EngineInfo asked, mirror;
    std::optional<std::vector<int>> expected;
  };
  const std::vector<Row> rows = {
      {"the same", info_of({x}), info_of({x}), {{0}}},
      {"one alone, called otherwise, another float", info_of({x}), info_of({y}), {{0}}},
      {"by name, in another order", info_of({x, n}), info_of({n, x}), {{1, 0}}},
      {"one of two", info_of({x, n}), info_of({n}), {{1}}},
      {"one that is missing", info_of({x}), info_of({x, n}), {}},
      {"another datatype", info_of({x}), info_of({n}), {}},
      {"what is optional is left out", info_of({x, extra}), info_of({x, extra}), {{0, -1}}},
      {"columns called the same", info_of({x}, {"a", "b", "c"}), info_of({y}, {"a", "b", "c"}), {{0}}},
      {"columns called otherwise", info_of({x}, {"a", "b", "c"}), info_of({x}, {"a", "c", "b"}), {}},
      {"columns that only one names", info_of({x}, {"a", "b", "c"}), info_of({x}), {{0}}},
  };
  for (const Row& row : rows) EXPECT_EQ(inputs_for(row.asked, row.mirror), row.expected) << row.what;
}

// Two serving threads; times of work and of looking are chosen so that the figures are whole.
TEST(MirrorPace, takes_what_the_serving_threads_leave) {
  const TimePoint start{1h};
  struct Row {
    Duration busy, rest;  // in 100 ms; after 10 ms of work
  };
  for (const Row& row : {Row{0ms, 0ms}, Row{100ms, 0ms}, Row{150ms, 10ms}, Row{180ms, 40ms}, Row{200ms, 490ms}}) {
    MirrorPace pace;
    EXPECT_EQ(pace.rest_after(10ms, start, 0ms, 2), 0ms);
    const auto rest = pace.rest_after(10ms, start + 100ms, row.busy, 2);
    EXPECT_NEAR(static_cast<double>(rest.count()), static_cast<double>(Duration(row.rest).count()), 1000)
        << row.busy.count();
    EXPECT_EQ(pace.rest_after(10ms, start + 101ms, 400ms, 2), rest) << "too soon to look again";
  }
  MirrorPace pace;
  EXPECT_EQ(pace.rest_after(10ms, start, 0ms, 1), 0ms);
  EXPECT_EQ(pace.rest_after(10s, start + 1s, 1s, 1), 1s) << "never longer";
}

struct MirrorTest : LoadTest {
  void TearDown() override {
    aside->let_go();
    LoadTest::TearDown();
  }
  crds::ServingConfig config(int64_t generation, std::optional<crds::Mirror> mirror) {
    crds::ServingModel m = model_of("m", {{a, crds::kBuckets}, {b, 0}});
    m.mirror = std::move(mirror);
    return {.generation = generation, .models = {std::move(m)}};
  }
  void start_mirrored(int percent) {
    a = variant("a", 100);
    b = variant("b", 0, aside);
    start_ready(config(1, crds::Mirror{"b", percent}));
  }
  uint64_t mirrored(const std::string& outcome) {
    return metric(R"(clops_mirror_requests_total{model="m",version="1",variant="b",outcome=")" + outcome + "\"}");
  }
  int ask_times(int times, float value) {
    int answered = 0;
    for (int i = 0; i < times; ++i) answered += ask(request("m", body(value)))->answer().status == 200 ? 1 : 0;
    return answered;
  }
  std::shared_ptr<Holding> aside = std::make_shared<Holding>();
  crds::ServingVariant a, b;
};

TEST_F(MirrorTest, computes_what_others_answered) {
  start_mirrored(100);
  const int before = aside->computed.load();
  EXPECT_EQ(ask_times(20, 1), 20);
  ASSERT_TRUE(eventually([&] { return mirrored("answered") + mirrored("busy") == 20; }));
  EXPECT_EQ(aside->computed.load() - before, static_cast<int>(mirrored("answered")));
  // What it would have said is told beside what was said.
  const Json told = *parse_json(send("GET", "/clops/v1/predictions", "", {}, true).body);
  std::map<std::string, uint64_t> counts;
  for (const Json& item : told.at("variants"))
    counts[item.at("variant").get<std::string>() + (item.value("mirror", false) ? " aside" : "")] =
        item.at("columns")[0].at("count").get<uint64_t>();
  EXPECT_EQ(counts, (std::map<std::string, uint64_t>{{"a", 20}, {"b", 0}, {"b aside", mirrored("answered")}}));
  EXPECT_EQ(metric(R"(clops_mirror_prediction_values_count{model="m",version="1",variant="b",output="y",column="0"})"),
            mirrored("answered"));
  // What the mirror itself answers, and what was refused, is not computed twice.
  EXPECT_EQ(ask("POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{")
                ->answer()
                .status,
            400);
  EXPECT_EQ(mirrored("answered") + mirrored("busy"), 20U);
  EXPECT_EQ(mirrored("failed"), 0U);
  EXPECT_NE(send("GET", "/metrics", "", {}, true).body.find("clops_mirror_duration_seconds_count"), std::string::npos);
  // And none once it is gone.
  EXPECT_EQ(push(config(2, std::nullopt)).status, 200);
  EXPECT_EQ(ask_times(20, 1), 20);
  EXPECT_EQ(mirrored("answered") + mirrored("busy"), 20U);
}

TEST_F(MirrorTest, a_share_of_them) {
  start_mirrored(20);
  EXPECT_EQ(ask_times(300, 1), 300);
  const auto all = [this] { return mirrored("answered") + mirrored("busy") + mirrored("full"); };
  EXPECT_TRUE(eventually([&] { return all() > 25; })) << all();  // they are computed in the machine's idle moments
  EXPECT_LT(all(), 110U);
}

// It stands still, then fails: the answers that are given know nothing of it.
TEST_F(MirrorTest, neither_slows_nor_fails_an_answer) {
  threads = 1;
  aside->trigger = 7;
  start_mirrored(100);
  EXPECT_EQ(ask_times(1, 7), 1);
  ASSERT_TRUE(eventually([&] { return aside->inside.load() == 1; }));
  EXPECT_EQ(ask_times(200, 1), 200);
  const MirrorLimits limits;
  EXPECT_EQ(mirrored("full") + mirrored("busy") + limits.calls_max - 1, 200U) << "the ring holds one that is computed";
  // A table that is swapped meanwhile is in force at once: the mirror keeps its model, and no table.
  EXPECT_EQ(push(config(2, crds::Mirror{"b", 100})).status, 200);
  EXPECT_EQ(server->state().generation, 2);
  aside->let_go();
  ASSERT_TRUE(eventually([&] { return mirrored("failed") == 1 && mirrored("answered") == limits.calls_max - 1; }));
}

}  // namespace
}  // namespace clops::serving
