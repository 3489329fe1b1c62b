// Which protocol a connection speaks, by its first bytes.
#include "serving/net/by_preface.h"

#include <gtest/gtest.h>

namespace clops::serving {
namespace {

// Says its name before what it was sent.
class Named final : public StreamProtocol {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  std::unique_ptr<StreamHandler> open() override { return std::make_unique<Handler>(name_); }

 private:
  class Handler final : public StreamHandler {
   public:
    explicit Handler(std::string name) : name_(std::move(name)) {}
    Progress on_input(std::string_view in, std::string& out) override {
      out += name_ + (retired_ ? " old: " : ": ") + std::string(in);
      return {.consumed = in.size(), .completed = true};
    }
    bool idle() const override { return true; }
    Progress on_time(std::string& out) override {
      out += name_ + " tick";
      return {};
    }
    void retire() override { retired_ = true; }
    void farewell(std::string& out) override { out += name_ + " bye"; }

   private:
    std::string name_;
    bool retired_ = false;
  };
  std::string name_;
};

std::unique_ptr<StreamProtocol> both() {
  return by_preface(std::make_unique<Named>("one"), std::make_unique<Named>("two"));
}

TEST(ByPreface, each_hears_its_own_from_the_first_byte) {
  const std::string preface(kHttp2Preface);
  const std::vector<std::pair<std::string, std::string>> rows = {{"GET / HTTP/1.1", "one: GET / HTTP/1.1"},
                                                                 {"POST /", "one: POST /"},
                                                                 {"PRI * HTTP/2.1\r\n", "one: PRI * HTTP/2.1\r\n"},
                                                                 {preface, "two: " + preface},
                                                                 {preface + "more", "two: " + preface + "more"}};
  for (const auto& [bytes, answer] : rows) {
    std::string out;
    EXPECT_EQ(both()->open()->on_input(bytes, out).consumed, bytes.size());
    EXPECT_EQ(out, answer);
  }
}

TEST(ByPreface, waits_only_while_it_cannot_know) {
  const auto protocol = both();
  for (size_t size = 1; size < kHttp2Preface.size(); ++size) {
    const auto handler = protocol->open();
    std::string out;
    EXPECT_TRUE(handler->idle());
    EXPECT_EQ(handler->on_input(kHttp2Preface.substr(0, size), out).consumed, 0U);
    EXPECT_TRUE(out.empty());
    EXPECT_FALSE(handler->idle());  // the time for a message runs
    handler->retire();
    EXPECT_TRUE(handler->on_time(out).consumed == 0 && out.empty());
    const std::string other = std::string(kHttp2Preface.substr(0, size)) + "~";
    EXPECT_EQ(handler->on_input(other, out).consumed, other.size());
    EXPECT_EQ(out, "one old: " + other);
    EXPECT_TRUE(handler->idle());
    out.clear();
    handler->farewell(out);
    EXPECT_EQ(out, "one bye");
  }
}

}  // namespace
}  // namespace clops::serving
