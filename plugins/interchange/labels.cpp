#include "labels.hpp"

#include <lensbench/error.hpp>
#include <map>
#include <set>
#include <string>

namespace lensbench::interchange {

std::vector<std::int64_t> arbitrary_labels(const std::vector<std::int64_t>& expected,
                                           std::int64_t vocab_size, Philox& random) {
  std::set<std::int64_t> used(expected.begin(), expected.end());
  const std::int64_t others = vocab_size - std::ssize(used);
  if (others < std::ssize(used))
    throw UsageError("interchange: the pairs expect " + std::to_string(used.size()) +
                     " different tokens, and the vocabulary has " + std::to_string(others) +
                     " others for the control arbitrary_labels; leave it out of controls");
  std::map<std::int64_t, std::int64_t> label_of;
  std::vector<std::int64_t> labels;
  labels.reserve(expected.size());
  for (const std::int64_t token : expected) {
    const auto [entry, is_new] = label_of.emplace(token, 0);
    while (is_new) {
      entry->second =
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(vocab_size)));
      if (used.insert(entry->second).second) break;
    }
    labels.push_back(entry->second);
  }
  return labels;
}

}  // namespace lensbench::interchange
