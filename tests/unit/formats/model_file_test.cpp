#include "formats/model_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

using namespace std::string_view_literals;

TEST(Detect, by_content) {
  EXPECT_EQ(*detect(R"({"learner":{}})"), Format::XgboostJson);
  EXPECT_EQ(*detect("\xEF\xBB\xBF \n{ \"learner\""), Format::XgboostJson);
  EXPECT_EQ(*detect("{L\0\0\0\0\0\0\0\7learner"sv), Format::XgboostUbj);
  EXPECT_EQ(*detect("{i\7learner{}}"sv), Format::XgboostUbj);
  EXPECT_EQ(*detect("tree\nversion=v4\n"), Format::LightgbmText);
  EXPECT_EQ(*detect("tree\r\nversion=v3\r\n"), Format::LightgbmText);
}

TEST(Detect, says_what_else_it_is) {
  struct Case {
    std::string_view bytes;
    std::string says;
    Code code = Code::Unsupported;
  };
  const Case cases[] = {
      {"", "the file is empty", Code::InvalidArgument},
      {"{", "truncated", Code::InvalidArgument},
      {"\x80\x04\x95"sv, "a Python pickle"},
      {"\x80\x05\x95"sv, "save_model('model.ubj')"},
      {"\x80\x05\x95"sv, "tools/convert"},
      {"binf", "tools/convert"},
      {"\x1f\x8b\x08", "a gzip file"},
      {"\x1f\x8b\x08", "tools/convert"},
      {"\x78\x5e\xdd", "a zlib file"},
      {"\x78\x9c\xdd", "if joblib.dump wrote it"},
      {"]\0\0@\0"sv, "an lzma file"},
      {"booster[0]:\n0:[f0<1] yes=1", "a text dump of an XGBoost model"},
      {"[\n  { \"nodeid\": 0, \"depth\"", "save_model('model.ubj')"},
      {"<?xml version=\"1.0\"?>\n<PMML>", "a PMML document"},
      {"binf", "an old XGBoost binary model"},
      {R"({"name": "tree", "version": "v4")", "save_model('model.txt')"},
      {"\x89HDF\r\n", "an HDF5 file"},
      {"<!DOCTYPE html>", "a web page"},
      {"\n <html>", "a web page"},
      {"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"},
      {"#!/bin/sh", "a script"},
      {"hello", "no model format that is known"},
      {"[1,2]", "no model format that is known"},
  };
  for (const Case& c : cases) {
    const auto format = detect(c.bytes);
    ASSERT_FALSE(format) << c.says;
    EXPECT_EQ(format.error().code, c.code) << c.says;
    EXPECT_NE(format.error().message.find(c.says), std::string::npos) << format.error().message;
  }
}

TEST(Detect, a_zip_archive_is_a_skops_file_or_says_what_else_it_may_be) {
  const auto format = detect("PK\x03\x04...");
  ASSERT_TRUE(format);
  EXPECT_EQ(*format, Format::Skops);
  EXPECT_FALSE(read_model("PK\x03\x04..."));
  // An archive of nothing at all.
  const auto model =
      read_model(std::string("PK\x03\x04", 4) + "PK\x05\x06" + std::string(12, '\0') + "\x04" + std::string(5, '\0'));
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("without schema.json"), std::string::npos) << model.error().message;
}

TEST(Detect, what_the_spec_asks_for_must_be_what_is_there) {
  for (const std::string_view wanted : {"auto", "", "xgboost", "xgboost-json"})
    EXPECT_TRUE(check_wanted(wanted, Format::XgboostJson)) << wanted;
  for (const std::string_view wanted : {"xgboost-ubj", "lightgbm", "onnx", "XGBoost"})
    EXPECT_FALSE(check_wanted(wanted, Format::XgboostJson)) << wanted;
  EXPECT_TRUE(check_wanted("lightgbm", Format::LightgbmText));
  EXPECT_TRUE(check_wanted("auto", Format::LightgbmText));
  EXPECT_NE(check_wanted("xgboost", Format::LightgbmText).error().message.find("write lightgbm or auto"),
            std::string::npos);
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "clops-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name) const { std::ofstream(path_ / name) << "x"; }
  std::filesystem::path path_;
};

TEST_F(Folder, the_model_in_it_is_found_when_only_one_can_be_meant) {
  EXPECT_NE(find_model_file(path_).error().message.find("no file in this folder"), std::string::npos);
  write("fraud.ubj");
  EXPECT_EQ(*find_model_file(path_), path_ / "fraud.ubj");
  write("README.md");
  EXPECT_NE(find_model_file(path_).error().message.find("several files, none called model.*"), std::string::npos);
  write("model.json");
  EXPECT_EQ(*find_model_file(path_), path_ / "model.json");
  write("model.ubj");
  EXPECT_NE(find_model_file(path_).error().message.find("several files called model.*"), std::string::npos);
  EXPECT_EQ(find_model_file(path_ / "none").error().code, Code::NotFound);
}

}  // namespace
}  // namespace clops::formats
