// Label and field selectors as clients write them. Thread rule: values. Errors: 400 with the text at fault.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "local/api/error.h"

namespace clops::local {

class Selector {
 public:
  enum class Kind { Labels, Fields };
  // Labels: "a=b,c!=d,e in (f,g),h notin (i),j,!k". Fields: "metadata.name=x,status.phase!=Running".
  [[nodiscard]] static Outcome<Selector> parse(std::string_view text, Kind kind);
  [[nodiscard]] bool matches(const Json& object) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }
  [[nodiscard]] std::vector<std::string> keys() const;

 private:
  struct Rule {
    enum class Op { In, NotIn, Exists, Absent } op = Op::In;
    std::string key;
    std::vector<std::string> values;
  };
  Kind kind_ = Kind::Labels;
  std::vector<Rule> rules_;
};

}  // namespace clops::local
