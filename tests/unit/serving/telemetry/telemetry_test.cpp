// What is told of calls, without a server: trace context, OTLP, lines, events and their redaction, rings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/json.h"
#include "serving/grpc/wire.h"
#include "serving/protocol/inference.h"
#include "serving/telemetry/access_log.h"
#include "serving/telemetry/call_event.h"
#include "serving/telemetry/otlp.h"
#include "serving/telemetry/spsc_ring.h"

namespace clops::serving {
namespace {

constexpr std::string_view kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct ParentRow {
  std::string text;
  bool valid, sampled;
};
TEST(TraceContext, takes_what_the_specification_does) {
  const std::string good(kParent), trace = good.substr(3, 32), parent = good.substr(36, 16);
  const std::vector<ParentRow> table = {
      {good, true, true},
      {"00-" + trace + "-" + parent + "-00", true, false},
      {"00-" + trace + "-" + parent + "-02", true, false},  // other flags are not ours
      {"00-" + trace + "-" + parent + "-ff", true, true},
      {"01-" + trace + "-" + parent + "-01", true, true},  // later versions begin alike
      {"01-" + trace + "-" + parent + "-01-more", true, true},
      {"01-" + trace + "-" + parent + "-01more", false, false},
      {good + "-more", false, false},                        // this version has no more
      {"ff-" + trace + "-" + parent + "-01", false, false},  // never a version
      {"00-" + std::string(32, '0') + "-" + parent + "-01", false, false},
      {"00-" + trace + "-" + std::string(16, '0') + "-01", false, false},
      {"00-" + trace.substr(1) + "-" + parent + "-01", false, false},
      {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01", false, false},  // lower case only
      {"00_" + trace + "-" + parent + "-01", false, false},
      {"00-" + trace + "-" + parent + "-0g", false, false},
      {"", false, false},
      {good.substr(0, 54), false, false},
  };
  for (const ParentRow& row : table) {
    const auto got = parse_traceparent(row.text);
    EXPECT_EQ(got.has_value(), row.valid) << row.text;
    if (got) {
      EXPECT_EQ(got->sampled, row.sampled) << row.text;
    }
  }
  EXPECT_EQ(print_traceparent(*parse_traceparent(good)), good);
}

TEST(TraceContext, two_headers_are_none) {
  const std::vector<HeaderView> one = {{"x", "y"}, {"TraceParent", kParent}};
  const std::vector<HeaderView> two = {{"traceparent", kParent}, {"traceparent", kParent}};
  EXPECT_TRUE(find_traceparent(one));
  EXPECT_FALSE(find_traceparent(two));
  EXPECT_EQ(kept_tracestate("a=1,b=2", 5), "a=1");
  EXPECT_EQ(kept_tracestate("a=1,b=2", 3), "a=1");
  EXPECT_EQ(kept_tracestate("a=1,b=2", 2), "");
  EXPECT_EQ(kept_tracestate("a=\n", 20), "");
}

CallRecord record() {
  CallRecord out;
  out.span = out.traced = out.has_parent = true;
  const auto parent = parse_traceparent(kParent);
  out.trace = parent->trace;
  out.parent = parent->parent;
  out.id = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto at = [](int us) { return TimePoint(std::chrono::microseconds(us)); };
  out.begin = at(1'000);
  out.decoded = at(1'010);
  out.computed = at(1'050);
  out.end = at(1'060);
  out.rows = 3;
  out.wire = "rest";
  out.model.assign("fr\"aud");
  out.version.assign("7");
  out.variant.assign("champion");
  out.prediction.assign("champion.pod.1");
  return out;
}

struct Span {
  std::string trace, id, parent, name;
  uint64_t begin = 0, end = 0, kind = 0;
  std::map<std::string, std::string> attributes;
};
std::vector<Span> spans_of(std::string_view message) {  // tests/clients asks the official classes
  using namespace grpc;
  std::vector<Span> out;
  const auto into = [](std::string_view bytes, uint32_t field, const auto& use) {
    WireReader r(bytes);
    while (r.next())
      if (r.is(field, Wire::Bytes)) use(r.bytes());
    EXPECT_TRUE(r.ok());
  };
  into(message, 1, [&](std::string_view resource) {
    into(resource, 2, [&](std::string_view scope) {
      into(scope, 2, [&](std::string_view span) {
        Span& to = out.emplace_back();
        WireReader r(span);
        while (r.next()) {
          if (r.is(1, Wire::Bytes)) to.trace = r.bytes();
          if (r.is(2, Wire::Bytes)) to.id = r.bytes();
          if (r.is(4, Wire::Bytes)) to.parent = r.bytes();
          if (r.is(5, Wire::Bytes)) to.name = r.bytes();
          if (r.is(6, Wire::Varint)) to.kind = r.number();
          if (r.is(7, Wire::Fixed64)) to.begin = r.number();
          if (r.is(8, Wire::Fixed64)) to.end = r.number();
          if (!r.is(9, Wire::Bytes)) continue;
          std::string key;
          into(r.bytes(), 1, [&](std::string_view text) { key = text; });
          into(r.bytes(), 2, [&](std::string_view any) {
            WireReader value(any);
            while (value.next())
              to.attributes[key] =
                  value.is(1, Wire::Bytes) ? std::string(value.bytes()) : std::to_string(value.number());
          });
        }
      });
    });
  });
  return out;
}

TEST(Otlp, a_call_is_a_span_with_three_parts) {
  std::string out;
  const auto random = make_random(1);
  append_otlp(out, std::vector{record()}, {.attributes = {{"service.name", "x"}}, .scope_version = "1"},
              std::chrono::seconds(100), *random);
  const std::vector<Span> spans = spans_of(out);
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_EQ(record().spans(), 4U);
  const Span& server = spans[0];
  EXPECT_EQ(server.name, "infer");
  EXPECT_EQ(server.kind, 2U);
  EXPECT_EQ(server.begin, 100'001'000'000U);
  EXPECT_EQ(server.parent, std::string("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8));
  EXPECT_EQ(server.attributes.at("model_name"), "fr\"aud");
  EXPECT_EQ(server.attributes.at("variant"), "champion");
  EXPECT_EQ(server.attributes.at("status"), "200");
  const std::vector<std::string> names = {"request", "compute", "response"};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(spans[i + 1].name, names[i]);
    EXPECT_EQ(spans[i + 1].parent, server.id);
    EXPECT_EQ(spans[i + 1].trace, server.trace);
    EXPECT_EQ(spans[i + 1].begin, i == 0 ? server.begin : spans[i].end);
  }
  EXPECT_EQ(spans[3].end, server.end);
}

TEST(Otlp, what_was_not_reached_has_no_part) {
  CallRecord refused = record();
  refused.decoded = refused.computed = {};
  refused.status = 503;
  refused.error.assign("busy");
  std::string out;
  const auto random = make_random(1);
  append_otlp(out, std::vector{refused}, {}, {}, *random);
  EXPECT_EQ(spans_of(out).size(), 1U);
  EXPECT_NE(out.find("busy"), std::string::npos);
  EXPECT_EQ(rejected_spans(std::string("\x0a\x02\x08\x05", 4)), 5U);
  EXPECT_EQ(rejected_spans(""), 0U);
}

TEST(AccessLog, a_line_is_one_json_object) {
  CallRecord call = record();
  call.error.assign("a\nb");
  std::string out;
  append_access_line(out, call, {});
  EXPECT_EQ(out.find('\n'), std::string::npos);
  const auto json = parse_json(out);
  ASSERT_TRUE(json) << out;
  EXPECT_EQ(string_at(*json, {"trace_id"}), kParent.substr(3, 32));
  EXPECT_EQ(string_at(*json, {"model"}), "fr\"aud");
  EXPECT_EQ(string_at(*json, {"error"}), "a\nb");
  EXPECT_EQ(int_at(*json, {"duration_us"}), 60);
  EXPECT_EQ(find_path(*json, {"caller"}), nullptr);
}

// A pipe that nobody reads costs lines and not the thread; a rate is kept.
TEST(AccessLog, drops_what_is_too_much) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  AccessLog log(ends[1], true, {.lines_per_second = 5'000, .write_most = std::chrono::milliseconds(5)});
  TimePoint now(std::chrono::seconds(5));
  for (int i = 0; i < 6'000; ++i) log.add(record(), now, {});
  log.flush();
  EXPECT_EQ(log.counts().over_rate, 1'000U);
  EXPECT_GT(log.counts().written, 50U);
  EXPECT_GT(log.counts().not_written, 1'000U);
  EXPECT_EQ(log.counts().written + log.counts().not_written, 5'000U);
  ::close(ends[0]);
}

TEST(SpscRing, full_means_dropped_and_counted) {
  SpscRing<int> ring(4);
  for (int i = 0; i < 7; ++i) {
    int* const slot = ring.claim();
    EXPECT_EQ(slot != nullptr, i < 4);
    if (slot == nullptr) continue;
    *slot = i;
    ring.publish();
  }
  EXPECT_EQ(ring.dropped(), 3U);
  for (int i = 0; i < 4; ++i, ring.pop()) {
    ASSERT_NE(ring.front(), nullptr);
    EXPECT_EQ(*ring.front(), i);
  }
  EXPECT_EQ(ring.front(), nullptr);
  EXPECT_NE(ring.claim(), nullptr);
}

// ---- events

struct EventTest : testing::Test {
  EventTest() {
    info.inputs = {{"row", Datatype::Fp32, {-1, 3}}, {"note", Datatype::Bytes, {-1, 1}}};
    info.outputs = {{"predict", Datatype::Int64, {-1}}};
    info.feature_names = {"age", "income", "card"};
    inference.request.begin(info);
    rows.reset(Datatype::Fp32, {2, 3});
    for (size_t i = 0; i < 6; ++i) rows.as<float>()[i] = static_cast<float>(i) + 0.5f;
    notes.reset(Datatype::Bytes, {2, 1});
    notes.set_text(0, "a\"b");
    notes.set_text(1, "");
    inference.request.views = {rows.view(), notes.view()};
  }
  std::vector<HttpRequest> told(const crds::Logger& logger, int status = 400, std::string error = "no") {
    const auto plan = make_event_plan(logger, "fraud", "7", "champion", &info);
    CallInfo call{.wire = "rest", .body_bytes = 9};
    Target target;
    const CallEnd end{
        .target = &target, .status = status, .error = error, .inference = &inference, .events = plan.get()};
    return print_events(*take_event(call, end, "id-1"), "http://pod-1/", {});
  }
  static Json body(const HttpRequest& request) {
    const auto json = parse_json(request.body);
    EXPECT_TRUE(json) << request.body;
    return json ? *json : Json();
  }
  EngineInfo info;
  Inference inference;
  TensorBuffer rows, notes;
};

TEST_F(EventTest, are_in_kserves_words) {
  const auto events = told({.url = "http://sink/x", .ns = "risk"});
  ASSERT_EQ(events.size(), 2U);
  for (const HttpRequest& event : events) {
    EXPECT_EQ(event.url, "http://sink/x");
    EXPECT_EQ(event.headers.get("ce-id"), "id-1");
    EXPECT_EQ(event.headers.get("ce-specversion"), "1.0");
    EXPECT_EQ(event.headers.get("ce-source"), "http://pod-1/");
    EXPECT_EQ(event.headers.get("ce-inferenceservicename"), "fraud");
    EXPECT_EQ(event.headers.get("ce-namespace"), "risk");
    EXPECT_EQ(event.headers.get("content-type"), "application/json");
  }
  EXPECT_EQ(events[0].headers.get("ce-type"), "org.kubeflow.serving.inference.request");
  EXPECT_EQ(events[1].headers.get("ce-type"), "org.kubeflow.serving.inference.response");
  const Json request = body(events[0]), response = body(events[1]);
  EXPECT_EQ(request.at("inputs").at(0).at("data"), Json({0.5, 1.5, 2.5, 3.5, 4.5, 5.5}));
  EXPECT_EQ(request.at("inputs").at(1).at("data"), Json({"a\"b", ""}));
  EXPECT_EQ(request.at("inputs").at(0).at("shape"), Json({2, 3}));
  EXPECT_EQ(response.at("error"), "no");
  EXPECT_EQ(response.at("parameters").at("status"), 400);
}

TEST_F(EventTest, redacted_columns_are_null_and_errors_silent) {
  const auto events = told({.url = "http://sink", .redact_columns = {"card", "note"}}, 400, "2.5 is not a card");
  const Json request = body(events[0]);
  EXPECT_EQ(request.at("inputs").at(0).at("data"), Json({0.5, 1.5, nullptr, 3.5, 4.5, nullptr}));
  EXPECT_EQ(request.at("inputs").at(1).at("data"), Json({nullptr, nullptr}));
  EXPECT_EQ(body(events[1]).at("error"), "not told: columns are redacted");
}

TEST_F(EventTest, a_column_that_is_not_known_withholds_all) {
  const auto events = told({.url = "http://sink", .redact_columns = {"crad"}});
  const Json request = body(events[0]);
  EXPECT_FALSE(request.at("inputs").at(0).contains("data"));
  EXPECT_NE(request.at("parameters").at("values_withheld").get<std::string>().find("crad"), std::string::npos);
}

TEST_F(EventTest, what_is_larger_than_told_is_only_described) {
  const auto events = told({.url = "http://sink", .bytes_max = 20});
  const Json request = body(events[0]);
  ASSERT_EQ(request.at("inputs").size(), 2U);
  EXPECT_FALSE(request.at("inputs").at(0).contains("data"));
  EXPECT_EQ(request.at("inputs").at(0).at("shape"), Json({2, 3}));
  EXPECT_EQ(request.at("parameters").at("values_withheld"), "more than maxBytes");
  EXPECT_EQ(told({.url = "http://sink", .mode = crds::LogMode::Response}).size(), 1U);
}

}  // namespace
}  // namespace clops::serving
