// One of two API servers that are sent the same operations, and what it answers, normalised so that the answers of two
// servers are equal where the servers agree.
//
// Normalised away: UIDs, resource versions and generated names become what they stand for (the nth one of an object),
// so that "nothing was written" still shows; times become "TIME"; addresses "ADDRESS"; managedFields are sorted,
// because the real order depends on the second they were written in. What else differs on purpose is in
// known_differences(). Thread rule: one thread. Ownership: the connection outlives it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/contract/operations.h"
#include "tests/contract/raw.h"

namespace clops::contract {

class Side {
 public:
  Side(const Raw& raw, std::string ns);
  // The answer to the operation, then what a GET of the object says.
  [[nodiscard]] std::vector<Answer> run(const Operation& operation);

 private:
  struct Seen {
    std::vector<std::string> uids, versions;  // in order
    Json live;
  };
  [[nodiscard]] std::string path_of(const Operation& operation) const;
  [[nodiscard]] Json filled(Json body, const Seen& seen) const;
  void note(const Json& body, Seen& seen) const;
  [[nodiscard]] Answer normalised(Answer answer) const;
  void normalise(Json& value) const;
  [[nodiscard]] std::string replaced(std::string text) const;

  const Raw& raw_;
  const std::string ns_;
  std::map<std::string, Seen> seen_;  // by plural/name
};

// Where two answers differ, a line each ("/metadata/generation: 2 <> 3"); empty when they agree. Without what is
// known to differ between minors where the two are not of the same.
[[nodiscard]] std::string difference(const Answer& one, const Answer& other, bool same_minor);

}  // namespace clops::contract
