#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <span>
#include <vector>

namespace lensbench::testing {

/// Expects an attribute of the name of every parameter that a tool declares.
inline void expect_recorded(std::span<const ParameterSpec> parameters, const Dataset& dataset) {
  for (const ParameterSpec& parameter : parameters)
    EXPECT_TRUE(dataset.attributes.contains(parameter.name))
        << "the result lacks an attribute for parameter " << parameter.name;
}

/// Expects equal variables, attributes and checks; floats by their bits.
inline void expect_equal(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.attributes, b.attributes);
  EXPECT_EQ(a.dims(), b.dims());
  ASSERT_EQ(a.variables().size(), b.variables().size());
  for (const Variable& variable : a.variables()) {
    ASSERT_TRUE(b.contains(variable.name)) << variable.name;
    const Variable& other = b[variable.name];
    EXPECT_EQ(variable.dims, other.dims) << variable.name;
    EXPECT_EQ(variable.strings, other.strings) << variable.name;
    ASSERT_EQ(variable.is_text(), other.is_text()) << variable.name;
    if (variable.is_text()) continue;
    ASSERT_EQ(variable.tensor.scalar_type(), other.tensor.scalar_type()) << variable.name;
    ASSERT_EQ(variable.tensor.sizes(), other.tensor.sizes()) << variable.name;
    EXPECT_EQ(
        std::memcmp(variable.tensor.data_ptr(), other.tensor.data_ptr(), variable.tensor.nbytes()),
        0)
        << variable.name;
  }
  ASSERT_EQ(a.receipts.size(), b.receipts.size());
  for (std::size_t i = 0; i < a.receipts.size(); ++i) {
    EXPECT_EQ(a.receipts[i].name, b.receipts[i].name);
    EXPECT_EQ(a.receipts[i].value, b.receipts[i].value) << a.receipts[i].name;
  }
}

/// Parameters as the host makes them from a plug-in's table.
inline std::vector<ParameterInfo> declared(std::span<const ParameterSpec> parameters) {
  return {parameters.begin(), parameters.end()};
}

}  // namespace lensbench::testing
