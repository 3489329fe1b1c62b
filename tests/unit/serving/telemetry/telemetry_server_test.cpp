// The whole server and, beside it, a collector and a sink of events that answer over real sockets.
#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>

#include "base/http_server.h"
#include "serving/grpc/wire.h"
#include "tests/unit/serving/server_fixture.h"

namespace clops::serving {
namespace {

class Receiver {
 public:
  Receiver() {
    auto made = make_http_server({}, [this](ServerRequest request, std::shared_ptr<Responder> responder) {
      HttpResponse answer{.status = 200, .headers = {}, .body = ""};
      {
        const std::lock_guard lock(mutex_);
        ++asked_;
        answer.status = status_;
        if (status_ != 200) answer.headers.set("Retry-After", "0");
        if (status_ == 200) taken_.push_back(std::move(request.http));
      }
      responder->respond(std::move(answer));
    });
    EXPECT_TRUE(made);
    if (made) server_ = std::move(*made);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/in"; }
  void answer(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  std::vector<HttpRequest> taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  size_t asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  int status_ = 200;
  size_t asked_ = 0;
  std::vector<HttpRequest> taken_;
  std::unique_ptr<HttpServer> server_;
};

struct TelemetryTest : ServerTest {
  std::string row = *read_file(golden::root() / "samples/rows/breast-cancer.json");
  crds::ServingConfig logged(const crds::Logger& logger, int64_t generation = 1) {
    crds::ServingConfig config = two(generation);
    config.models.front().logger = logger;
    return config;
  }
  std::string metrics() { return send("GET", "/metrics", "", {}, true).body; }
  // The number of a line of the metrics that begins so; -1: there is none.
  double metric(const std::string& begin) {
    const std::string text = "\n" + metrics();
    const size_t at = text.find("\n" + begin);
    return at == std::string::npos ? -1 : std::stod(text.substr(text.find(' ', at + 1 + begin.size() - 1)));
  }
  HttpResponse infer(const std::string& traceparent = "") {
    Headers headers;
    if (!traceparent.empty()) headers.set("traceparent", traceparent);
    return send("POST", infer_path("breast-cancer"), row, headers);
  }
};

size_t spans_in(const std::vector<HttpRequest>& requests) {
  size_t out = 0;
  for (const HttpRequest& request : requests) {
    for (size_t at = 0; (at = request.body.find("\x2a\x05infer", at)) != std::string::npos; ++at) ++out;
  }
  return out;
}

TEST_F(TelemetryTest, spans_follow_the_callers_decision) {
  Receiver collector;
  telemetry.otlp_traces_url = collector.url();
  telemetry.otlp_headers.set("x-key", "secret");
  start_ready(two(1));
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(infer("00-" + id + "-00f067aa0ba902b7-00").status, 200);
  EXPECT_EQ(infer().status, 200);  // the ratio is 0
  EXPECT_EQ(infer("00-" + id + "-00f067aa0ba902b7-01").status, 200);
  ASSERT_TRUE(eventually([&] { return !collector.taken().empty(); }));
  const auto requests = collector.taken();
  EXPECT_EQ(spans_in(requests), 1U);
  EXPECT_EQ(requests[0].headers.get("content-type"), "application/x-protobuf");
  EXPECT_EQ(requests[0].headers.get("x-key"), "secret");
  EXPECT_NE(requests[0].body.find("\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6"), std::string::npos);
  ASSERT_TRUE(eventually([&] { return metric("clops_spans_total{result=\"sent\"}") == 4; }));
}

TEST_F(TelemetryTest, spans_are_tried_again_and_then_counted) {
  Receiver collector;
  collector.answer(503);
  telemetry.otlp_traces_url = collector.url();
  telemetry.trace_ratio = 1;
  start_ready(two(1));
  EXPECT_EQ(infer().status, 200);
  ASSERT_TRUE(eventually([&] { return collector.asked() >= 2; }));
  collector.answer(200);
  ASSERT_TRUE(eventually([&] { return spans_in(collector.taken()) == 1; }));
  collector.answer(400);
  EXPECT_EQ(infer().status, 200);
  ASSERT_TRUE(eventually([&] { return metric("clops_spans_total{result=\"refused\"}") == 4; }));
}

TEST_F(TelemetryTest, failures_are_in_the_access_log) {
  telemetry.log_errors = true;
  telemetry.access_log.file = (folder / "access.log").string();
  start_ready(two(1));
  EXPECT_EQ(infer().status, 200);
  EXPECT_EQ(send("POST", "/v2/models/breast-cancer/versions/1/infer", "{").status, 400);  // the champion, not chance's
  EXPECT_EQ(send("POST", infer_path("nobody"), "{}").status, 404);
  ASSERT_TRUE(eventually([&] { return metric("clops_access_log_lines_total{result=\"written\"}") == 2; }));
  std::ifstream file(folder / "access.log");
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(*parse_json(line));
  ASSERT_EQ(lines.size(), 2U);
  std::ranges::sort(lines, {}, [](const Json& line) { return line.at("status").get<int>(); });
  EXPECT_EQ(lines[0].at("status"), 400);
  EXPECT_EQ(lines[0].at("variant"), "champion");
  EXPECT_EQ(lines[1].at("model"), "nobody");
  EXPECT_NE(string_at(lines[1], {"error"}), "");
}

TEST_F(TelemetryTest, every_call_has_a_line_where_all_are_wanted) {
  telemetry.log_ratio = 1;
  telemetry.access_log.file = (folder / "access.log").string();
  start_ready(two(1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(infer().status, 200);
  ASSERT_TRUE(eventually([&] { return metric("clops_access_log_lines_total{result=\"written\"}") == 20; }));
}

TEST_F(TelemetryTest, requests_and_answers_become_events) {
  Receiver sink;
  start_ready(logged({.url = sink.url(), .redact_columns = {"input-0"}, .ns = "risk"}));
  Headers headers;
  headers.set("ce-id", "mine");
  EXPECT_EQ(send("POST", infer_path("breast-cancer"), row, headers).status, 200);
  EXPECT_EQ(send("POST", infer_path("breast-cancer"), "{").status, 400);
  EXPECT_EQ(send("POST", "/v1/models/breast-cancer:predict", R"({"instances":[[1]]})").status, 400);
  ASSERT_TRUE(eventually([&] { return sink.taken().size() == 6; }));
  std::map<std::string, std::map<std::string, Json>> calls;  // by id, by kind
  for (const HttpRequest& event : sink.taken()) {
    const std::string kind(*event.headers.get("ce-type"));
    calls[std::string(*event.headers.get("ce-id"))][kind.substr(kind.rfind('.') + 1)] = *parse_json(event.body);
    EXPECT_EQ(event.headers.get("ce-namespace"), "risk");
  }
  ASSERT_EQ(calls.size(), 3U);  // both events of a call have one id
  const Json& request = calls.at("mine").at("request");
  const Json& response = calls.at("mine").at("response");
  ASSERT_EQ(request.at("inputs").at(0).at("data").size(), 30U);
  for (const Json& value : request.at("inputs").at(0).at("data")) EXPECT_TRUE(value.is_null());
  EXPECT_TRUE(response.at("outputs").at(0).at("data").at(0).is_number());
  EXPECT_FALSE(string_at(response, {"parameters", "prediction_id"}).empty());
  calls.erase("mine");
  for (const auto& [id, kinds] : calls) EXPECT_EQ(kinds.at("response").at("parameters").at("status"), 400) << id;
  EXPECT_TRUE(eventually([&] { return metric("clops_events_queued_bytes") == 0; }));
}

// A sink that is away costs events, counted, and no request.
TEST_F(TelemetryTest, a_sink_that_is_away_slows_nobody) {
  Receiver sink;
  sink.answer(503);
  telemetry.event_bytes_max = 8'000;
  start_ready(logged({.url = sink.url(), .mode = crds::LogMode::Response}));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(infer().status, 200);
  ASSERT_TRUE(eventually([&] { return metric("clops_events_total{result=\"queue_full\"}") > 10; }));
  EXPECT_LE(metric("clops_events_queued_bytes"), 8'000);
  sink.answer(200);
  ASSERT_TRUE(eventually([&] { return metric("clops_events_queued_bytes") == 0; }));
  EXPECT_EQ(metric("clops_events_total{result=\"queue_full\"}") + metric("clops_events_total{result=\"sent\"}") +
                metric("clops_events_total{result=\"unreachable\"}"),
            100);
}

TEST_F(TelemetryTest, metrics_tell_parts_rows_bytes_and_times) {
  start_ready(two(1));
  EXPECT_EQ(infer().status, 200);
  const std::string all = metrics();
  for (const char* name :
       {"nv_inference_request_success", "nv_inference_request_failure", "nv_inference_count", "nv_inference_exec_count",
        "nv_inference_request_duration_us", "nv_inference_compute_input_duration_us",
        "nv_inference_compute_infer_duration_us", "nv_inference_compute_output_duration_us",
        "nv_inference_pending_request_count", "clops_request_rows_bucket", "clops_request_body_bytes_total",
        "clops_response_body_bytes_total", "clops_model_load_seconds", "clops_cold_start_seconds"})
    EXPECT_NE(all.find("\n" + std::string(name) + (std::string(name).ends_with("start_seconds") ? " " : "{")),
              std::string::npos)
        << name;
  double rows = 0, pending = 0;
  for (const char* variant : {"champion", "challenger"}) {
    const std::string labels = std::string(R"({model="breast-cancer",version=")") + (variant[4] == 'p' ? "1" : "2") +
                               R"(",variant=")" + variant + "\"}";
    rows += metric("clops_request_rows_sum" + labels);
    pending += metric("nv_inference_pending_request_count" + labels);
  }
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(pending, 0);
  EXPECT_GT(metric("clops_cold_start_seconds"), 0);
  // Every line belongs to a family that was introduced, once.
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
    } else if (!line.starts_with('#')) {
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
}

}  // namespace
}  // namespace clops::serving
