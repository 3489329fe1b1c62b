// Names of categories in requests: what each dialect takes for a code, and what it says of a name that nobody knows.
#include "serving/protocol/category_names.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/json.h"
#include "serving/protocol/oip_json.h"
#include "serving/protocol/rows.h"

namespace clops::serving {
namespace {

using formats::UnknownCategory;
using Names = std::vector<std::vector<std::string>>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(CategoryNames, are_found_whatever_their_order) {
  const std::vector<std::string> columns = {"colour", "size", "grade"};
  const Names names = {{"red", "", "blue", "Red", "grün"}, {}, {"b", "a"}};
  const auto made = CategoryNames::make(names, columns, UnknownCategory::Missing);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->columns(), 3U);
  EXPECT_FALSE(made->has(1));
  for (const size_t column : {size_t{0}, size_t{2}})
    for (uint32_t code = 0; code < names[column].size(); ++code)
      EXPECT_EQ(made->find(column, names[column][code]), code) << names[column][code];
  for (const std::string_view unknown : {"re", "redd", "RED", " red", "gr", "a"}) EXPECT_FALSE(made->find(0, unknown));
  EXPECT_TRUE(std::isnan(made->code(0, "RED").value()));
  EXPECT_EQ(CategoryNames::make(names, columns, UnknownCategory::Refused)->code(0, "RED"), std::nullopt);
  EXPECT_EQ(CategoryNames::make(Names{{}, {}}, {}, UnknownCategory::Missing), nullptr);
}

TEST(CategoryNames, a_column_that_has_one_twice_has_none) {
  const auto made = CategoryNames::make(Names{{"1", "2", "1"}, {"a"}}, {}, UnknownCategory::Refused);
  ASSERT_NE(made, nullptr);
  EXPECT_FALSE(made->has(0));
  EXPECT_TRUE(made->has(1));
  EXPECT_EQ(CategoryNames::make(Names{{"1", "1"}}, {}, UnknownCategory::Refused), nullptr);
}

TEST(CategoryNames, many_are_found_and_told_of_within_bounds) {
  Names names(100);
  for (int i = 0; i < 200'000; ++i) names[0].push_back("city " + std::to_string((i * 7919LL) % 200'003));
  for (size_t column = 1; column < names.size(); ++column) names[column] = {std::string(3000, 'x'), "\"\n"};
  const auto made = CategoryNames::make(names, {}, UnknownCategory::Refused);
  ASSERT_NE(made, nullptr);
  for (uint32_t code = 0; code < names[0].size(); code += 997) EXPECT_EQ(made->find(0, names[0][code]), code);
  EXPECT_LT(made->told().size(), 12'000U);
  const auto told = parse_json(made->told());
  ASSERT_TRUE(told) << made->told();
  ASSERT_EQ(told->size(), 65U);
  EXPECT_EQ(told->at(0).at("count"), 200'000);
  EXPECT_EQ(told->at(0).at("names").size(), 32U);
  EXPECT_EQ(told->at(0).at("names").at(1), names[0][1]);
  EXPECT_EQ(told->at(1).dump(), R"({"column":1,"count":2,"names":[]})");
  EXPECT_EQ(told->at(64).dump(), R"({"more_columns":36})");
  EXPECT_LT(made->refusal(0, std::string(10'000, '\x01')).size(), 1000U);
  EXPECT_EQ(
      CategoryNames::make(Names{{"a", "b"}}, {}, UnknownCategory::Refused)->refusal(0, std::string(40, 'x') + "éééééé"),
      "\"" + std::string(40, 'x') +
          "éééé\"... is none of the 2 categories that this model was trained with: "
          "\"a\", \"b\"");
}

TEST(CategoryNames, the_same_codes_are_those_of_the_same_names) {
  const auto make = [](const Names& names, UnknownCategory unknown = UnknownCategory::Missing) {
    return CategoryNames::make(names, {}, unknown);
  };
  const auto one = make({{"a", "b"}, {}});
  EXPECT_TRUE(decode_alike(one, make({{"a", "b"}, {}})));
  EXPECT_TRUE(decode_alike(nullptr, nullptr));
  EXPECT_FALSE(decode_alike(one, nullptr));
  EXPECT_FALSE(decode_alike(one, make({{"b", "a"}, {}})));
  EXPECT_FALSE(decode_alike(one, make({{"ab", ""}, {}})));
  EXPECT_FALSE(decode_alike(one, make({{}, {"a", "b"}})));
  EXPECT_FALSE(decode_alike(one, make({{"a", "b"}, {}}, UnknownCategory::Refused)));
  EXPECT_TRUE(one->same_codes(*make({{"a", "b"}, {}}, UnknownCategory::Refused)));
  const std::vector<size_t> from = {1, 0, CategoryNames::kNone};
  const std::vector<std::string> called = {"p", "q", "r"};
  const auto picked = one->picked(from, called);
  ASSERT_NE(picked, nullptr);
  EXPECT_TRUE(decode_alike(picked, make({{}, {"a", "b"}, {}})));
  EXPECT_EQ(picked->told(), R"([{"column":"q","count":2,"names":["a","b"]}])");
  EXPECT_EQ(one->picked(std::span(from).first(1), called), nullptr);
}

enum class Door { Oip, V1, Mlflow, Csv };

EngineInfo shop(Datatype type, UnknownCategory unknown) {
  EngineInfo info{.inputs = {{"row", type, {-1, 3}}}, .outputs = {{"y", type, {-1}}}};
  info.feature_names = {"colour", "size", "café"};
  info.inputs[0].categories = CategoryNames::make(
      Names{{"red", "grün", "a\"b", "", "3XL", "NA", "10", "a name of more than fifteen letters \u00e9"},
            {},
            {"x\\y", "tab\there"}},
      info.feature_names, unknown);
  return info;
}

Status read(Door door, std::string_view body, const EngineInfo& info, InferRequest& out) {
  RowReader reader;
  switch (door) {
    case Door::Oip:
      return decode_infer(body, info, {}, out);
    case Door::V1:
      return reader.read_v1(body, info, {}, false, out);
    case Door::Mlflow:
      return reader.read_mlflow(body, info, {}, out);
    case Door::Csv:
      break;
  }
  return reader.read_csv(body, info, {}, out);
}

std::string oip(const std::string& datatype, const std::string& shape, const std::string& data) {
  return R"({"inputs":[{"name":"row","shape":)" + shape + R"(,"datatype":")" + datatype + R"(","data":)" + data + "}]}";
}

struct Taken {
  const char* what;
  Door door;
  std::string body;
  std::vector<double> rows;
};
class NamesTaken : public testing::TestWithParam<Taken> {};
TEST_P(NamesTaken, become_codes) {
  for (const Datatype type : {Datatype::Fp32, Datatype::Fp64}) {
    InferRequest got;
    const Status status = read(GetParam().door, GetParam().body, shop(type, UnknownCategory::Missing), got);
    ASSERT_TRUE(status) << GetParam().what << ": " << status.error().message;
    std::vector<double> rows;
    if (type == Datatype::Fp32) {
      for (const float value : got.views[0].as<float>()) rows.push_back(static_cast<double>(value));
    } else {
      for (const double value : got.views[0].as<double>()) rows.push_back(value);
    }
    ASSERT_EQ(rows.size(), GetParam().rows.size()) << GetParam().what;
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_TRUE(rows[i] == GetParam().rows[i] || (std::isnan(rows[i]) && std::isnan(GetParam().rows[i])))
          << GetParam().what << " at " << i << ": " << rows[i];
  }
}
INSTANTIATE_TEST_SUITE_P(
    Table, NamesTaken,
    testing::Values(
        Taken{"v2, nested",
              Door::Oip,
              oip("FP32", "[2,3]", R"([["red",1.5,"x\\y"],["gr\u00fcn",2,0]])"),
              {0, 1.5, 0, 1, 2, 0}},
        Taken{"v2, flat, before its datatype is known",
              Door::Oip,
              R"({"inputs":[{"data":["grün",1,"tab\there","",2,null],"name":"row","shape":[2,3],"datatype":"FP64"}]})",
              {1, 1, 1, 3, 2, kNan}},
        Taken{"v2, codes and missing as before",
              Door::Oip,
              oip("INT64", "[2,3]", "[5,1,0,null,-1,7]"),
              {5, 1, 0, kNan, -1, 7}},
        Taken{"v2, names among integers and truths",
              Door::Oip,
              oip("BOOL", "[1,3]", R"(["red",true,"x\\y"])"),
              {0, 1, 0}},
        Taken{"v2, a number's text is a name, a number a code",
              Door::Oip,
              oip("FP32", "[2,3]", R"(["10",1,0,10,1,0])"),
              {6, 1, 0, 10, 1, 0}},
        Taken{"v2, one that is not known is missing",
              Door::Oip,
              oip("FP32", "[1,3]", R"(["Red",1,"x\\\\y"])"),
              {kNan, 1, kNan}},
        Taken{"v2, BYTES where all that is sent are names or missing",
              Door::Oip,
              oip("BYTES", "[1,3]", R"(["a name of more than fifteen letters \u00e9",null,"tab\there"])"),
              {7, kNan, 1}},
        Taken{"v1, arrays",
              Door::V1,
              R"({"instances":[["a\"b",1,0],["",2,"x\u005cy"],["NA",NaN,true]]})",
              {2, 1, 0, 3, 2, 0, 5, kNan, 1}},
        Taken{"v1, objects",
              Door::V1,
              R"({"instances":[{"caf\u00e9":"x\\y","colour":["red"],"size":7},{"size":1,"colour":4,"café":null}]})",
              {0, 7, 0, 4, 1, kNan}},
        Taken{"v1, by the input", Door::V1, R"({"instances":[{"row":["3XL",1,0]}]})", {4, 1, 0}},
        Taken{"v1, columns",
              Door::V1,
              R"({"inputs":{"colour":["grün","?",null],"size":[1,2,3],"café":[0,"x\\y",1]}})",
              {1, 1, 0, kNan, 2, 0, kNan, 3, 1}},
        Taken{"v1, the input as a whole", Door::V1, R"({"inputs":{"row":[["red",1,0]]}})", {0, 1, 0}},
        Taken{
            "mlflow, split",
            Door::Mlflow,
            R"({"dataframe_split":{"columns":["size","colour","id","café"],"data":[[1,"red","q",0],[2,"none","r","x\\y"]]}})",
            {0, 1, 0, kNan, 2, 0}},
        Taken{
            "mlflow, split without columns", Door::Mlflow, R"({"dataframe_split":{"data":[["red",1,0]]}})", {0, 1, 0}},
        Taken{"mlflow, records",
              Door::Mlflow,
              R"({"dataframe_records":[{"colour":"","size":1,"café":"x\\y"}]})",
              {3, 1, 0}},
        Taken{"csv",
              Door::Csv,
              "colour,size,café\r\nred,1,x\\y\r\n\"grün\",2,\"tab\there\"\r\n\"a\"\"b\",,\r\n",
              {0, 1, 0, 1, 2, 1, 2, kNan, kNan}},
        Taken{"csv, words for what is missing are names first",
              Door::Csv,
              "colour,café,size\nNA,NA,NA\n,,\nNaN,NaN,1\n\"\",None,2\n",
              {5, kNan, kNan, 3, kNan, kNan, kNan, 1, kNan, 3, 2, kNan}},
        Taken{"csv, digits are a code, also in quotes",
              Door::Csv,
              "colour,size,café\n10,1,0\n\"10\",1,+1\n3XL,1,.5\ntrue, 1 , 0 \n",
              {10, 1, 0, 10, 1, 1, 4, 1, 0.5, 1, 1, 0}},
        Taken{"csv, one that is not known is missing",
              Door::Csv,
              "colour,size,café\n red,1,0\n2x,1,0\n",
              {kNan, 1, 0, kNan, 1, 0}}));

struct Refused {
  const char* what;
  Door door;
  std::string body, says;
};
class NamesRefused : public testing::TestWithParam<Refused> {};
TEST_P(NamesRefused, say_where_and_what_is_known) {
  InferRequest got;
  const Status status = read(GetParam().door, GetParam().body, shop(Datatype::Fp32, UnknownCategory::Refused), got);
  ASSERT_FALSE(status) << GetParam().what;
  EXPECT_EQ(status.error().code, Code::InvalidArgument);
  EXPECT_NE(status.error().message.find(GetParam().says), std::string::npos) << status.error().message;
}
constexpr const char* kKnown =
    R"( is none of the 8 categories that this model was trained with: "red", "grün", "a\"b", "", "3XL", "NA", "10", )"
    R"("a name of more than fifteen letters é")";
INSTANTIATE_TEST_SUITE_P(
    Table, NamesRefused,
    testing::Values(
        Refused{"v2", Door::Oip, oip("FP32", "[2,3]", R"(["red",1,0,"Red",1,0])"),
                std::string(R"(input "row": "data", row 1, column 0: "Red")") + kKnown + " (byte "},
        Refused{"v2, escaped", Door::Oip, oip("FP32", "[1,3]", R"([["gr\u00fc\n",1,0]])"), R"("grü\u000a" is none of)"},
        Refused{"v2, text where no names are", Door::Oip, oip("FP32", "[1,3]", R"(["red","1",0])"),
                "row 0, column 1: a number is missing"},
        Refused{"v2, text where no names are, as BYTES", Door::Oip, oip("BYTES", "[1,3]", R"(["red","1","x\\y"])"),
                "row 0, column 1: a number is missing"},
        Refused{"v2, a number as BYTES", Door::Oip, oip("BYTES", "[1,3]", R"(["red",1,"x\\y"])"),
                "row 0, column 1: a string is missing"},
        Refused{"v2, a text that is not whole", Door::Oip, oip("FP32", "[1,3]", "[\"re\nd\",1,0]"),
                "row 0, column 0: a control character is in a string"},
        Refused{
            "v1, arrays", Door::V1, R"({"instances":[["red",1,0],["red",1,"z"]]})",
            R"(row 1, column 2: "z" is none of the 2 categories that this model was trained with: "x\\y", "tab\u0009here" (byte )"},
        Refused{"v1, objects", Door::V1, R"({"instances":[{"colour":"rot","size":1,"café":0}]})",
                std::string(R"(row 0, column "colour": "rot")") + kKnown},
        Refused{"v1, text where no names are", Door::V1, R"({"instances":[{"colour":"red","size":"1","café":0}]})",
                R"(row 0, column "size": a number is missing)"},
        Refused{"mlflow", Door::Mlflow,
                R"({"dataframe_split":{"columns":["colour","size","café"],"data":[["rot",1,0]]}})",
                std::string(R"(row 0, column "colour": "rot")") + kKnown},
        Refused{"csv", Door::Csv, "colour,size,café\nred,1,0\n\"r\"\"t\",1,0\n",
                std::string(R"(row 1, column "colour": "r\"t")") + kKnown},
        Refused{"csv, text where no names are", Door::Csv, "colour,size,café\nred,red,0\n",
                R"(row 0, column "size": "red" is not a number that fits FP32)"}));

TEST(CategoryNames, binary_data_has_no_names) {
  const EngineInfo info = shop(Datatype::Fp32, UnknownCategory::Missing);
  InferRequest got;
  const std::string json = R"({"inputs":[{"name":"row","shape":[1,3],"datatype":"BYTES","parameters":)"
                           R"({"binary_data_size":15}}]})";
  const Status status = decode_infer(json, std::string_view("\x01\0\0\0r\x01\0\0\0r\x01\0\0\0r", 15), info, {}, got);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("datatype BYTES does not fit"), std::string::npos) << status.error().message;
}

TEST(CategoryNames, are_those_of_each_input_that_has_some) {
  EngineInfo info{.inputs = {{"colour", Datatype::Fp64, {-1, 1}}, {"size", Datatype::Fp64, {-1, 1}}},
                  .outputs = {{"y", Datatype::Fp64, {-1}}}};
  info.inputs[0].categories = CategoryNames::make(Names{{"red", "green"}}, {}, UnknownCategory::Missing);
  InferRequest got;
  const Status v2 =
      decode_infer(R"({"inputs":[{"name":"colour","shape":[2,1],"datatype":"BYTES","data":["green","red"]},)"
                   R"({"name":"size","shape":[2,1],"datatype":"FP32","data":[7,8]}]})",
                   info, {}, got);
  ASSERT_TRUE(v2) << v2.error().message;
  EXPECT_EQ(got.views[0].as<double>()[0], 1);
  EXPECT_EQ(got.views[0].as<double>()[1], 0);
  EXPECT_FALSE(decode_infer(R"({"inputs":[{"name":"colour","shape":[1,1],"datatype":"FP32","data":[0]},)"
                            R"({"name":"size","shape":[1,1],"datatype":"BYTES","data":["red"]}]})",
                            info, {}, got));
  RowReader reader;
  const Status v1 = reader.read_v1(R"({"instances":[{"size":1,"colour":"green"}]})", info, {}, false, got);
  ASSERT_TRUE(v1) << v1.error().message;
  EXPECT_EQ(got.views[0].as<double>()[0], 1);
}

}  // namespace
}  // namespace clops::serving
