#pragma once

#include <cstddef>
#include <lensbench/dataset.hpp>
#include <memory>
#include <string>

#include "archive/run/unit_bytes.hpp"
#include "core/costs.hpp"

// Binary forms of what a unit contains. Each `take` reads what the `put` of its type wrote.

namespace lensbench {

void put(UnitBytes& bytes, const CaseCosts& costs);
CaseCosts take_costs(UnitCursor& from);

/// Large tensors are not copied but referred to, so the dataset must outlive the bytes.
void put(UnitBytes& bytes, const Dataset& dataset);
/// \param unit_bytes  size of the whole unit: a tensor that is most of it shares its memory
/// \param owner       keeps that memory alive
/// \param subject     what the bytes are, for errors
/// \throws InputError
Dataset take_dataset(UnitCursor& from, std::size_t unit_bytes,
                     const std::shared_ptr<const void>& owner, const std::string& subject);

}  // namespace lensbench
