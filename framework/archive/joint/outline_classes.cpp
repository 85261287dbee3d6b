#include "archive/joint/outline_classes.hpp"

#include <lensbench/error.hpp>

#include "archive/run/saved_facts.hpp"
#include "core/dataset/join_cases.hpp"

namespace lensbench {
namespace {

/// Why two datasets cannot be joined; empty if they can.
std::string contradiction(const Dataset& first, const Dataset& other) {
  try {
    check_joinable(first, other);
    return "";
  } catch (const UsageError& error) {
    return error.what();
  }
}

}  // namespace

/// Almost always there is one kind, so that a unit costs one comparison and two numbers.
void OutlineClasses::note(std::size_t at, const std::string& name, const Dataset& dataset) {
  Named& named = named_[name];
  std::size_t kind = 0;
  while (kind < named.outlines.size() && !contradiction(named.outlines[kind], dataset).empty())
    ++kind;
  if (kind == named.outlines.size()) named.outlines.push_back(outline_of(dataset));
  named.kinds.emplace(at, kind);
}

std::map<std::size_t, std::string> OutlineClasses::contradictions() const {
  std::map<std::size_t, std::string> found;
  for (const auto& [name, named] : named_) {
    const std::size_t first = named.kinds.begin()->second;
    for (const auto& [at, kind] : named.kinds)
      if (kind != first)
        found.emplace(at, "dataset '" + name +
                              "': " + contradiction(named.outlines[first], named.outlines[kind]));
  }
  return found;
}

}  // namespace lensbench
