// Bytes of lists and watches: split anywhere, trimmed, and refused when they are not what they claim.
#include "operator/watch/decoder.h"

#include <gtest/gtest.h>

namespace clops::op::watch {
namespace {

const ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};

InformerSpec spec(std::vector<std::string> drop = {}) {
  return {.type = kPods,
          .ns = "",
          .label_selector = "",
          .field_selector = "",
          .drop = std::move(drop),
          .label_indices = {}};
}

Json pod() {
  return {{"metadata",
           {{"name", "p"},
            {"namespace", "n"},
            {"uid", "u"},
            {"resourceVersion", "12"},
            {"generation", 3},
            {"creationTimestamp", "2026-01-01T00:00:00Z"},
            {"labels", {{"app", "x"}}},
            {"annotations", {{"keep", "1"}, {"kubectl.kubernetes.io/last-applied-configuration", "{..}"}}},
            {"managedFields", Json::array({{{"manager", "m"}}})},
            {"ownerReferences", Json::array({{{"apiVersion", "apps/v1"},
                                              {"kind", "ReplicaSet"},
                                              {"name", "r"},
                                              {"uid", "ru"},
                                              {"controller", true}}})}}},
          {"spec", {{"containers", Json::array({{{"name", "c \"quoted\" \u00e9"}, {"x", 1.5}}})}}},
          {"status", {{"phase", "Running"}, {"images", Json::array({"a", "b"})}}}};
}
std::string frame_of(const char* type, const Json& object) {
  return dump_json({{"type", type}, {"object", object}});
}

TEST(Decoder, keeps_what_is_needed_and_drops_the_rest) {
  Json object = pod();
  object["apiVersion"] = "v1";
  object["kind"] = "Pod";
  const auto frame = Decoder(spec({"/status/images", "/spec/absent/deep"})).frame(frame_of("ADDED", object));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->kind, FrameKind::Added);
  EXPECT_EQ(frame->resource_version, "12");
  object["metadata"].erase("managedFields");
  object["metadata"]["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  object["status"].erase("images");
  EXPECT_EQ(frame->object->body(), object);
  const ObjectMeta want{
      .name = "p",
      .ns = "n",
      .uid = "u",
      .resource_version = "12",
      .generation = 3,
      .creation_timestamp = "2026-01-01T00:00:00Z",
      .deletion_timestamp = "",
      .labels = {{"app", "x"}},
      .annotations = {{"keep", "1"}},
      .owners = {{.api_version = "apps/v1", .kind = "ReplicaSet", .name = "r", .uid = "ru", .controller = true}}};
  EXPECT_EQ(frame->object->meta, want);
}

TEST(Decoder, pages_fill_in_what_items_leave_out) {
  const Json list{{"kind", "PodList"},
                  {"apiVersion", "v1"},
                  {"metadata", {{"resourceVersion", "99"}, {"continue", "tok"}}},
                  {"items", Json::array({pod(), pod()})}};
  const auto page = Decoder(spec()).page(dump_json(list));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->resource_version, "99");
  EXPECT_EQ(page->continue_token, "tok");
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[1]->body()["kind"], "Pod");
  EXPECT_EQ(page->objects[1]->body()["apiVersion"], "v1");
  EXPECT_TRUE(Decoder(spec()).page(R"({"metadata":{"resourceVersion":"1"},"items":null})")->objects.empty())
      << "Go prints an empty slice so";
  EXPECT_TRUE(Decoder(spec()).page(R"({"items":[],"metadata":{"resourceVersion":"1"}})")->objects.empty());
}

struct FrameRow {
  const char* line;
  Code code;
};
TEST(Decoder, errors_in_the_stream_are_errors) {
  for (const FrameRow& row :
       {FrameRow{R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})",
                 Code::Expired},
        FrameRow{R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}})", Code::Unavailable},
        FrameRow{R"({"type":"ERROR","object":{}})", Code::Unavailable}}) {
    const auto frame = Decoder(spec()).frame(row.line);
    ASSERT_TRUE(frame) << row.line;
    EXPECT_EQ(frame->kind, FrameKind::Error);
    EXPECT_EQ(frame->error.code, row.code) << row.line;
  }
  const auto bookmark =
      Decoder(spec()).frame(R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"77"}}})");
  ASSERT_TRUE(bookmark);
  EXPECT_EQ(bookmark->kind, FrameKind::Bookmark);
  EXPECT_EQ(bookmark->resource_version, "77");
}

TEST(Decoder, damage_is_refused) {
  for (const char* line :
       {"", "x", "[]", "{}", "null", "7", R"({"type":"ADDED"})", R"({"type":"ADDED","object":null})",
        R"({"type":"ADDED","object":[]})", R"({"type":"ADDED","object":{}})",
        R"({"type":"ADDED","object":{"metadata":{}}})", R"({"type":"ADDED","object":{"metadata":7}})",
        R"({"type":"NEWS","object":{"metadata":{"name":"a"}}})",
        R"({"type":"ADDED","object":{"metadata":{"name":"a"})"}) {
    const auto frame = Decoder(spec()).frame(line);
    ASSERT_FALSE(frame) << line;
    EXPECT_EQ(frame.error().code, Code::DataLoss) << line;
  }
  for (const char* body :
       {"", "[]", "{}", R"({"metadata":{},"items":[]})", R"({"metadata":{"resourceVersion":"1"},"items":[7]})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}}})",
        R"({"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}},)"}) {
    EXPECT_FALSE(Decoder(spec()).page(body)) << body;
  }
}

TEST(LineSplitter, finds_the_same_lines_wherever_the_bytes_are_cut) {
  const auto sizes_of = [](const std::string& text, size_t cut) {
    LineSplitter splitter;
    std::vector<size_t> sizes;
    for (size_t i = 0; i < text.size(); i += cut) {
      EXPECT_TRUE(splitter.feed(std::string_view(text).substr(i, cut),
                                [&](std::string_view line) { sizes.push_back(line.size()); }));
    }
    return sizes;
  };
  const std::string small = "{\"a\":1}\n\n {\"b\":2} \r\nlast\n";
  for (size_t cut = 1; cut <= small.size(); ++cut)
    EXPECT_EQ(sizes_of(small, cut), (std::vector<size_t>{7, 10, 4})) << "cut " << cut;
  const std::string large = "x\n" + std::string(3u << 20, 'x') + "\ny\n";
  for (const size_t cut : {size_t{4'096}, size_t{100'003}, large.size()})
    EXPECT_EQ(sizes_of(large, cut), (std::vector<size_t>{1, 3u << 20, 1})) << "cut " << cut;
}

TEST(LineSplitter, a_line_over_the_limit_ends_it) {
  LineSplitter splitter(100);
  EXPECT_TRUE(splitter.feed(std::string(100, 'x'), [](std::string_view) {}));
  EXPECT_FALSE(splitter.feed("y", [](std::string_view) {}));
}

}  // namespace
}  // namespace clops::op::watch
