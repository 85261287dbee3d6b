#pragma once

#include <lensbench/random.hpp>

#include "grading/scores/item_table.hpp"

/// Dictionaries that were not trained, as controls of one that was: a score that they reach too
/// says nothing of the training.
namespace lensbench::grading {

/// Mean |cosine| of each planted direction with the principal component of the tokens that it is
/// matched with: those of the largest variance, as many as features were found. NaN where the
/// features of tokens are not known.
double matched_components(const ItemTable& table);

/// The same with tokens for directions, drawn without repetition, as many as features were found or
/// as there are; mean over `draws` draws.
double matched_tokens(const ItemTable& table, std::size_t draws, Philox& random);

}  // namespace lensbench::grading
