// Rows, columns, ages and durations: the pure parts.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/kinds.h"
#include "cli/print.h"
#include "cli/rows.h"

namespace clops::cli {
namespace {

struct RowsCase {
  const char* name;
  const char* text;
  size_t columns;
  std::vector<std::string> cells;  // empty: refused
  const char* error = "";
};
class ParseRows : public testing::TestWithParam<RowsCase> {};

TEST_P(ParseRows, reads_or_names_the_place) {
  const auto rows = parse_rows(GetParam().text);
  if (GetParam().cells.empty()) {
    ASSERT_FALSE(rows);
    EXPECT_NE(rows.error().message.find(GetParam().error), std::string::npos) << rows.error().message;
    return;
  }
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->columns, GetParam().columns);
  EXPECT_EQ(rows->cells, GetParam().cells);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ParseRows,
    testing::Values(RowsCase{"csv", "1,2\n3,4\n", 2, {"1", "2", "3", "4"}},
                    RowsCase{"header", "a,b\n1,2\n", 2, {"1", "2"}},
                    RowsCase{"quoted_header_crlf", "\"a\",\"b\"\r\n1,2\r\n", 2, {"1", "2"}},
                    RowsCase{"missing", "1,,NA,nan\n", 4, {"1", "null", "null", "null"}},
                    RowsCase{"not_json_numbers", "+1,.5,1.,1e5\n", 4, {"1.0", "0.5", "1.0", "1e5"}},
                    RowsCase{"json", "[[1,null],[2.5,3]]", 2, {"1", "null", "2.5", "3"}},
                    RowsCase{"uneven", "1,2\n3\n", 0, {}, "line 2: 1 values"},
                    RowsCase{"word", "1,2\n3,x\n", 0, {}, "line 2, column 2"},
                    RowsCase{"infinite", "1,2\n1,inf\n", 0, {}, "line 2, column 2"},
                    RowsCase{"empty", " \n", 0, {}, "no rows"}, RowsCase{"only_header", "a,b\n", 0, {}, "no rows"},
                    RowsCase{"flat_json", "[1,2]", 0, {}, "row 1"},
                    RowsCase{"names_in_json", "[[\"a\\\"b\",1],[\"\",null]]", 2, {"\"a\\\"b\"", "1", "\"\"", "null"}},
                    RowsCase{"nested_json", "[[[1]]]", 0, {}, "row 1, column 1"},
                    RowsCase{"truth_in_json", "[[true]]", 0, {}, "row 1, column 1"}),
    [](const auto& test) { return test.param.name; });

TEST(InferRequest, takes_a_part_of_the_rows) {
  const Rows rows{.columns = 2, .cells = {"1", "2", "3", "4", "5", "6"}};
  EXPECT_EQ(infer_request(rows, 1, 2, "in\"put"),
            R"({"inputs":[{"name":"in\"put","datatype":"FP64","shape":[2,2],"data":[3,4,5,6]}]})");
}

TEST(Age, is_short) {
  const WallTime now = *from_rfc3339("2026-11-21T10:00:00Z");
  EXPECT_EQ(age("2026-11-21T09:58:01Z", now), "119s");
  EXPECT_EQ(age("2026-11-21T09:00:00Z", now), "60m");
  EXPECT_EQ(age("2026-11-20T10:00:00Z", now), "24h");
  EXPECT_EQ(age("2026-11-01T10:00:00Z", now), "20d");
  EXPECT_EQ(age("2026-11-21T10:00:05Z", now), "0s") << "clocks differ";
  EXPECT_EQ(age("", now), "<unknown>");
}

TEST(Duration, is_read_with_its_unit) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("500ms").value(), milliseconds(500));
  EXPECT_EQ(parse_duration("1.5s").value(), milliseconds(1500));
  EXPECT_EQ(parse_duration("2m").value(), milliseconds(120'000));
  EXPECT_EQ(parse_duration("3").value(), milliseconds(3'000));
  for (const char* bad : {"", "s", "-1s", "1d", "1 s", "nan", "inf", "1e99s"}) EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Kinds, have_many_names) {
  for (const char* name : {"md", "mds", "ModelDeployment", "modeldeployments", "modeldeployments.clops.dev"}) {
    const auto type = kind_named(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(type->kind, "ModelDeployment") << name;
  }
  EXPECT_FALSE(kind_named("gadget"));
  EXPECT_EQ(object_label(*kind_named("pod"), "a"), "pod/a");
}

TEST(Columns, count_characters_not_bytes) {
  std::ostringstream out;
  print_columns(out, {{"é", "b"}, {"aa", ""}});
  EXPECT_EQ(out.str(), "é    b\naa   <none>\n");
}

}  // namespace
}  // namespace clops::cli
