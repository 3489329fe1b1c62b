// The Open Inference Protocol's edge cases over real sockets: one test for each row of the table in serving/README.md.
#include <cmath>

#include "tests/unit/serving/rest_fixture.h"

namespace clops::serving {
namespace {

using EdgeCase = RestTest;

std::string le32(std::initializer_list<float> values) {
  std::string out;
  for (const float value : values) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

TEST_F(EdgeCase, case_01_nested_or_flat) {
  const std::string want = R"([1,2,3,4])";
  EXPECT_EQ(infer("FP32", one("FP32", "[2,2]", R"("data":[1,2,3,4]})") + "}").status, 400);  // more after the end
  for (const char* data : {"[1,2,3,4]", "[[1,2],[3,4]]"}) {
    const RawAnswer answer = infer("FP32", one("FP32", "[2,2]", std::string("\"data\":") + data) + "}");
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("\"data\":" + want), std::string::npos);  // 1, not 1.0
  }
  const RawAnswer texts = infer("BYTES", one("BYTES", "[2,1]", R"("data":[["a"],["b\u00e9"]])") + "}");
  EXPECT_EQ(texts.json().at("outputs").at(0).at("data"), Json({"a", "bé"}));
  EXPECT_SAYS(infer("FP32", one("FP32", "[2,2]", R"("data":[[1,2,3],[4]])") + "}"), 400,
              "row 0 has more than 2 values");
  const std::string deep(5000, '[');
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", "\"data\":" + deep) + "}"), 400, "\"data\"");
  EXPECT_SAYS(infer("FP32", "{\"x\":" + deep + "}"), 400, "nested too deeply");
}

TEST_F(EdgeCase, case_02_count_and_shape_agree) {
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,2]", R"("data":[1])") + "}"), 400, "has 1 values, shape [1,2] needs 2");
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,-2]", R"("data":[1,2])") + "}"), 400, "does not fit");
  EXPECT_SAYS(infer("FP32", one("FP32", "[9223372036854775807,9223372036854775807]", R"("data":[1])") + "}"), 400,
              "rows are more than");
  EXPECT_SAYS(infer("FP32", one("FP32", "[2,9223372036854775807]", R"("data":[1])") + "}"), 400, "more values than");
  EXPECT_SAYS(infer("FP32", one("FP32", "[99999999999999999999,1]", R"("data":[1])") + "}"), 400, "whole number");
  EXPECT_SAYS(
      infer_binary("FP32", one("FP32", "[2,9223372036854775807]", R"("parameters":{"binary_data_size":4})") + "}",
                   le32({1})),
      400, "more values than binary_data_size has");
}

TEST_F(EdgeCase, case_03_integers_in_range) {
  EXPECT_SAYS(infer("INT8", one("INT8", "[1,1]", R"("data":[128])") + "}"), 400, "out of its datatype's range");
  EXPECT_SAYS(infer("UINT8", one("UINT8", "[1,1]", R"("data":[-1])") + "}"), 400, "out of its datatype's range");
  EXPECT_SAYS(infer("INT8", one("INT64", "[1,1]", R"("data":[128])") + "}"), 400,
              "out of the range that the model takes");
  EXPECT_SAYS(infer("INT64", one("INT64", "[1,1]", R"("data":[9223372036854775808])") + "}"), 400, "range");
  EXPECT_SAYS(infer("INT32", one("INT32", "[1,1]", R"("data":[1.5])") + "}"), 400, "a fraction");
  const std::string wide = std::string("\x80\x00\x00\x00\x00\x00\x00\x00", 8);
  EXPECT_SAYS(infer_binary("INT8", one("INT64", "[1,1]", R"("parameters":{"binary_data_size":8})") + "}", wide), 400,
              "row 0, column 0: 128 is out of the range");
}

TEST_F(EdgeCase, case_04_half_precision_is_binary) {
  for (const std::string type : {"FP16", "BF16"}) {
    EXPECT_SAYS(infer(type, one(type, "[1,1]", R"("data":[1])") + "}"), 400, type + " is not taken in JSON");
    const std::string bits("\x80\x3f\x00\xc0", 4);
    const RawAnswer answer = infer_binary(
        type,
        one(type, "[1,2]", R"("parameters":{"binary_data_size":4})") + R"(,"parameters":{"binary_data_output":true}})",
        bits);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto json = static_cast<size_t>(std::stoul(answer.header("Inference-Header-Content-Length").value()));
    EXPECT_EQ(answer.body.substr(json), bits);
    // FP32 in JSON is taken for such a model, and its answer in JSON is plain numbers.
    const RawAnswer plain = infer(type, one("FP32", "[1,1]", R"("data":[0.5])") + "}");
    EXPECT_NE(plain.body.find("\"data\":[0.5]"), std::string::npos) << plain.body;
  }
}

TEST_F(EdgeCase, case_05_one_source_of_values_and_no_bytes_left) {
  const std::string size = R"("parameters":{"binary_data_size":4})";
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", R"("data":[1],)" + size) + "}", le32({1})), 400,
              "exclude each other");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", size + R"(,"data":[1])") + "}", le32({1})), 400,
              "exclude each other");
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", R"("parameters":{})") + "}"), 400, "\"data\" is missing");
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", R"("parameters":{"shared_memory_region":"r"})") + "}"), 400,
              "shared memory");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", size) + "}", le32({1}) + "x"), 400, "1 bytes follow");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", size) + "}", "xyz"), 400,
              "4 bytes is announced and 3 are there");
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", size) + "}"), 400, "0 are there");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", R"("data":[1])") + "}", "x"), 400, "1 bytes follow");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,2]", size) + "}", le32({1})), 400, "more values than");
}

TEST_F(EdgeCase, case_06_where_the_json_ends) {
  const std::string json = one("FP32", "[1,1]", R"("parameters":{"binary_data_size":4})") + "}";
  for (const char* length : {"99999", "-1", "18446744073709551616", "x", "", "1 2"})
    EXPECT_EQ(
        infer("FP32", json + le32({1}), "Inference-Header-Content-Length: " + std::string(length) + "\r\n").status,
        std::string(length) == "1 " ? 400 : 400)
        << length;
  const std::string twice = "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n";
  EXPECT_SAYS(infer("FP32", json + le32({1}), twice + twice), 400, "not one number");
  for (const char* data : {"{}", "7", "\"x\"", "null", "true"})  // once ended a server
    EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", std::string("\"data\":") + data) + "}"), 400,
                "\"data\" is not an array");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", R"("parameters":{"binary_data_size":-4})") + "}", ""), 400,
              "whole number of 0 or more");
  EXPECT_SAYS(infer_binary("FP32", one("FP32", "[1,1]", R"("parameters":{"binary_data_size":"4"})") + "}", ""), 400,
              "whole number of 0 or more");
}

TEST_F(EdgeCase, case_07_outputs_and_id) {
  const std::string input = one("FP32", "[1,1]", R"("data":[1])");
  EXPECT_SAYS(infer("FP32", input + R"(,"outputs":[{"name":"out-x"},{"name":"out-x"}]})"), 400, "asked for twice");
  EXPECT_SAYS(infer("FP32", input + R"(,"outputs":[{"name":"y"}]})"), 400, "\"y\" is not known");
  EXPECT_SAYS(infer("FP32", R"({"inputs":[{"name":"y","datatype":"FP32","shape":[1,1],"data":[1]}]})"), 400,
              "not known");
  EXPECT_EQ(infer("FP32", input + R"(,"id":"a\"b\u00e9"})").json().at("id"), "a\"bé");
  EXPECT_FALSE(infer("FP32", input + "}").json().contains("id"));
  EXPECT_EQ(infer("FP32", input + R"(,"outputs":[]})").json().at("outputs").size(), 1U);
}

TEST_F(EdgeCase, case_08_parameters) {
  const std::string input = one("FP32", "[1,1]", R"("data":[1])");
  EXPECT_SAYS(infer("FP32", input + R"(,"parameters":{"a":{}}})"), 400, "not a string, number or boolean");
  EXPECT_SAYS(infer("FP32", input + R"(,"parameters":{"a":[1]}})"), 400, "not a string, number or boolean");
  EXPECT_SAYS(infer("FP32", input + R"(,"parameters":{"triton_x":1}})"), 400, "reserved");
  EXPECT_SAYS(infer("FP32", input + R"(,"parameters":{"binary_data_output":1}})"), 400, "not true or false");
  EXPECT_EQ(infer("FP32", input + R"(,"parameters":{"a":1,"b":"x","c":true,"d":1.5}})").status, 200);
}

TEST_F(EdgeCase, case_09_codings) {
  const std::string body = one("FP32", "[1,2]", R"("data":[1,2])") + "}";
  for (const auto& [name, coding] : {std::pair{"gzip", Coding::Gzip},
                                     {"x-gzip", Coding::Gzip},
                                     {"DEFLATE", Coding::Deflate},
                                     {"zstd", Coding::Zstd},
                                     {"identity", Coding::Identity}}) {
    const RawAnswer answer = infer("FP32", packed(coding, body), "Content-Encoding: " + std::string(name) + "\r\n");
    EXPECT_EQ(answer.status, 200) << name << answer.body;
  }
  for (const char* name : {"br", "gzip, gzip", "compress"})
    EXPECT_SAYS(infer("FP32", body, "Content-Encoding: " + std::string(name) + "\r\n"), 415, "is not taken here");
  EXPECT_SAYS(infer("FP32", body, "Content-Encoding: gzip\r\n"), 400, "the gzip data is damaged");
  EXPECT_SAYS(infer("FP32", packed(Coding::Gzip, body).substr(0, 20), "Content-Encoding: gzip\r\n"), 400, "is cut off");
  const std::string bomb = body + std::string(2u << 20, ' ');  // the fixture's limit is one MiB
  for (const auto& [name, coding] :
       {std::pair{"gzip", Coding::Gzip}, {"deflate", Coding::Deflate}, {"zstd", Coding::Zstd}})
    EXPECT_SAYS(infer("FP32", packed(coding, bomb), "Content-Encoding: " + std::string(name) + "\r\n"), 413,
                "larger than 1048576");
  // Binary data and JSON are compressed together, and the header counts what they were before.
  const std::string json = one("FP32", "[1,2]", R"("parameters":{"binary_data_size":8})") + "}";
  const RawAnswer answer =
      infer("FP32", packed(Coding::Gzip, json + le32({1, 2})),
            "Content-Encoding: gzip\r\nInference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n");
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(EdgeCase, case_09_accepted_codings) {
  std::string data = "\"data\":[0";
  for (int i = 1; i < 5000; ++i) data += "," + std::to_string(i);
  std::string many = one("FP32", "[1,5000]", data + "]") + "}";
  const RawAnswer plain = infer("FP32", many);
  ASSERT_EQ(plain.status, 200);
  const auto outputs = [](const Json& json) { return json.at("outputs"); };
  const std::vector<std::pair<std::string, std::string>> rows = {{"gzip", "gzip"},
                                                                 {"deflate", "deflate"},
                                                                 {"zstd", "zstd"},
                                                                 {"gzip, deflate, br, zstd", "zstd"},
                                                                 {"gzip;q=1.0, zstd;q=0.5", "gzip"},
                                                                 {"gzip;q=0.1, deflate;q=0.2", "deflate"},
                                                                 {"gzip;q=0", ""},
                                                                 {"br", ""},
                                                                 {"identity", ""},
                                                                 {"gzip;q=0.5, identity;q=0.9", ""},
                                                                 {"*;q=0.5", "zstd"},
                                                                 {"*, zstd;q=0", "gzip"},
                                                                 {"GZIP", "gzip"},
                                                                 {"gzip;q=nonsense", ""},
                                                                 {"identity;q=0, gzip;q=0.1", "gzip"}};
  for (const auto& [accept, coding] : rows) {
    const RawAnswer answer = infer("FP32", many, "Accept-Encoding: " + accept + "\r\n");
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Encoding").value_or(""), coding) << accept;
    if (coding.empty()) continue;
    EXPECT_LT(answer.body.size(), plain.body.size() / 2);
    const auto json = parse_json(unpacked(*coding_from(coding), answer.body));
    ASSERT_TRUE(json) << accept;
    EXPECT_EQ(outputs(*json), outputs(plain.json()));
  }
  // Small answers are sent as they are, unless that is forbidden.
  const std::string few = one("FP32", "[1,1]", R"("data":[1])") + "}";
  EXPECT_FALSE(infer("FP32", few, "Accept-Encoding: gzip\r\n").header("Content-Encoding"));
  EXPECT_EQ(infer("FP32", few, "Accept-Encoding: gzip, identity;q=0\r\n").header("Content-Encoding"), "gzip");
  // Binary answers too: the header counts the JSON as it is before.
  many.pop_back();
  const RawAnswer binary =
      infer("FP32", many + R"(,"parameters":{"binary_data_output":true}})", "Accept-Encoding: deflate\r\n");
  const std::string text = unpacked(Coding::Deflate, binary.body);
  EXPECT_EQ(text.size() - std::stoul(binary.header("Inference-Header-Content-Length").value()), 20'000U);
}

TEST_F(EdgeCase, case_10_limits_and_framing) {
  const std::string body = one("FP32", "[1,1]", R"("data":[1])") + "}";
  EXPECT_EQ(infer("FP32", body + std::string(1u << 20, ' ')).status, 413);
  const std::string path = "POST " + infer_path("FP32") + " HTTP/1.1\r\nHost: h\r\n";
  const std::string chunk = "1\r\n \r\n";
  std::string chunks;
  for (size_t i = 0; i < (1u << 16) + 1; ++i) chunks += chunk;
  EXPECT_SAYS(split_answer(raw(path + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n")), 400,
              "too many chunks");
  // Chunked, with binary data over several chunks; then a pipelined one on the same connection.
  const std::string json = one("FP32", "[1,1]", R"("parameters":{"binary_data_size":4})") + "}";
  const std::string whole = json + le32({1});
  std::string pieces;
  for (const char c : whole) pieces += "1\r\n" + std::string(1, c) + "\r\n";
  const std::string two_answers =
      raw(path + "Transfer-Encoding: chunked\r\nInference-Header-Content-Length: " + std::to_string(json.size()) +
          "\r\n\r\n" + pieces + "0\r\n\r\n" + path +
          "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_NE(two_answers.find("HTTP/1.1 200 OK"), std::string::npos) << two_answers;
  EXPECT_NE(two_answers.rfind("HTTP/1.1 200 OK"), two_answers.find("HTTP/1.1 200 OK")) << two_answers;
  const std::string expected =
      raw(path + "Connection: close\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n\r\n" + body);
  EXPECT_NE(expected.find("HTTP/1.1 200 OK"), std::string::npos);  // the body is there: nothing to ask for
}

TEST_F(EdgeCase, case_11_numbers_json_has_no_form_for) {
  const std::string nan = le32({std::nanf(""), HUGE_VALF, -HUGE_VALF, 0.1F});
  const std::string json = one("FP32", "[1,4]", R"("parameters":{"binary_data_size":16})");
  const RawAnswer text = infer_binary("FP32", json + "}", nan);
  EXPECT_NE(text.body.find("\"data\":[null,null,null,0.1]"), std::string::npos) << text.body;  // 0.1, not 0.10000000149
  const RawAnswer binary = infer_binary("FP32", json + R"(,"parameters":{"binary_data_output":true}})", nan);
  EXPECT_TRUE(binary.body.ends_with(nan));
  EXPECT_EQ(infer("FP32", one("FP32", "[1,2]", R"("data":[null,1e999])") + "}").status, 200);
  EXPECT_SAYS(infer("FP32", one("FP32", "[1,1]", R"("data":[NaN])") + "}"), 400, "a number is missing");
}

TEST_F(EdgeCase, case_12_paths_and_codes) {
  EXPECT_SAYS(post("/v2/models/breast-cancer/versions/x/infer", "{}"), 404, "no version");
  EXPECT_SAYS(post("/v2/models/nobody/infer", "{}"), 404, "is not known here");
  EXPECT_SAYS(split_answer(raw("GET " + infer_path("FP32") + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")), 405,
              "use POST");
  for (const char* path :
       {"/v2/systemsharedmemory/status", "/v2/cudasharedmemory/region/r/register", "/v2/trace/setting", "/v2/logging",
        "/v2/models/FP32/trace/setting", "/v2/models/FP32/generate", "/v2/models/FP32/generate_stream"})
    EXPECT_SAYS(post(path, "{}"), 501, "is not done here");
}

// Every datatype, as JSON and as binary data in and out, and by a body without JSON.
TEST_F(EdgeCase, every_datatype_both_ways) {
  for (int type = 0; type <= static_cast<int>(Datatype::Bytes); ++type) {
    const auto datatype = static_cast<Datatype>(type);
    const std::string name(to_string(datatype));
    SCOPED_TRACE(name);
    std::string bytes = "\1";
    bytes.resize(size_of(datatype), '\0');
    if (datatype == Datatype::Bytes) bytes = std::string("\3\0\0\0a\0\xff", 7);
    const std::string json =
        one(name, "[1,1]", R"("parameters":{"binary_data_size":)" + std::to_string(bytes.size()) + "}") +
        R"(,"outputs":[{"name":"out-x","parameters":{"binary_data":true}}]})";
    const RawAnswer answer = infer_binary(name, json, bytes);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "application/octet-stream");
    const size_t head = std::stoul(answer.header("Inference-Header-Content-Length").value());
    EXPECT_EQ(answer.body.substr(head), bytes);
    const auto document = parse_json(answer.body.substr(0, head));
    ASSERT_TRUE(document) << answer.body;
    const Json& output = document->at("outputs").at(0);
    EXPECT_EQ(output.at("datatype"), name);
    EXPECT_EQ(output.at("parameters").at("binary_data_size"), bytes.size());
    EXPECT_FALSE(output.contains("data"));
    const RawAnswer unset = infer_binary(name, json.substr(0, json.find(",\"outputs\"")) + "}", bytes);
    EXPECT_EQ(unset.header("Content-Type"), "application/json");
    // Two dimensions that nothing tells cannot be told from a body without JSON.
    EXPECT_SAYS(infer(name, bytes, "Inference-Header-Content-Length: 0\r\n"), 400,
                datatype == Datatype::Bytes ? "" : "cannot be told");
  }
}

TEST_F(EdgeCase, a_body_without_json_is_the_rows) {
  std::string bytes;
  for (int i = 0; i < 6; ++i) {
    const double value = i;
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  const RawAnswer answer =
      infer("person", bytes, "Inference-Header-Content-Length: 0\r\nContent-Type: application/octet-stream\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.body.ends_with(bytes));
  EXPECT_NE(answer.body.find("\"shape\":[2,3]"), std::string::npos);
  EXPECT_SAYS(infer("person", bytes.substr(1), "Inference-Header-Content-Length: 0\r\n"), 400,
              "not a multiple of the 24");
  EXPECT_SAYS(infer("person", "", "Inference-Header-Content-Length: 0\r\n"), 400, "has 0 bytes");
  EXPECT_SAYS(infer("pair", bytes, "Inference-Header-Content-Length: 0\r\n"), 400, "a model of one input");
}

TEST_F(EdgeCase, classes_in_json_and_binary) {
  const std::string input =
      R"({"inputs":[{"name":"row","datatype":"FP64","shape":[2,3],"data":[0.1,0.7,0.2,null,5,5]}])";
  const auto asked = [&](const std::string& parameters) {
    return infer("person", input + R"(,"outputs":[{"name":"out-row","parameters":)" + parameters + "}]}");
  };
  const Json output = asked(R"({"classification":2})").json().at("outputs").at(0);
  EXPECT_EQ(output.at("datatype"), "BYTES");
  EXPECT_EQ(output.at("shape"), Json({2, 2}));
  EXPECT_EQ(output.at("data"), Json({"0.7:1", "0.2:2", "5:1", "5:2"}));
  EXPECT_EQ(asked(R"({"classification":9})").json().at("outputs").at(0).at("shape"), Json({2, 3}));
  EXPECT_TRUE(asked(R"({"classification":1,"binary_data":true})")
                  .body.ends_with(std::string("\5\0\0\0000.7:1\3\0\0\0005:1", 16)));
  EXPECT_SAYS(asked(R"({"classification":0})"), 400, "asks for no class");
  EXPECT_SAYS(infer("BYTES", one("BYTES", "[1,1]", R"("data":["a"])") +
                                 R"(,"outputs":[{"name":"out-x","parameters":{"classification":1}}]})"),
              400, "classification is of numbers");
}

using Extensions = RestTest;

TEST_F(Extensions, statistics_by_model_and_version) {
  const std::string body = one("FP32", "[2,1]", R"("data":[1,2])") + "}";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(infer("FP32", body).status, 200);
  EXPECT_EQ(infer("FP32", "{}").status, 400);
  const auto get = [this](const std::string& path) {
    return split_answer(raw("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  };
  for (const char* path : {"/v2/models/FP32/stats", "/v2/models/FP32/versions/1/stats"}) {
    const Json all = get(path).json().at("model_stats");
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all.at(0).at("name"), "FP32");
    EXPECT_EQ(all.at(0).at("version"), "1");
    EXPECT_EQ(all.at(0).at("inference_count"), 6);
    EXPECT_EQ(all.at(0).at("execution_count"), 3);
    EXPECT_EQ(all.at(0).at("inference_stats").at("success").at("count"), 3);
    EXPECT_GT(all.at(0).at("inference_stats").at("success").at("ns"), 0);
    EXPECT_EQ(all.at(0).at("inference_stats").at("fail").at("count"), 1);
  }
  EXPECT_EQ(get("/v2/models/stats").json().at("model_stats").size(),
            18U);  // 16 that echo, two versions of the real one
  EXPECT_SAYS(get("/v2/models/nobody/stats"), 404, "is not known here");
  EXPECT_SAYS(get("/v2/models/FP32/versions/9/stats"), 404, "no version");
  EXPECT_SAYS(post("/v2/models/FP32/stats", "{}"), 405, "use GET");
}

TEST_F(Extensions, repository_can_be_read) {
  const Json index = post("/v2/repository/index", "").json();
  ASSERT_EQ(index.size(), 18U);
  EXPECT_EQ(index.at(0).dump(), R"({"name":"BF16","reason":"","state":"READY","version":"1"})");
  EXPECT_EQ(post("/v2/repository/index", R"({"ready":true})").json().size(), 18U);
  EXPECT_SAYS(post("/v2/repository/index", "[]"), 400, "not a JSON object");
  for (const char* what : {"load", "unload"})
    EXPECT_SAYS(post(std::string("/v2/repository/models/FP32/") + what, "{}"), 403, "can only be read");
  EXPECT_SAYS(post("/v2/repository/models", "{}"), 404, "nothing is at this path");
}

// A server that allows it: what is declared goes and comes back, by the name it was declared under.
TEST_F(ServerTest, models_are_unloaded_and_loaded_where_that_is_allowed) {
  model_control = true;
  start_ready(two(1));
  const std::string change = "/v2/repository/models/breast-cancer/";
  const auto states = [this] {
    std::string out;
    for (const Json& entry : post("/v2/repository/index", "").json())
      out += entry.at("version").get<std::string>() + entry.at("state").get<std::string>() + " ";
    return out;
  };
  const std::string body = *read_file(golden::root() / "samples/rows/breast-cancer.json");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(post(change + "unload", "{}").status, 200);
    EXPECT_EQ(states(), "UNAVAILABLE ");
    EXPECT_EQ(post(infer_path("breast-cancer"), body).status, 503);
    EXPECT_EQ(send("GET", "/v2/health/ready").status, 200);  // as it was told to be
    EXPECT_EQ(post(change + "load", "").status, 200);
    EXPECT_EQ(states(), "1READY 2READY ");
    EXPECT_EQ(post(infer_path("breast-cancer"), body).status, 200);
  }
  EXPECT_EQ(post(change + "load", "").status, 200);  // again: nothing to do
  EXPECT_EQ(post(change + "unload", "{}").status, 200);
  EXPECT_EQ(push(two(2)).status, 200);  // it stays unloaded whatever is declared
  EXPECT_EQ(post(infer_path("breast-cancer"), body).status, 503);
  EXPECT_SAYS(post("/v2/repository/models/nobody/load", ""), 404, "is not declared here");
}

TEST_F(Extensions, are_listed_and_configured) {
  EXPECT_EQ(parse_json(send("GET", "/v2").body)->at("extensions").size(), 6U);
  const auto config = parse_json(send("GET", "/v2/models/pair/config").body);
  ASSERT_TRUE(config);
  EXPECT_EQ(
      config->at("input").dump(),
      R"([{"data_type":"TYPE_INT64","dims":[-1,1],"name":"a"},{"data_type":"TYPE_STRING","dims":[-1],"name":"b"}])");
}

}  // namespace
}  // namespace clops::serving
