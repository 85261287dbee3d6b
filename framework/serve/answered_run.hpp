#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "session/run_session.hpp"

namespace lensbench::serve {

/// A run whose results are in memory.
struct AnsweredRun {
  std::unique_ptr<RunSession> session;
  RunSession::Kept kept;
  std::string file;                ///< name of the archive that it can become
  std::vector<std::string> notes;  ///< sentences about the run
};

/// The data of its page as a message:
///
/// - number of bytes of the JSON text, uint32, little-endian
/// - JSON `{"id", "notes", "file", "index", "blocks"}`: the number of the question, sentences, the
///   name of the archive, the index of a page and the sizes of its blocks in bytes
/// - the blocks; each begins at a multiple of 8 bytes
///
/// \param environment  facts about software and hardware
std::string page_message(std::int64_t number, const AnsweredRun& run,
                         const nlohmann::json& environment);

}  // namespace lensbench::serve
