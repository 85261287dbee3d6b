#include <lensbench/experiment.hpp>

namespace lensbench {

Summary::~Summary() = default;

std::optional<std::string> Summary::field(std::int64_t case_number, const std::string& name) const {
  const auto& fields = input(case_number).fields;
  const auto found = fields.find(name);
  return found == fields.end() ? std::nullopt : std::optional(found->second);
}

/// Cases by the value of a field; cases without it are left out.
std::map<std::string, std::vector<std::int64_t>> Summary::groups(const std::string& name) const {
  std::map<std::string, std::vector<std::int64_t>> groups;
  for (const auto number : cases())
    if (const auto value = field(number, name)) groups[*value].push_back(number);
  return groups;
}

std::vector<std::string> Summary::ids() const {
  std::vector<std::string> ids;
  for (const auto number : cases()) ids.push_back(input(number).id);
  return ids;
}

/// One dataset is in memory at a time.
void Summary::for_each(
    const std::string& name,
    const std::function<void(std::int64_t case_number, const Dataset&)>& visit) const {
  for (const auto number : cases()) visit(number, dataset(number, name));
}

}  // namespace lensbench
