// Read your own writes: what a reconcile has written, and whether the cache has seen it.
//
// Thread rule: TrackingClient: the one reconcile it was made for. Expectation: a value.
#pragma once

#include <string>
#include <vector>

#include "operator/cache/cache.h"
#include "operator/kube/client.h"

namespace clops::op {

struct Expectation {
  ResourceType type;
  ObjectKey key;
  std::string uid, resource_version;
  bool deleted = false;  // seen once the object is gone, another, or being deleted
  uint64_t lists = 0;    // of the cache, of this type, when it was written
  [[nodiscard]] bool seen_by(const Cache& cache) const;
  // A list has come since, which may lack what was written without any word of its end.
  [[nodiscard]] bool skipped_by(const Cache& cache) const { return cache.of(type).lists() != lists; }
};

class TrackingClient final : public kube::Client {
 public:
  TrackingClient(kube::Client& inner, const Cache& cache) : inner_(inner), cache_(cache) {}
  Result<std::string> call(const kube::Call& call) override;
  std::vector<Result<std::string>> call_all(std::span<const kube::Call> calls) override;
  std::unique_ptr<HttpStream> watch(const ResourceType& type, const std::string& ns, const kube::WatchOptions& options,
                                    StreamSink& sink) override {
    return inner_.watch(type, ns, options, sink);
  }
  Duration retry_after() const override { return inner_.retry_after(); }
  [[nodiscard]] std::vector<Expectation> take() { return std::move(written_); }
  // The answer to a write was lost: it may be done, or be done later.
  [[nodiscard]] bool in_doubt() const { return in_doubt_; }

 private:
  [[nodiscard]] uint64_t lists_of(const kube::Call& call) const;
  // `lists`: how often its kind had been listed before it was sent.
  void note(const kube::Call& call, const Result<std::string>& answer, uint64_t lists);

  kube::Client& inner_;
  const Cache& cache_;
  std::vector<Expectation> written_;
  bool in_doubt_ = false;
};

}  // namespace clops::op
