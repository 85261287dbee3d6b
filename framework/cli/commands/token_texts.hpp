#pragma once

#include <filesystem>

#include "report/views/render.hpp"

namespace lensbench::cli {

/// Texts of the tokens of the model of an unsealed run. If the model or tokenizer is not found any
/// more, the text of a token is its id.
/// \param run  folder of the run
TokenText token_texts(const std::filesystem::path& run);

}  // namespace lensbench::cli
