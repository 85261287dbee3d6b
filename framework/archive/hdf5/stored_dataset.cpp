#include "archive/hdf5/stored_dataset.hpp"

#include <lensbench/error.hpp>

namespace lensbench {

const StoredVariable& StoredDataset::operator[](const std::string& name) const {
  std::string known;
  for (const StoredVariable& variable : variables) {
    if (variable.facts.name == name) return variable;
    known += (known.empty() ? "'" : ", '") + variable.facts.name + "'";
  }
  throw UsageError("dataset: variable '" + name + "' not found; the dataset has " +
                   (known.empty() ? "none" : known));
}

}  // namespace lensbench
