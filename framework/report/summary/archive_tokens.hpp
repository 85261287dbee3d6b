#pragma once

#include "archive/archive_reader.hpp"
#include "report/views/render.hpp"

namespace lensbench {

/// Texts of the token ids that an archive stores, so that drawing works without the model; an id
/// without a text is `<id>`. \throws InputError for damaged content
TokenText token_texts_of(const ArchiveReader& archive);

}  // namespace lensbench
