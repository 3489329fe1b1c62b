// The kernels of exact SHAP contributions for any processor, and the choice among all.
#include "serving/engines/tree_shap_body.h"
#include "serving/engines/tree_shap_row_body.h"

namespace clops::serving::shap {
namespace {

struct Isa {
  static constexpr uint32_t kLanes = 2;
  struct V {
    double a, b;
  };
  struct M {
    bool a, b;
  };
  static V load(const double* from) { return {from[0], from[1]}; }
  static void store(double* to, V v) { to[0] = v.a, to[1] = v.b; }
  static V all(double x) { return {x, x}; }
  static V add(V x, V y) { return {x.a + y.a, x.b + y.b}; }
  static V sub(V x, V y) { return {x.a - y.a, x.b - y.b}; }
  static V mul(V x, V y) { return {x.a * y.a, x.b * y.b}; }
  static M less(V x, V y) { return {x.a < y.a, x.b < y.b}; }
  static M not_at_least(V x, V y) { return {!(x.a >= y.a), !(x.b >= y.b)}; }
  static M mask(const bool* rows) { return {rows[0], rows[1]}; }
  static M flag(bool set) { return {set, set}; }
  static M first(uint32_t lanes) { return {lanes > 0, lanes > 1}; }
  static double sum(V v) { return v.a + v.b; }
  static M no(M m) { return {!m.a, !m.b}; }
  static M both(M m, M n) { return {m.a && n.a, m.b && n.b}; }
  static V choose(M m, V yes, V no) { return {m.a ? yes.a : no.a, m.b ? yes.b : no.b}; }
  static V only(M m, V v) { return {m.a ? v.a : 0.0, m.b ? v.b : 0.0}; }
  static V add_where(M m, V to, V what) { return {m.a ? to.a + what.a : to.a, m.b ? to.b + what.b : to.b}; }
};

}  // namespace

const Kernels* portable_kernels() {
  static const Kernels kernels{"portable", kBlocks<Isa>, kRows<Isa>, 2};
  return &kernels;
}

}  // namespace clops::serving::shap
