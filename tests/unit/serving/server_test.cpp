// The whole server over real sockets: golden rows over the wire, pushes, bad input, drain.
#include "tests/unit/serving/server_fixture.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <set>
#include <thread>

#include "crds/scaling_hint.h"

namespace clops::serving {
namespace {

std::string body_of(const float* row, size_t columns) {
  std::string out = R"({"id":"r","inputs":[{"name":"input-0","shape":[1,)" + std::to_string(columns) +
                    R"(],"datatype":"FP32","data":[)";
  for (size_t i = 0; i < columns; ++i) {
    char digits[32];
    if (i > 0) out += ',';
    if (std::isnan(row[i]))
      out += "null";
    else if (std::isinf(row[i]))
      out += row[i] > 0 ? "1e999" : "-1e999";  // JSON has no word for it; a number beyond range has its effect
    else
      out.append(digits, std::to_chars(digits, digits + sizeof digits, row[i]).ptr);
  }
  return out + "]}]}";
}

// What the engines do not walk yet is left to tests/unit/serving/engines/forest_golden_test.cpp, which counts it.
bool is_served(const golden::Golden& golden) {
  const auto engine = make_forest_engine_factory()->load((golden::root() / golden.models[0]).string());
  return engine || engine.error().code != Code::Unsupported;
}

// Every golden row of every model, over the wire, bit for bit.
TEST_F(ServerTest, predictions_equal_the_framework) {
  crds::ServingConfig config{.generation = 1};
  std::vector<golden::Golden> all = golden::all();
  std::erase_if(all, [](const golden::Golden& golden) { return !is_served(golden); });
  for (const golden::Golden& golden : all) {
    for (size_t i = 0; i < golden.models.size(); ++i) {
      config.models.push_back(model_of(
          golden.name + "-" + std::to_string(i),
          {{{.name = "v", .weight = 100, .model = ref_of("1", golden::root() / golden.models[i])}, crds::kBuckets}}));
    }
  }
  start_ready(config);
  size_t rows = 0, wrong = 0;
  for (const golden::Golden& golden : all) {
    for (size_t i = 0; i < golden.models.size(); ++i) {
      for (size_t row = 0; row < golden.rows; ++row, ++rows) {
        const HttpResponse answer = send("POST", infer_path(golden.name + "-" + std::to_string(i)),
                                         body_of(&golden.input[row * golden.columns], golden.columns));
        ASSERT_EQ(answer.status, 200) << answer.body;
        const auto json = parse_json(answer.body);
        ASSERT_TRUE(json) << answer.body;
        const Json& data = json->at("outputs").at(0).at("data");
        ASSERT_EQ(data.size(), golden.outputs);
        for (size_t o = 0; o < golden.outputs; ++o) {
          const float wanted = golden.predicted[row * golden.outputs + o];
          if (!std::isfinite(wanted)) {  // which JSON has no number for
            wrong += data.at(o).is_null() ? 0 : 1;
            continue;
          }
          const auto got = static_cast<float>(data.at(o).get<double>());
          wrong += std::bit_cast<uint32_t>(got) != std::bit_cast<uint32_t>(wanted) ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(rows, 200u);
  EXPECT_EQ(wrong, 0u);
}

// By parameter and by name; a client that does not ask gets what it always got.
TEST_F(ServerTest, contributions_are_given_on_request) {
  crds::ServingConfig config{.generation = 1};
  std::vector<golden::Golden> all;
  for (const char* name : {"xgboost-iris-softprob", "xgboost-dart", "lightgbm-binary"})
    all.push_back(golden::read(golden::data("contributions") / (std::string(name) + ".golden")));
  for (const golden::Golden& golden : all)
    config.models.push_back(model_of(
        golden.name,
        {{{.name = "v", .weight = 100, .model = ref_of("1", golden::root() / golden.models[0])}, crds::kBuckets}}));
  start_ready(config);
  for (const golden::Golden& golden : all) {
    SCOPED_TRACE(golden.name);
    const std::vector<float> row32(golden.input64.begin(),
                                   golden.input64.begin() + (golden.bits == 64 ? golden.columns : 0));
    const float* row = golden.bits == 64 ? row32.data() : golden.input.data();
    std::string plain = body_of(row, golden.columns);
    ASSERT_EQ(plain.back(), '}');
    plain.pop_back();
    const auto outputs_of = [&](const std::string& more) {
      const HttpResponse answer = send("POST", infer_path(golden.name), plain + more + "}");
      EXPECT_EQ(answer.status, 200) << answer.body;
      const auto json = parse_json(answer.body);
      return json ? json->at("outputs") : Json();
    };
    EXPECT_EQ(outputs_of("").size(), 1U);
    const Json both = outputs_of(R"(,"parameters":{"contributions":true})");
    const Json named = outputs_of(R"(,"outputs":[{"name":"contributions"}])");
    ASSERT_EQ(both.size(), 2U);
    ASSERT_EQ(named.size(), 1U);
    EXPECT_EQ(both.at(1), named.at(0));
    EXPECT_EQ(named.at(0).at("name"), "contributions");
    EXPECT_EQ(named.at(0).at("datatype"), golden.bits == 64 ? "FP64" : "FP32");
    const size_t width = golden.columns + 1, outputs = golden.outputs / width;
    EXPECT_EQ(named.at(0).at("shape"), outputs == 1 ? Json({1, width}) : Json({1, outputs, width}));
    const Json& data = named.at(0).at("data");
    ASSERT_EQ(data.size(), golden.outputs);
    for (size_t i = 0; i < golden.outputs && golden.bits == 32; ++i)
      EXPECT_NEAR(data.at(i).get<double>(), static_cast<double>(golden.predicted[i]), 1e-5) << i;
    const auto metadata = parse_json(send("GET", "/v2/models/" + golden.name).body);
    ASSERT_TRUE(metadata);
    const Json& output = metadata->at("outputs").at(1);
    EXPECT_EQ(output.at("name"), "contributions");
    EXPECT_EQ(output.at("parameters"), Json({{"on_request", true}}));
  }
  // Of so many rows that a thread would be busy for long: in parts.
  std::string many =
      R"({"parameters":{"contributions":true},"inputs":[{"name":"input-0","datatype":"FP32","shape":[70000,4],"data":[0)";
  for (size_t i = 1; i < 280'000; ++i) many += ",0";
  const HttpResponse answer = send("POST", infer_path("xgboost-iris-softprob"), many + "]}]}");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("this model gives 69905 at a time"), std::string::npos) << answer.body.substr(0, 200);
}

// Against a background that the request brings, over the wire: the same rows give shap's numbers.
TEST_F(ServerTest, contributions_are_held_against_a_background) {
  constexpr size_t kBackground = 8;  // scripts/make_golden_contributions.py
  const golden::Golden golden = golden::read(golden::data("interventional") / "lightgbm-binary.golden");
  crds::ServingConfig config{.generation = 1};
  config.models.push_back(model_of(
      "m", {{{.name = "v", .weight = 100, .model = ref_of("1", golden::root() / golden.models[0])}, crds::kBuckets}}));
  start_ready(config);
  const auto tensor = [&](const std::string& name, size_t first, size_t rows) {
    const double* from = golden.input64.data() + first * golden.columns;
    const Json data = std::vector<double>(from, from + rows * golden.columns);
    return Json{{"name", name}, {"datatype", "FP64"}, {"shape", {rows, golden.columns}}, {"data", data}};
  };
  Json body{{"inputs", {tensor("input-0", 9, 1), tensor("contributions_background", 0, kBackground)}},
            {"outputs", {{{"name", "contributions"}}}}};
  const HttpResponse answer = send("POST", infer_path("m"), body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto json = parse_json(answer.body);
  ASSERT_TRUE(json);
  const Json& data = json->at("outputs").at(0).at("data");
  ASSERT_EQ(data.size(), golden.outputs);
  for (size_t i = 0; i < golden.outputs; ++i)
    EXPECT_NEAR(data.at(i).get<double>(), golden.predicted64[9 * golden.outputs + i], 1e-6) << i;
  body.erase("outputs");
  const HttpResponse idle = send("POST", infer_path("m"), body.dump());
  EXPECT_EQ(idle.status, 400);
  EXPECT_NE(idle.body.find("contributions are not asked for"), std::string::npos) << idle.body;
  const auto metadata = parse_json(send("GET", "/v2/models/m").body);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->at("inputs").at(1).at("name"), "contributions_background");
  EXPECT_EQ(metadata->at("inputs").at(1).at("parameters"), Json({{"optional", true}}));
}

TEST_F(ServerTest, says_who_answered) {
  start_ready(two(1));
  const std::string body = *read_file(golden::root() / "samples/rows/breast-cancer.json");
  Headers rule;
  rule.set("x-anything", "v");
  const auto json = parse_json(send("POST", "/v2/models/breast-cancer/versions/2/infer", body, rule).body);
  ASSERT_TRUE(json);
  EXPECT_EQ(string_at(*json, {"model_name"}), "breast-cancer");
  EXPECT_EQ(string_at(*json, {"model_version"}), "2");
  EXPECT_EQ(string_at(*json, {"parameters", "variant"}), "challenger");
  EXPECT_EQ(string_at(*json, {"parameters", "digest"}), sha256(*read_file(sample("breast-cancer/2/model.json"))));
  EXPECT_TRUE(string_at(*json, {"parameters", "prediction_id"}).starts_with("challenger.pod-1."));
  EXPECT_EQ(find_path(*json, {"id"}), nullptr);
}

TEST_F(ServerTest, answers_the_protocols_questions) {
  start_ready(two(1));
  EXPECT_EQ(send("GET", "/v2/health/live").body, R"({"live":true})");
  EXPECT_EQ(send("GET", "/v2/health/ready").body, R"({"ready":true})");
  EXPECT_EQ(send("GET", "/v2").status, 200);
  EXPECT_EQ(send("GET", "/v2/models/breast-cancer/ready").status, 200);
  const auto json = parse_json(send("GET", "/v2/models/breast-cancer").body);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("versions"), Json({"1", "2"}));
  EXPECT_EQ(json->at("inputs").at(0).at("shape"), Json({-1, 30}));
  EXPECT_EQ(string_at(*json, {"platform"}), "xgboost_ubj");
}

struct Wrong {
  std::string method, path, body;
  int status;
};
TEST_F(ServerTest, refuses_with_the_right_code) {
  start_ready(two(1));
  const std::vector<Wrong> rows = {{"GET", "/nothing", "", 404},
                                   {"POST", "/v2/health/live", "{}", 405},
                                   {"GET", "/v2/models/breast-cancer/infer", "", 405},
                                   {"GET", "/v2/models/other", "", 404},
                                   {"POST", "/v2/models/other/infer", "{}", 404},
                                   {"POST", "/v2/models/breast-cancer/versions/9/infer", "{}", 404},
                                   {"GET", "/v2/models/breast-cancer/nothing", "", 404},
                                   {"POST", infer_path("breast-cancer"), "{", 400},
                                   {"POST", infer_path("breast-cancer"), std::string(2u << 20, ' '), 413}};
  for (const Wrong& row : rows) {
    const HttpResponse answer = send(row.method, row.path, row.body);
    EXPECT_EQ(answer.status, row.status) << row.method << " " << row.path;
    const auto json = parse_json(answer.body);
    ASSERT_TRUE(json) << answer.body;
    EXPECT_FALSE(string_at(*json, {"error"}).empty());
  }
  const auto url = "http://127.0.0.1:" + std::to_string(server->port()) + infer_path("breast-cancer");
  // 400: taken as JSON and found to hold no inputs. The form is what curl -d says of any body.
  const std::vector<std::pair<const char*, int>> types = {{"text/plain", 415},
                                                          {"application/octet-stream", 415},
                                                          {"+json", 415},
                                                          {"application/json; charset=utf-8", 400},
                                                          {"application/vnd.api+JSON", 400},
                                                          {"application/x-www-form-urlencoded", 400}};
  for (const auto& [type, status] : types) {
    Headers headers;
    headers.set("Content-Type", type);
    const auto answer = http->send({.method = "POST", .url = url, .headers = headers, .body = "{}"}, {});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, status) << type;
    EXPECT_EQ(answer->body.find("must be application/json") != std::string::npos, status == 415) << answer->body;
  }
  const std::string metrics = send("GET", "/metrics", "", {}, true).body;
  EXPECT_NE(metrics.find("nv_inference_request_failure{model=\"breast-cancer\""), std::string::npos);
  EXPECT_NE(metrics.find("code=\"413\""), std::string::npos);
  EXPECT_NE(metrics.find("code=\"404\""), std::string::npos);
}

TEST_F(ServerTest, acknowledges_a_push_when_it_is_in_force) {
  start();
  EXPECT_EQ(send("GET", "/v2/health/ready").status, 503);
  EXPECT_EQ(push(two(3), "wrong").status, 401);
  const HttpResponse answer = push(two(3));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto state = crds::decode_pod_state(answer.body);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->generation, 3);
  EXPECT_TRUE(state->ready);
  EXPECT_EQ(state->variants.size(), 2u);
  EXPECT_EQ(send("GET", "/v2/health/ready").status, 200);
  EXPECT_EQ(push(two(2)).status, 409);
  Headers headers;
  headers.set("Authorization", "Bearer sesame");
  EXPECT_EQ(send("PUT", "/clops/v1/config", "{\"version\":99}", headers, true).status, 400);
}

// The file does not match the digest that inspection pinned: it is never loaded, and the version before goes on.
TEST_F(ServerTest, unverified_model_never_serves) {
  start_ready(two(1));
  crds::ServingConfig wrong = two(2);
  wrong.models[0].variants[0].model.digest = "sha256:" + std::string(64, 'a');
  wrong.models[0].variants[0].model.version = "3";
  const auto state = crds::decode_pod_state(push(wrong).body);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->generation, 2);
  EXPECT_EQ(state->variants[0].state, "FailedToLoad");
  EXPECT_EQ(state->variants[0].model_version, "mv-1");
  EXPECT_FALSE(state->variants[0].message.empty());
  EXPECT_EQ(send("POST", "/v2/models/breast-cancer/versions/3/infer", "{}").status, 404);
  EXPECT_EQ(
      send("POST", infer_path("breast-cancer"), *read_file(golden::root() / "samples/rows/breast-cancer.json")).status,
      200);
}

// No request fails while versions are swapped under it, and none mixes two tables.
TEST_F(ServerTest, whoever_waits_hears_at_once_that_it_is_ready) {
  start(crds::ServingConfig{.generation = 1});  // no model yet: it waits
  ASSERT_TRUE(eventually([&] { return server->state().generation == 1; }));
  EXPECT_EQ(send("GET", "/v2/health/ready").status, 503);
  const TimePoint begin = clock.now();
  EXPECT_EQ(send("GET", "/v2/health/ready?wait_ms=300").status, 503);
  EXPECT_GE(clock.now() - begin, std::chrono::milliseconds(300));
  for (const char* nonsense : {"wait_ms=", "wait_ms=-5", "wait_ms=1x", "wait=9000"})
    EXPECT_EQ(send("GET", "/v2/health/ready?" + std::string(nonsense)).status, 503);

  HttpResponse heard;
  std::thread waiting([&] { heard = send("GET", "/v2/health/ready?wait_ms=9000"); });
  EXPECT_EQ(push(two(2)).status, 200);
  waiting.join();
  EXPECT_EQ(heard.status, 200);
  EXPECT_TRUE(server->state().ready);
}

TEST_F(ServerTest, a_drain_keeps_nobody_waiting_for_readiness) {
  start(crds::ServingConfig{.generation = 1});
  HttpResponse heard;
  std::thread waiting([&] { heard = send("GET", "/v2/health/ready?wait_ms=10000"); });
  const TimePoint begin = clock.now();
  server->drain([&](std::chrono::milliseconds) {
    waiting.join();
    return true;
  });
  EXPECT_EQ(heard.status, 503);
  EXPECT_LT(clock.now() - begin, std::chrono::seconds(9));
}

TEST_F(ServerTest, no_request_lost_while_tables_are_swapped) {
  start_ready(two(1));
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, bad{0};
  std::vector<std::thread> clients;
  const std::string body = *read_file(golden::root() / "samples/rows/breast-cancer.json");
  const std::string url = "http://127.0.0.1:" + std::to_string(server->port()) + infer_path("breast-cancer");
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      const auto client = make_curl_client({});
      HttpRequest request{.method = "POST", .url = url, .body = body};
      request.headers.set("Content-Type", "application/json");
      while (!stop) {
        const auto answer = (*client)->send(request, {});
        const bool first = answer && answer->body.find("\"model_version\":\"1\"") != std::string::npos &&
                           answer->body.find("[0.9971008]") != std::string::npos;
        const bool second = answer && answer->body.find("\"model_version\":\"2\"") != std::string::npos &&
                            answer->body.find("[0.9974611]") != std::string::npos;
        ++(answer && answer->status == 200 && (first || second) ? good : bad);
      }
    });
  }
  for (int64_t generation = 2; generation < 30; ++generation) {
    crds::ServingConfig next = two(generation);
    if (generation % 2 == 0) std::swap(next.models[0].variants[0].model, next.models[0].variants[1].model);
    const auto state = crds::decode_pod_state(push(next).body);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->generation, generation);
  }
  EXPECT_TRUE(eventually([&] { return good > 50; }));
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(bad, 0);
}

TEST_F(ServerTest, a_kept_connection_ends_with_an_answer_once_it_is_old) {
  connection_age = std::chrono::milliseconds(300);
  start();
  const auto told_to_close = [&] {
    const HttpResponse answer = send("GET", "/v2/health/live");
    return answer.status == 200 && answer.headers.get("Connection").value_or("") == "close";
  };
  EXPECT_FALSE(told_to_close());
  EXPECT_TRUE(eventually(told_to_close));
}

TEST_F(ServerTest, threads_follow_the_quota_while_it_serves) {
  std::atomic<int> quota{1};
  threads_now = [&quota] { return quota.load(); };
  start_ready(two(1));
  const auto threads_told = [&] {
    const auto hint = crds::decode_scaling_hint(send("GET", "/clops/v1/hint", "", {}, true).body);
    return hint ? hint->threads : -1;
  };
  const auto on_thread = [&](int thread) {
    const std::string metrics = send("GET", "/metrics", "", {}, true).body;
    return metrics.contains("clops_busy_seconds_total{thread=\"" + std::to_string(thread) + "\"}");
  };
  EXPECT_TRUE(eventually([&] { return threads_told() == 1; }));
  EXPECT_TRUE(on_thread(0));
  EXPECT_FALSE(on_thread(1));
  quota = 3;
  EXPECT_TRUE(eventually([&] { return threads_told() == 3; }));
  EXPECT_TRUE(on_thread(2));
  quota = 9;  // more than there are lanes for
  EXPECT_TRUE(eventually([&] { return threads_told() == 4; }));
  quota = 1;
  EXPECT_TRUE(eventually([&] { return threads_told() == 1; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send("GET", "/v2/health/live").status, 200);
  EXPECT_EQ(push(two(2)).status, 200);  // lanes that rest take the new table too
}

TEST_F(ServerTest, drains_answering_until_the_end) {
  start_ready(two(1));
  std::thread drainer([&] { server->drain(); });
  EXPECT_TRUE(eventually([&] {
    const auto answer =
        http->send({.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v2/health/ready"}, {});
    return !answer || answer->status == 503;
  }));
  drainer.join();
  EXPECT_FALSE(http->send({.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v2"}, {}));
}

TEST_F(ServerTest, told_again_to_stop_it_waits_no_longer_for_new_clients) {
  start_ready(two(1));
  std::chrono::milliseconds asked{0};
  server->drain([&](std::chrono::milliseconds at_most) {
    asked = at_most;
    EXPECT_EQ(send("GET", "/v2/health/live").status, 200);
    return true;
  });
  EXPECT_EQ(asked, std::chrono::milliseconds(50));
  EXPECT_FALSE(http->send({.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v2"}, {}));
}

TEST_F(ServerTest, offers_hints_and_health) {
  start_ready(two(1));
  EXPECT_EQ(send("GET", "/healthz", "", {}, true).status, 200);
  EXPECT_EQ(send("GET", "/readyz", "", {}, true).status, 200);
  EXPECT_TRUE(eventually([&] {
    const auto hint = crds::decode_scaling_hint(send("GET", "/clops/v1/hint", "", {}, true).body);
    return hint && hint->threads == 2 && hint->window_seconds > 0;
  }));
}

}  // namespace
}  // namespace clops::serving
