#include <ATen/ops/equal.h>

#include <lensbench/intervention.hpp>

namespace lensbench {
namespace {

/// Equal type, shape and numbers. Interventions are compared to know whether two requests are one.
bool same(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

struct SameAction {
  bool operator()(const SetValue& a, const SetValue& b) const { return same(a.value, b.value); }
  bool operator()(const AddValue& a, const AddValue& b) const {
    return same(a.value, b.value) && a.coefficient == b.coefficient;
  }
  bool operator()(const ScaleBy& a, const ScaleBy& b) const { return a.factor == b.factor; }
  bool operator()(const SetZero&, const SetZero&) const { return true; }
  bool operator()(const SetMean& a, const SetMean& b) const { return a.of == b.of; }
  bool operator()(const Resample& a, const Resample& b) const {
    return a.from == b.from && a.positions == b.positions;
  }
  bool operator()(const AddNoise& a, const AddNoise& b) const {
    return a.standard_deviation == b.standard_deviation && a.seed == b.seed && a.seeds == b.seeds;
  }
  bool operator()(const Freeze&, const Freeze&) const { return true; }
  bool operator()(const ProjectOut& a, const ProjectOut& b) const {
    return same(a.direction, b.direction);
  }
  bool operator()(const SetAlong& a, const SetAlong& b) const {
    return same(a.direction, b.direction) && a.component == b.component;
  }
  template <class A, class B>
  // Actions of different kinds are different.
  bool operator()(const A&, const B&) const {
    return false;
  }
};

}  // namespace

bool operator==(const Intervention& a, const Intervention& b) {
  return a.at == b.at && std::visit(SameAction{}, a.action, b.action);
}

}  // namespace lensbench
