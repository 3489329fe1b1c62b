#include "registry/source.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/digest.h"
#include "base/file.h"
#include "registry/uri.h"
#include "tests/unit/registry/temp_folder.h"

namespace clops::registry {
namespace {

namespace fs = std::filesystem;

// Answers as told, in order, on the caller's thread: what a stream does is decided before open() returns.
struct Answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<Error> broken = {};  // after the body
  bool silent = false;               // never ends by itself
};

class FakeHttp final : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest&, const HttpLimits&) override { return fail(Code::Internal, "not used"); }
  std::unique_ptr<HttpStream> open(const HttpRequest& request, const HttpLimits&, StreamSink& sink) override {
    requests.push_back(request);
    if (answers.empty()) {
      sink.on_end(fail(Code::Unavailable, "no more answers"));
      return std::make_unique<HttpStream>();
    }
    const Answer answer = answers.front();
    answers.pop_front();
    Headers headers;
    headers.items = answer.headers;
    if (!sink.on_head(answer.status, headers)) return std::make_unique<HttpStream>();
    for (size_t at = 0; at < answer.body.size(); at += 5)
      if (!sink.on_data(std::string_view(answer.body).substr(at, 5))) return std::make_unique<HttpStream>();
    if (!answer.silent) sink.on_end(answer.broken ? Status(std::unexpected(*answer.broken)) : Status{});
    return std::make_unique<HttpStream>();
  }
  std::deque<Answer> answers;
  std::vector<HttpRequest> requests;
};

class Source : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open_store({.folder = temp_.path() / "cache"});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    fs::create_directories(temp_.path() / "claim");
  }
  Result<Artifact> fetch(std::string_view uri, std::string_view digest = "", FetchLimits limits = {},
                         bool files = true) {
    const SourceOptions options{
        .allow_file_uris = files, .claims = {{"models", (temp_.path() / "claim").string()}}, .http = &http_};
    return registry::fetch(make_sources(options, clock_), *store_, clock_, uri, digest, limits);
  }
  void expect_error(const Result<Artifact>& result, Code code, std::string_view says) {
    ASSERT_FALSE(result) << says;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find(says), std::string::npos) << result.error().message;
  }
  std::string file_uri(const std::string& name) const { return "file://" + (temp_.path() / name).string(); }

  SystemClock clock_;
  FakeHttp http_;
  TempFolder temp_;
  std::unique_ptr<Store> store_;
};

TEST_F(Source, file_only_where_it_is_allowed) {
  temp_.write("a b.json", "{}");
  const auto artifact = fetch("file://" + temp_.path().string() + "/a%20b.json");
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->files[0].path, "a b.json");
  expect_error(fetch(file_uri("a%20b.json"), "", {}, false), Code::Unsupported,
               "file:// is only for the embedded plane");
  expect_error(fetch("file://host/a.json"), Code::InvalidArgument, "three slashes");
  expect_error(fetch(file_uri("none.json")), Code::NotFound, "none.json");
}

TEST_F(Source, a_known_digest_needs_no_source) {
  temp_.write("m.json", "{}");
  const auto artifact = fetch(file_uri("m.json"));
  ASSERT_TRUE(artifact);
  fs::remove(temp_.path() / "m.json");
  EXPECT_TRUE(fetch(file_uri("m.json"), artifact->digest));
  expect_error(fetch(file_uri("m.json"), "sha256:12"), Code::InvalidArgument, "digest: 'sha256:12'");
}

TEST_F(Source, a_claim_is_a_folder_that_nothing_leads_out_of) {
  temp_.write("secret", "key");
  temp_.write("claim/m/model.json", "{}");
  temp_.write("claim/m/notes/a.txt", "x");
  fs::create_symlink("model.json", temp_.path() / "claim/m/latest.json");
  const auto artifact = fetch("pvc://models/m");
  ASSERT_TRUE(artifact) << artifact.error().message;
  ASSERT_EQ(artifact->files.size(), 3U);
  EXPECT_EQ(artifact->files[0].path, "latest.json");
  EXPECT_EQ(artifact->files[2].path, "notes/a.txt");

  expect_error(fetch("pvc://models/../secret"), Code::InvalidArgument, "'..'");
  expect_error(fetch("pvc://models/%2e%2e/secret"), Code::InvalidArgument, "'..'");
  fs::create_symlink(temp_.path() / "secret", temp_.path() / "claim/out.json");
  expect_error(fetch("pvc://models/out.json"), Code::PermissionDenied, "leads out of the claim");
  fs::create_symlink(temp_.path() / "secret", temp_.path() / "claim/m/out.json");
  expect_error(fetch("pvc://models/m"), Code::PermissionDenied, "leads out of the claim");
  expect_error(fetch("pvc://other/m"), Code::NotFound, "PersistentVolumeClaim 'other'");
}

TEST_F(Source, how_a_kubelet_versions_its_volumes_is_left_out) {
  temp_.write("claim/m/..2026/model.json", "{}");
  fs::create_symlink("..2026", temp_.path() / "claim/m/..data");
  fs::create_symlink("..data/model.json", temp_.path() / "claim/m/model.json");
  const auto artifact = fetch("pvc://models/m");
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->files, (std::vector<ArtifactFile>{{"model.json", sha256("{}"), 2}}));
}

TEST_F(Source, limits_hold_for_files) {
  temp_.write("m.json", std::string(100, 'x'));
  FetchLimits small;
  small.size.bytes_max = 99;
  expect_error(fetch(file_uri("m.json"), "", small), Code::TooLarge, "the limit of 99 bytes");
  FetchLimits hasty;
  hasty.total = std::chrono::milliseconds(-1);
  expect_error(fetch(file_uri("m.json"), "", hasty), Code::DeadlineExceeded, "m.json");
}

TEST_F(Source, http_streams_one_file) {
  http_.answers = {{.headers = {{"Content-Length", "11"}}, .body = "the content"}};
  const auto artifact = fetch("https://models.example/fraud/7/model.ubj?signature=abc", sha256("the content"));
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->files[0].path, "model.ubj");
  EXPECT_EQ(http_.requests[0].url, "https://models.example/fraud/7/model.ubj?signature=abc");
  EXPECT_EQ(http_.requests[0].headers.get("accept-encoding"), "identity");
}

TEST_F(Source, http_statuses_are_told_apart) {
  struct Case {
    int status;
    Code code;
  };
  for (const Case& c : {Case{404, Code::NotFound}, Case{401, Code::PermissionDenied}, Case{403, Code::PermissionDenied},
                        Case{400, Code::InvalidArgument}, Case{503, Code::Unavailable}, Case{429, Code::Unavailable}}) {
    http_.answers = {{.status = c.status}, {.status = c.status}, {.status = c.status}};
    expect_error(fetch("http://h/m?token=secret"), c.code,
                 "http://h/m: the server answered " + std::to_string(c.status));
    EXPECT_EQ(fetch("http://h/m?token=secret").error().message.find("secret"), std::string::npos);
  }
}

TEST_F(Source, redirects_are_followed_to_a_limit_and_never_to_less_security) {
  const auto to = [](std::string location) {
    return Answer{.status = 302, .headers = {{"Location", std::move(location)}}};
  };
  http_.answers = {to("/other/m.json"), to("https://b/m.json"), {.body = "x"}};
  ASSERT_TRUE(fetch("http://a/m.json"));
  EXPECT_EQ(http_.requests[1].url, "http://a/other/m.json");
  EXPECT_EQ(http_.requests[2].url, "https://b/m.json");
  http_.answers = {to("http://b/m.json")};
  expect_error(fetch("https://a/m.json"), Code::PermissionDenied, "from https to http");
  http_.answers = {to("file:///etc/passwd")};
  expect_error(fetch("http://a/m.json"), Code::PermissionDenied, "a redirect to file://");
  http_.answers = {{.status = 301}, {.status = 301}, {.status = 301}};
  expect_error(fetch("http://a/m.json"), Code::Unavailable, "redirect to nowhere");
  for (int i = 0; i < 10; ++i) http_.answers.push_back(to("/m.json"));
  expect_error(fetch("http://a/m.json"), Code::InvalidArgument, "more than 5 redirects");
}

TEST_F(Source, a_broken_download_goes_on_where_it_broke) {
  const Error reset{Code::Unavailable, "connection reset"};
  http_.answers = {{.headers = {{"ETag", "\"v1\""}, {"Content-Length", "10"}}, .body = "01234", .broken = reset},
                   {.status = 206,
                    .headers = {{"ETag", "\"v1\""}, {"Content-Range", "bytes 5-9/10"}, {"Content-Length", "5"}},
                    .body = "56789"}};
  const auto artifact = fetch("http://a/m.json");
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(*read_file(artifact->path), "0123456789");
  EXPECT_EQ(http_.requests[1].headers.get("range"), "bytes=5-");
  EXPECT_EQ(http_.requests[1].headers.get("if-range"), "\"v1\"");
}

TEST_F(Source, a_broken_download_starts_over_when_the_content_changed_or_is_not_vouched_for) {
  const Error reset{Code::Unavailable, "connection reset"};
  http_.answers = {{.headers = {{"ETag", "\"v1\""}}, .body = "01234", .broken = reset},
                   {.headers = {{"ETag", "\"v2\""}}, .body = "abcdefgh"}};
  EXPECT_EQ(*read_file(fetch("http://a/m.json")->path), "abcdefgh");
  http_.answers = {{.headers = {{"ETag", "W/\"weak\""}}, .body = "01234", .broken = reset}, {.body = "other"}};
  EXPECT_EQ(*read_file(fetch("http://a/m.json")->path), "other");
  EXPECT_EQ(http_.requests.back().headers.get("range"), std::nullopt);
  http_.answers = {
      {.body = "1", .broken = reset}, {.body = "2", .broken = reset}, {.body = "3", .broken = reset}, {.body = "4"}};
  expect_error(fetch("http://a/m.json"), Code::Unavailable, "connection reset");
  EXPECT_EQ(http_.answers.size(), 1U) << "three attempts";
}

TEST_F(Source, a_short_or_long_download_is_noticed) {
  FetchLimits once;
  once.attempts_max = 1;
  http_.answers = {{.headers = {{"Content-Length", "9"}}, .body = "12345"}};
  expect_error(fetch("http://a/m.json", "", once), Code::Unavailable, "after 5 of 9 bytes");
  once.size.bytes_max = 8;
  http_.answers = {{.headers = {{"Content-Length", "9"}}, .body = "123456789"}};
  expect_error(fetch("http://a/m.json", "", once), Code::TooLarge, "larger (9 bytes) than the limit of 8");
  http_.answers = {{.body = "123456789"}};
  expect_error(fetch("http://a/m.json", "", once), Code::TooLarge, "larger than the limit of 8");
}

TEST_F(Source, a_silent_server_is_left_at_the_deadline) {
  FetchLimits hasty;
  hasty.total = std::chrono::milliseconds(20);
  http_.answers = {{.body = "12345", .silent = true}};
  expect_error(fetch("http://a/m.json", "", hasty), Code::DeadlineExceeded, "took longer");
}

TEST_F(Source, uris_that_are_none) {
  expect_error(fetch("http://user:secret@host/m.json"), Code::InvalidArgument,
               "http://host/m.json: credentials do not belong");
  EXPECT_EQ(fetch("http://user:secret@host/m.json").error().message.find("secret"), std::string::npos);
  expect_error(fetch("http://host/folder/"), Code::InvalidArgument, "folders cannot be listed");
  expect_error(fetch("http:///m.json"), Code::InvalidArgument, "names no host");
  expect_error(fetch("gs://bucket/m.json"), Code::Unsupported,
               "the scheme 'gs' is not supported; these are: file://, http://, https://, pvc://");
  expect_error(fetch("/m.json"), Code::InvalidArgument, "this is no URI");
  expect_error(fetch("http://h/a b"), Code::InvalidArgument, "write a space as %20");
}

TEST(Redirect, is_resolved_from_where_it_was_met) {
  struct Case {
    std::string base, location, target;
  };
  const Case cases[] = {
      {"http://a/b/c?q=1", "d", "http://a/b/d"},
      {"http://a/b/c", "/d?x=http://y", "http://a/d?x=http://y"},
      {"http://a", "d", "http://a/d"},
      {"https://a/b", "//c/d", "https://c/d"},
      {"http://a/b", "HTTPS://c/d", "HTTPS://c/d"},
  };
  for (const Case& c : cases) {
    const auto target = resolve_redirect(c.base, c.location);
    ASSERT_TRUE(target) << c.location;
    EXPECT_EQ(*target, c.target);
  }
}

}  // namespace
}  // namespace clops::registry
